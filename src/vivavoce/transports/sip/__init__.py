"""Telephone calls: SIP signalling, their media, and who takes them."""

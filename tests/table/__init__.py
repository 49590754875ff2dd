"""The table of the protocol in docs/: every event and every field, and what is true of it here."""

"""Every decision of the protocol, and nothing that waits: events go in, events and commands come out."""

"""The wire, typed: events, items and the session object of the Realtime protocol. No behaviour."""

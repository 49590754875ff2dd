"""Everything that waits: one runner for each session, which feeds the core and performs what it commands."""

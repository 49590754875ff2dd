"""Measures a server from the caller's side: many callers at once, each in real time."""

"""Another server of the Realtime wire as the engine: it hears and speaks, and the session stays ours.

`responder` is the engine, `dialogue` one session of it, `link` one connection, `conversation` what that server holds of
the session (`mirror`) and is told of it (`settings`), `history` what it should hold, `events` what it sends, and
`answer` what becomes of that.
"""

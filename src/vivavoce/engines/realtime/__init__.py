"""Another server of the Realtime wire as the engine: it hears and speaks, and the session stays ours.

`responder` is the engine, `dialogue` one session of it, `link` one connection, `conversation` what that server holds of
the session, `history` what it should hold, `answer` and `captions` what comes back.
"""

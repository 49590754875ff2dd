"""Calls from browsers: WebRTC, with its handshake over HTTP (PROTOCOL.md 1.4, 4.8, 7).

`offer.py` is the HTTP, `sdp.py` what both sides write to each other there, `call.py` the life of one call. `peer.py` is
its connection (ICE, DTLS, SCTP: aiortc and aioice), `ice.py` how peers find each other, and `channel.py` its events.
Its audio is `transports.rtp`.
"""

"""Offers as text: a good one, as a browser writes it, and what can be wrong with it."""

from __future__ import annotations

DIGEST = ":".join(["AB"] * 32)
SESSION = """v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=msid-semantic: WMS
"""
TRANSPORT = f"""a=ice-ufrag:4ZcD
a=ice-pwd:2/1muCWoOi3uLifh0NuRHlAB
a=ice-options:trickle
a=fingerprint:sha-256 {DIGEST}
a=setup:actpass
"""
AUDIO = """m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=sendrecv
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:13 CN/8000
a=rtpmap:110 telephone-event/48000
"""
VIDEO = """m=video 9 UDP/TLS/RTP/SAVPF 96 97
c=IN IP4 0.0.0.0
a=mid:2
a=recvonly
a=rtcp-mux
a=rtpmap:96 VP8/90000
"""
DATA = """m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=mid:1
a=sctp-port:5000
a=max-message-size:262144
"""
GOOD = SESSION + AUDIO + TRANSPORT + DATA + TRANSPORT
"""As Chromium writes it when it has no candidates yet."""

BAD: dict[str, tuple[str, str]] = {
    "nothing": ("", "not an SDP offer"),
    "garbage": ("hello\nm=audio\n", "not an SDP offer"),
    "no lines for media": (SESSION, "no bundled audio line"),
    "a media line that is cut off": (SESSION + "m=audio 9\n", "cannot be read: 'm=audio 9'"),
    "no audio": (SESSION + DATA + TRANSPORT, "no bundled audio line"),
    "no data channel": (SESSION + AUDIO + TRANSPORT, "no bundled data channel"),
    "no bundle": (GOOD.replace("a=group:BUNDLE 0 1\n", ""), "no 'a=group:BUNDLE'"),
    "audio apart from the bundle": (GOOD.replace("BUNDLE 0 1", "BUNDLE 1"), "no bundled audio line"),
    "unknown codecs only": (
        GOOD.replace("opus/48000/2", "speex/16000").replace(" 0 8 13 ", " 13 "),
        "None of the offered audio codecs is supported (",
    ),
    "a size that is no digit": (GOOD.replace("size:262144", "size:²"), "'a=max-message-size' is '²'"),
    "a payload type that is no number": (
        GOOD.replace("PF 111 63 9 0 8", "PF 1x1").replace("rtpmap:111", "rtpmap:1x1"),
        "None of the offered audio codecs",
    ),
    "a caller who hears nothing": (GOOD.replace("a=sendrecv", "a=sendonly"), "'sendonly'"),
    "separate ports for RTCP": (GOOD.replace("a=rtcp-mux\n", ""), "no 'a=rtcp-mux'"),
    "no credentials": (GOOD.replace("a=ice-pwd", "a=x-pwd"), "no 'a=ice-ufrag' or no 'a=ice-pwd'"),
    "endless credentials": (GOOD.replace("a=ice-ufrag:4ZcD", f"a=ice-ufrag:{'x' * 257}"), "too long"),
    "no fingerprint": (GOOD.replace("a=fingerprint:sha-256", "a=fingerprint:md5"), "no 'a=fingerprint' of a known"),
    "an odd protocol": (GOOD.replace("UDP/DTLS/SCTP", "DTLS/SCTP"), "protocol of the data channel's line is"),
    "an impossible port": (GOOD.replace("sctp-port:5000", "sctp-port:99999"), "'a=sctp-port' is '99999'"),
    "a size that is no number": (GOOD.replace("size:262144", "size:big"), "'a=max-message-size' is 'big'"),
    "a hundred lines": (SESSION + AUDIO * 100, "100 'm=' lines"),
}
"""What is wrong: the offer, and a part of the message that says so."""

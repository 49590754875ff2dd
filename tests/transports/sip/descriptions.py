"""Descriptions as phones and trunks write them."""

from __future__ import annotations

PHONE = """v=0
o=- 3911 1 IN IP4 192.0.2.10
s=-
c=IN IP4 192.0.2.10
t=0 0
m=audio 4000 RTP/AVP 96 0 8 101
a=rtpmap:96 opus/48000/2
a=fmtp:96 stereo=1;sprop-stereo=1
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20
"""
TRUNK = """v=0
o=FS 1 2 IN IP4 198.51.100.7
s=call
c=IN IP4 198.51.100.7
b=AS:84
t=0 0
m=audio 20002 RTP/AVP 8 0 13 101
a=rtpmap:101 telephone-event/8000
a=maxptime:40
a=ice-ufrag:abcd
a=candidate:1 1 udp 1 10.0.0.1 20002 typ host
m=video 20004 RTP/AVP 97
a=rtpmap:97 H264/90000
"""
KEY = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"
SECURE = f"""v=0
o=- 1 1 IN IP6 2001:db8::7
s=-
c=IN IP6 2001:db8::7
t=0 0
m=audio 6000 RTP/SAVPF 0 126
a=rtpmap:126 telephone-event/8000
a=crypto:1 AES_256_CM_HMAC_SHA1_80 inline:{KEY}
a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:{KEY}|2^31
a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:{KEY}
a=rtcp-mux
a=rtcp-fb:* nack
"""


def changed(text: str, *changes: tuple[str, str]) -> str:
    """With one thing in it replaced by another, which must be there."""
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after)
    return text

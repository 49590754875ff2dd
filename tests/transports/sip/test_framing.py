"""Where one message on a stream ends (RFC 3261, 18.3; RFC 5626, 3.5.1)."""

from __future__ import annotations

import pytest
from tests.transports.sip.scene import invite, request

from vivavoce.transports.sip.fields import SipError
from vivavoce.transports.sip.framing import BODY_BYTES, HEAD_BYTES, PING, PONG, Framer

STREAM = PING + invite() + PONG + invite(sdp=None).replace(b"Content-Length", b"l") + PONG + PING + request("OPTIONS")
MESSAGES = [PING, invite(), invite(sdp=None).replace(b"Content-Length", b"l"), PING, request("OPTIONS")]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100, 5000])
def test_messages_are_found_however_they_are_cut(size: int) -> None:
    framer, found = Framer(), []
    for start in range(0, len(STREAM), size):
        found += framer.feed(STREAM[start : start + size])
    # Two line ends of an answer and four of a ping are six: which two come first does not matter.
    assert found == MESSAGES


@pytest.mark.parametrize(
    "data",
    [
        b"\rx",
        b"\r\n\rx",
        b"x" * HEAD_BYTES,
        request("OPTIONS").replace(b"Content-Length: 0\r\n", b""),
        request("OPTIONS").replace(b"Content-Length: 0", b"Content-Length: %d" % (BODY_BYTES + 1)),
        request("OPTIONS").replace(b"Content-Length: 0", b"Content-Length: x"),
        b"GET / HTTP/1.1\r\nno header\r\n\r\n",
        b"\x16\x03\x01\0\0\r\n\r\n",
    ],
)
def test_what_is_no_sip_ends_the_connection(data: bytes) -> None:
    with pytest.raises(SipError):
        Framer().feed(data)


def test_half_a_message_is_waited_for() -> None:
    framer = Framer()
    assert framer.feed(invite()[:-1]) == []
    assert framer.feed(b"\n") == [invite()]

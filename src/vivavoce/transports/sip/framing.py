"""SIP on a stream: where one message ends and the next begins (RFC 3261, 18.3; RFC 5626, 3.5.1)."""

from __future__ import annotations

from vivavoce.transports.sip.fields import SipError
from vivavoce.transports.sip.message import content_length, header_field, unfolded

HEAD_BYTES = 32 * 1024
"""Most bytes of start line and header fields."""
BODY_BYTES = 64 * 1024
"""Most bytes of a body."""
PING, PONG = b"\r\n\r\n", b"\r\n"


class Framer:
    """The messages of one connection. A `PING` among them is one, and wants a `PONG`."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._whole: int | None = None  # bytes of the message that is arriving, once its head is there

    def feed(self, data: bytes) -> list[bytes]:
        """What is whole now. Raises `SipError` when no further message can be found on this connection."""
        self._held += data
        found: list[bytes] = []
        while (message := self._next()) is not None:
            if message != PONG:
                found.append(message)
        return found

    def _next(self) -> bytes | None:
        held = self._held
        if self._whole is None and (not held or held.startswith(b"\r")):
            return self._between()
        if self._whole is None:
            end = held.find(b"\r\n\r\n", 0, HEAD_BYTES)
            if end < 0:
                if len(held) >= HEAD_BYTES:
                    raise SipError(f"no end of the header fields in {HEAD_BYTES} bytes")
                return None
            self._whole = end + 4 + _body(bytes(held[:end]))
        if len(held) < self._whole:
            return None
        whole, self._whole = self._whole, None
        return self._take(whole)

    def _between(self) -> bytes | None:
        held = bytes(self._held[:4])
        if held == PING:
            return self._take(len(PING))
        if PING.startswith(held):
            return None  # nothing, or not yet clear which of the two
        if held.startswith(PONG) and held[2:3] != b"\r":
            return self._take(len(PONG))
        raise SipError("no SIP on this connection")

    def _take(self, size: int) -> bytes:
        taken = bytes(self._held[:size])
        del self._held[:size]
        return taken


def _body(head: bytes) -> int:
    length = content_length(tuple(header_field(line) for line in unfolded(head)[1:]))
    if length is None:
        raise SipError("no Content-Length")
    if length > BODY_BYTES:
        raise SipError(f"a body of more than {BODY_BYTES} bytes")
    return length

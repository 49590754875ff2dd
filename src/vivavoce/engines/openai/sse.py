"""Server-sent events, as far as chat completions use them (WHATWG HTML, 9.2 Server-sent events)."""

from __future__ import annotations

MAX_EVENT_BYTES = 1 << 20
"""An event beyond this is no event of a language model."""


class SseParser:
    """Bytes in, cut anywhere, and the data of each finished event out. It knows nothing of what the data means."""

    def __init__(self, longest: int = MAX_EVENT_BYTES) -> None:
        """`longest`: bytes of an event."""
        self._longest = longest
        self._rest = bytearray()
        """A line whose end has not come."""
        self._data: list[str] = []
        self._size = 0

    def feed(self, received: bytes) -> list[str]:
        """The data of the events that `received` completes. Raises `ValueError` for what cannot be one.

        Comments, which servers send to keep the line alive, and fields other than `data` are passed over.
        """
        # Only what is new is searched and moved: an event may be megabytes of audio that come in small pieces.
        first, *others = received.split(b"\n")
        self._rest += first
        lines: list[bytes] = []
        if others:
            lines = [bytes(self._rest), *others[:-1]]
            self._rest = bytearray(others[-1])
        events = [event for line in lines if (event := self._line(line.removesuffix(b"\r"))) is not None]
        if self._size + len(self._rest) > self._longest:
            raise ValueError("an event without an end")
        return events

    def finish(self) -> list[str]:
        """At the end of the stream: the last event, where a server forgot the empty line after it."""
        return [*self.feed(b"\n"), *self.feed(b"\n")] if self._rest or self._data else []

    def _line(self, line: bytes) -> str | None:
        if not line:
            data, self._data, self._size = self._data, [], 0
            return "\n".join(data) if data else None
        name, _, value = line.partition(b":")
        if name.removeprefix(b"\xef\xbb\xbf") == b"data":
            self._data.append(value.removeprefix(b" ").decode())
            self._size += len(value)
        return None

"""What the programs around Python clients share. It runs in their environment, beside no package of ours."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path

PATIENCE_S = 60
"""How long the next event may take."""
INSTRUCTIONS = "Arr, matey."
VOICE = "cedar"
WISH = 'Use weather with {"city": "Oslo"}.'
"""What the scripted model does; it then tells what came back."""
TWO_WISHES = 'Use weather with {"city": "Oslo"} and use weather with {"city": "Bergen"}.'
SLOW_WISH = 'Use weather with {"city": "Rome"}.'
CLOCK_WISH = 'Use clock with {"city": "Oslo"}.'
RATE = 24_000
PAUSE = bytes(RATE // 1000 * 2 * 1500)
"""Silence, long enough to end a turn."""


def report(step: str, **saw: object) -> None:
    """One JSON line: what the client saw in this step."""
    print(json.dumps({"step": step, **saw}), flush=True)


def digest(audio: bytes | bytearray) -> str:
    """Of PCM, 24 kHz, mono, 16 bits."""
    return hashlib.sha256(audio).hexdigest()


def pieces(speech: bytes, ms: int = 40) -> Iterator[bytes]:
    """As a microphone gives them."""
    size = RATE * ms // 1000 * 2
    for start in range(0, len(speech), size):
        yield speech[start : start + size]


class Weather:
    """A tool. In Rome it takes until `arrived` is set."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.begun = asyncio.Event()
        self.arrived = asyncio.Event()

    async def look(self, city: str) -> str:
        """What the weather is like in a city."""
        self.asked.append(city)
        if city == "Rome":
            self.begun.set()
            await asyncio.wait_for(self.arrived.wait(), PATIENCE_S)
        return f"rain in {city}"


class Inbox:
    """Events in the order in which they came, for one reader that waits for those it wants."""

    def __init__(self) -> None:
        self.position = 0
        """After the last event that was waited for."""
        self._events: list[tuple[str, object]] = []
        self._more = asyncio.Event()

    def put(self, kind: str, event: object = None) -> None:
        """An event has come."""
        self._events.append((kind, event))
        self._more.set()

    async def until(self, kind: str, since: int | None = None):
        """The next event of this kind after the last one that was waited for, or from a position on."""
        at = self.position if since is None else since
        while True:
            while at == len(self._events):
                self._more.clear()
                try:
                    await asyncio.wait_for(self._more.wait(), PATIENCE_S)
                except TimeoutError:
                    raise TimeoutError(f"There was no {kind}.") from None
            at += 1
            if self._events[at - 1][0] == kind:
                self.position = at
                return self._events[at - 1][1]


def start(main: Callable[..., Coroutine[object, object, None]]) -> None:
    """Run a program with what it was told: the address as in `http://host:port/v1`, the key, the speech; and the
    address of an MCP server where there is one."""
    url, key, speech, *servers = sys.argv[1:]
    asyncio.run(main(url, key, Path(speech).read_bytes(), *servers))

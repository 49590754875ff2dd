"""A caller's audio where it travels by itself and not in events: WebRTC, SIP. The server paces it, so it knows what was
heard (PROTOCOL.md 4.8)."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from vivavoce.core import effects as fx
from vivavoce.protocol.client import InputAudioBufferAppend
from vivavoce.protocol.errors import ProtocolError
from vivavoce.protocol.session import SessionObject
from vivavoce.runtime.noise import Cleaner
from vivavoce.runtime.outbox import Outbox


class Ear(Protocol):
    """What a line tells; the runner listens."""

    async def heard(self, pcm: bytes) -> None:
        """The caller's next audio, 24 kHz mono PCM16, without gaps."""

    def playing(self, response_id: str) -> None:
        """The first sound of this answer leaves now."""

    def played(self, response_id: str) -> None:
        """Its last sound has left, and `finish` was called."""

    def pressed(self, key: str) -> None:
        """The caller has pressed a key of the telephone: 0 to 9, *, #, A to D."""


class Line(Protocol):
    """What a transport offers that paces audio in real time. No method raises, also when the caller is gone."""

    @property
    def telephone(self) -> bool:
        """What is heard lacks all above 4 kHz: its codec, at present, is G.711."""

    def open(self, ear: Ear) -> None:
        """The session begins. Everything that is heard goes to `ear`; nothing was heard before."""

    def play(self, response_id: str, pcm: bytes) -> None:
        """24 kHz mono PCM16, behind what is queued."""

    def finish(self, response_id: str) -> None:
        """Nothing more of this answer will come."""

    def clear(self) -> dict[str, int]:
        """Silence at once, without a click: for each answer not played to its end, the samples that were played."""

    async def drained(self) -> None:
        """There is room for more."""


@dataclass(frozen=True, slots=True)
class Call:
    """A session whose audio is on a line."""

    id: str
    """`rtc_...`: by this it is joined and hung up."""
    line: Line
    session: SessionObject | None = None
    """What it begins with, where the request brought it; otherwise the caller's client secret says, or the defaults."""


class Attention:
    """A session's ear on its line."""

    def __init__(self, tell: Callable[[fx.AudioIn | fx.LineEvent], object], cleaner: Cleaner) -> None:
        self._tell = tell
        self._cleaner = cleaner

    async def heard(self, pcm: bytes) -> None:
        """The caller speaks, or is silent."""
        if cleaned := await self._cleaner.clean(pcm):
            self._tell(fx.AudioIn(pcm=cleaned))

    def playing(self, response_id: str) -> None:
        """An answer begins to be heard."""
        self._tell(fx.PlaybackStarted(response_id=response_id))

    def played(self, response_id: str) -> None:
        """An answer has been heard."""
        self._tell(fx.PlaybackStopped(response_id=response_id))

    def pressed(self, key: str) -> None:
        """A key of the telephone."""
        self._tell(fx.KeyPressed(key=key, at=int(time.time())))


def play(line: Line, command: fx.Play | fx.PlayEnd | fx.ClearPlayout) -> fx.PlayoutCleared | None:
    """Perform a command; what the core must hear of it."""
    match command:
        case fx.Play():
            line.play(command.response_id, command.pcm)
        case fx.PlayEnd():
            line.finish(command.response_id)
        case fx.ClearPlayout():
            return fx.PlayoutCleared(played=line.clear())
    return None


def room(outbox: Outbox, line: Line | None) -> Callable[[], Awaitable[None]]:
    """How an answer waits until there is room for more of it, on each way that it goes."""

    async def drained() -> None:
        await outbox.drained()
        if line is not None:
            await line.drained()

    return drained


def appended_to_a_call(event: InputAudioBufferAppend) -> ProtocolError:
    """Two voices in one stream would be nobody's: the caller of a call is heard on the line alone."""
    message = "'input_audio_buffer.append' is not allowed in a call: its audio comes over the line."
    return ProtocolError("invalid_value", message, param="type", event_id=event.event_id)

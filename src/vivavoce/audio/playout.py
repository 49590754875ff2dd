"""What the server says, in frames of 20 ms at the pace of a clock, and how much of it was said.

A WebSocket client plays for itself and reports where it stopped. On a call the server plays, so it is the one who knows
(PROTOCOL.md 4.6 and 4.8).
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio.pcm import WIRE_RATE, Pcm

FRAME = WIRE_RATE // 50
"""Samples of a frame: 20 ms."""
CATCH_UP = 0.2
"""Seconds that are made good in a burst when frames were asked for too late; more than that is left out."""

_FADE_OUT = WIRE_RATE * 5 // 1000
_FADE_IN = WIRE_RATE * 2 // 1000
_FALL = np.linspace(1, 0, _FADE_OUT, endpoint=False)
_RISE = np.linspace(0, 1, _FADE_IN, endpoint=False)
_TAIL_FRAMES = 10
"""Frames of silence after speech, 200 ms: a listener's concealment then goes on with silence, not with the voice."""
_REMEMBERED = 64
"""Utterances whose positions are kept."""


@dataclass(frozen=True, slots=True)
class OutFrame:
    """20 ms at 24 kHz.

    `position` is where it belongs in samples at 24 kHz since the first frame, pauses counted: times the codec's clock
    over 24,000 it is the RTP timestamp. `first` after a pause: the RTP marker (RFC 3551 4.1).
    """

    pcm: Pcm
    position: int
    first: bool


@dataclass(slots=True)
class _Piece:
    utterance: str
    samples: NDArray[np.int16]


class Playout:
    """Speech waits here for its time. With `continuous` silence is played too, from the first moment, as to a phone."""

    def __init__(self, *, continuous: bool = False) -> None:
        self._continuous = continuous
        self._queue: deque[_Piece] = deque()
        self._queued = 0
        self._played: dict[str, int] = {}
        self._began: float | None = None
        self._position = 0
        """Of the next frame, in samples since `_began`."""
        self._paused = True
        self._tail = 0
        """Frames of silence that are still owed."""
        self._last = 0
        """The sample that was handed out last."""
        self._broken = True
        """Whether what waits does not follow that sample."""
        self._fading: NDArray[np.int16] | None = None
        """What follows it but was cut off: it is faded out."""

    @property
    def queued(self) -> int:
        """Samples that wait."""
        return self._queued

    def played(self, utterance: str) -> int:
        """Samples of `utterance` that were handed out, a fade after `clear` not counted; 0 for one long past."""
        return self._played.get(utterance, 0)

    def push(self, pcm: Pcm, utterance: str) -> None:
        """Say `pcm`, of `utterance`, after what waits already. Raises `ValueError` when it is not at 24 kHz."""
        if pcm.rate != WIRE_RATE:
            raise ValueError(f"what is played is {WIRE_RATE} Hz, this audio is {pcm.rate} Hz")
        if len(pcm.samples):
            self._queue.append(_Piece(utterance, pcm.samples))
            self._queued += len(pcm.samples)

    def clear(self) -> None:
        """Stop: everything that waits is forgotten, and the next frame fades the voice out within 5 ms."""
        if self._last and not self._broken:
            self._fading = self._following()
        self._broken = True
        self._queue.clear()
        self._queued = 0

    def deadline(self) -> float | None:
        """When the next frame is due: long ago if it waited for one; None if there is nothing to play."""
        if self._idle():
            return None
        return -math.inf if self._began is None else self._began + self._position / WIRE_RATE

    def frame(self, now: float) -> OutFrame | None:
        """The next frame, if it is time for one. Ask until None: late asking is made good, up to 200 ms."""
        if self._idle():
            return None
        if self._began is None:
            self._began = now
        elapsed = math.floor((now - self._began) * WIRE_RATE + 0.5)
        if self._paused or elapsed - self._position > CATCH_UP * WIRE_RATE:
            self._position = max(self._position, elapsed)
        if elapsed < self._position:
            return None
        frame = OutFrame(Pcm(self._render(), WIRE_RATE), self._position, self._paused)
        self._position += FRAME
        self._paused = self._idle()
        return frame

    def _idle(self) -> bool:
        waiting = self._queued or self._tail or self._fading is not None
        return not waiting and not self._continuous

    def _render(self) -> NDArray[np.int16]:
        """One frame. Wherever the voice breaks off or begins, it does so by degrees."""
        out = np.zeros(FRAME)
        speech = np.zeros(0, np.int16) if self._fading is not None else self._take()
        spoken = len(speech)
        out[:spoken] = speech
        if self._broken:
            rising = min(_FADE_IN, spoken)
            out[:rising] *= _RISE[:rising]
        if 0 < spoken < FRAME:
            falling = min(_FADE_OUT, FRAME - spoken)
            out[spoken : spoken + falling] = out[spoken - 1] * _FALL[:falling]
        if self._fading is not None:
            out[:_FADE_OUT] = self._fading * _FALL
        elif self._broken or not spoken:
            out[:_FADE_OUT] += self._last * _FALL
        self._fading = None
        self._broken = spoken < FRAME
        self._tail = _TAIL_FRAMES if spoken or self._last else max(0, self._tail - 1)
        frame = np.clip(np.rint(out), -32768, 32767).astype(np.int16)
        self._last = int(frame[-1])
        return frame

    def _take(self) -> NDArray[np.int16]:
        """Up to a frame's worth of what waits, and the note that it was played."""
        taken: list[NDArray[np.int16]] = []
        wanted = FRAME
        while wanted and self._queue:
            piece = self._queue[0]
            part, piece.samples = piece.samples[:wanted], piece.samples[wanted:]
            if not len(piece.samples):
                self._queue.popleft()
            taken.append(part)
            wanted -= len(part)
            self._played[piece.utterance] = self._played.get(piece.utterance, 0) + len(part)
        while len(self._played) > _REMEMBERED:
            del self._played[next(iter(self._played))]
        self._queued -= FRAME - wanted
        return np.concatenate(taken) if taken else np.zeros(0, np.int16)

    def _following(self) -> NDArray[np.int16]:
        """The 5 ms that wait next; where there is less, its last sample goes on."""
        waiting = [piece.samples[:_FADE_OUT] for piece in self._queue]
        follows = np.concatenate([*waiting, np.zeros(0, np.int16)])[:_FADE_OUT]
        last = follows[-1] if len(follows) else self._last
        return np.concatenate((follows, np.full(_FADE_OUT - len(follows), last, np.int16)))

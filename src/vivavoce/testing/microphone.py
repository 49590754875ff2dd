"""A caller's microphone: 20 ms frames in real time, silence included, as a sound card would deliver them."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from pybase64 import b64encode

from vivavoce.audio.g711 import (
    ALAW_SILENCE,
    G711_RATE,
    ULAW_SILENCE,
    alaw_decode,
    alaw_encode,
    ulaw_decode,
    ulaw_encode,
)
from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.audio.resample import resample
from vivavoce.testing.client import Client, ClientError, Event

FRAME_MS = 20
_WINDOW_MS = 10
"""The ends of speech are found to this precision."""
_BELOW_PEAK_DB = 40.0
"""Quieter than the loudest moment by this much is no speech: a soft final consonant is 25 to 35 dB down."""
_FAINTEST_DB = -65.0
_OVER_NOISE_DB = 8.0
_LEAST_RANGE_DB = 15.0
"""However noisy a recording, its loudest part is speech."""


@dataclass(frozen=True, slots=True)
class WireFormat:
    """One of the three audio formats of the wire (PROTOCOL.md 3.2)."""

    name: str
    rate: int
    encode: Callable[[Pcm], bytes]
    decode: Callable[[bytes], Pcm]
    silence: bytes
    """One sample."""

    @property
    def setting(self) -> Event:
        """As `session.update` has it; only PCM has a rate."""
        return {"type": f"audio/{self.name}", **({"rate": self.rate} if self.name == "pcm" else {})}


FORMATS: Mapping[str, WireFormat] = MappingProxyType(
    {
        "pcm": WireFormat("pcm", WIRE_RATE, Pcm.to_bytes, Pcm.from_bytes, b"\0\0"),
        "pcmu": WireFormat("pcmu", G711_RATE, ulaw_encode, ulaw_decode, ULAW_SILENCE),
        "pcma": WireFormat("pcma", G711_RATE, alaw_encode, alaw_decode, ALAW_SILENCE),
    }
)


@dataclass(frozen=True, slots=True)
class Speech:
    """Something to say, encoded once: every caller and every turn sends the same frames."""

    frames: tuple[str, ...]
    """`input_audio_buffer.append` events, `FRAME_MS` each."""
    last_voiced: int
    """The frame that holds the end of the speech; what follows is trailing silence."""
    onset_ms: float
    """From the first sample to the first sound of the speech."""
    ms: float
    """From the first sample to the end of the speech."""

    @staticmethod
    def of(pcm: Pcm, wire: WireFormat) -> Speech:
        """Any audio, for a wire of this format. Raises `ValueError` when it is silent."""
        audio = resample(pcm, wire.rate)
        onset, end = speech_span(audio)
        step = wire.rate * FRAME_MS // 1000
        # Silence in front, so that the last sample of the speech is the last of its frame: the moment at which
        # the frame is sent is then the moment at which the caller falls silent, to the sample.
        front = -end % step
        back = -(front + len(audio.samples)) % step
        padded = Pcm(np.pad(audio.samples, (front, back)), audio.rate)
        frames = tuple(append_event(wire.encode(piece)) for piece in padded.chunks(FRAME_MS))
        per_ms = audio.rate / 1000
        return Speech(frames, (front + end) // step - 1, (front + onset) / per_ms, (front + end) / per_ms)


class Spoken:
    """One `Speech` on its way to the server. Times are of `time.monotonic`."""

    def __init__(self, speech: Speech) -> None:
        self.speech = speech
        self.began: float | None = None
        """Its first frame was sent."""
        self.ended: float | None = None
        """The frame with the end of the speech was sent."""
        self.silent = asyncio.Event()
        """Set at `ended`, or when the connection is over and it will never be."""

    @property
    def onset(self) -> float | None:
        """When its first sound was made; a frame is sent when the last of its samples was."""
        return None if self.began is None else self.began + (self.speech.onset_ms - FRAME_MS) / 1000

    def sent(self, frame: int, now: float) -> None:
        """Frame number `frame` was handed to the socket at `now`."""
        if frame == 0:
            self.began = now
        if frame == self.speech.last_voiced:
            self.ended = now
            self.silent.set()


@dataclass(slots=True)
class Microphone:
    """Streams to a client until `run` is cancelled.

    `open`: silence flows whenever nothing is said, as from a microphone. Otherwise nothing is sent then, and what
    is said ends with its speech, as with a key that is held down (push to talk).
    """

    client: Client
    wire: WireFormat
    open: bool = True
    lags: list[float] = field(default_factory=list)
    """How late each frame was, in seconds: a caller that is itself starved of CPU shows here."""
    _queue: deque[Spoken] = field(default_factory=deque)
    _gone: bool = False

    def say(self, speech: Speech) -> Spoken:
        """Say this after everything that was to be said before."""
        spoken = Spoken(speech)
        self._queue.append(spoken)
        if self._gone:
            spoken.silent.set()
        return spoken

    async def run(self) -> None:
        """Until the connection is over."""
        try:
            await self._stream()
        except ClientError:
            self._gone = True
            for spoken in self._queue:
                spoken.silent.set()

    async def _stream(self) -> None:
        """One frame each 20 ms, by deadlines from a fixed start, so that delays do not add up."""
        silence = append_event(self.wire.silence * (self.wire.rate * FRAME_MS // 1000)) if self.open else None
        frame = 0
        due = time.monotonic()
        while True:
            due += FRAME_MS / 1000
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            spoken = self._queue[0] if self._queue else None
            text = spoken.speech.frames[frame] if spoken else silence
            now = time.monotonic()
            self.lags.append(now - due)
            if text is not None:
                await self.client.send_text(text)
            if spoken:
                spoken.sent(frame, now)
                frame += 1
                if frame == self._length(spoken.speech):
                    self._queue.popleft()
                    frame = 0

    def _length(self, speech: Speech) -> int:
        return len(speech.frames) if self.open else speech.last_voiced + 1


def append_event(audio: bytes) -> str:
    """An `input_audio_buffer.append` event, as text."""
    return f'{{"type":"input_audio_buffer.append","audio":"{b64encode(audio).decode()}"}}'


def speech_span(pcm: Pcm) -> tuple[int, int]:
    """The first sample of the speech and the one after its last, by loudness alone: silence at the ends trimmed off.

    Raises `ValueError` for silence.
    """
    step = pcm.rate * _WINDOW_MS // 1000
    padded = np.pad(pcm.samples, (0, -len(pcm.samples) % step)).reshape(-1, step).astype(np.float64)
    power = np.square(padded / 32768).mean(axis=1)
    level = 10 * np.log10(np.maximum(power, 1e-12))
    loudest = float(level.max(initial=-120.0))
    if loudest < _FAINTEST_DB:
        raise ValueError("this audio is silent")
    noise = float(np.percentile(level, 5)) + _OVER_NOISE_DB
    threshold = max(loudest - _BELOW_PEAK_DB, _FAINTEST_DB, min(noise, loudest - _LEAST_RANGE_DB))
    voiced = np.flatnonzero(level >= threshold)
    return int(voiced[0]) * step, min((int(voiced[-1]) + 1) * step, len(pcm.samples))

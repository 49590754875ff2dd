"""What a model that speaks by itself says, cut into answers: where each begins and ends, and one of them on its way."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from typing import Literal

import numpy as np

from vivavoce.audio.pcm import Pcm
from vivavoce.ports import Began, EngineError, Finished, ResponsePart, SpokenAudio, SpokenText

VOICE_DB = -45.0
"""Level from which sound counts as voice, dBFS: 20 dB below quiet speech, and above what a codec makes of silence."""
ONSET_MS = 80
"""Sound for this long begins an answer, shorter ones are clicks. Words begin it at once."""
LEAD_MS = 160
"""What is kept of the sound before that: the onset itself, and the breath before it."""
END_MS = 800
"""Neither sound nor words for this long end an answer. Models pause for breath, and between sentences, for less."""
HUSHED_MS = 320
"""An answer that was cut is over for the model too after a silence of this: the next sound begins another. Shorter than
`END_MS`, for whoever is interrupted breaks off in the middle of it, and may have something to say right after."""
MOST_HUSHED_MS = 5000
"""Or after this, if it talks on: it means to be heard."""
MOST_PARTS = 32
"""Of an answer that wait for a slow client; then the model waits too."""


class Mouth:
    """Does one model speak? Counted on its own audio, so that it does not matter how fast that comes."""

    def __init__(self) -> None:
        self._state: Literal["quiet", "speaking", "hushed"] = "quiet"
        self._run_ms = 0.0
        """Of sound, while it is quiet; else of silence."""
        self._hushed_ms = 0.0
        self._before: deque[SpokenAudio] = deque()
        """The latest audio, while it is quiet."""

    @property
    def speaking(self) -> bool:
        """An answer is being said."""
        return self._state == "speaking"

    def hush(self) -> None:
        """Nobody listens to the rest of this answer."""
        self._state = "hushed"
        self._run_ms = self._hushed_ms = 0.0

    def begins(self, part: SpokenAudio | SpokenText) -> list[SpokenAudio | SpokenText]:
        """What is to be heard of an answer that begins with this part; nothing: none begins."""
        voiced = _voiced(part)
        if self._state == "hushed":
            self._wait(part, voiced)
            return []
        if isinstance(part, SpokenAudio):
            self._before.append(part)
            while len(self._before) > 1 and sum(each.audio.ms for each in self._before) > LEAD_MS:
                self._before.popleft()
            self._run_ms = self._run_ms + part.audio.ms if voiced else 0.0
            voiced = self._run_ms >= ONSET_MS
        if not voiced:
            return []
        said: list[SpokenAudio | SpokenText] = list(self._before)
        if isinstance(part, SpokenText):
            said.append(part)
        self._before.clear()
        self._state, self._run_ms = "speaking", 0.0
        return said

    def ends(self, part: SpokenAudio | SpokenText) -> bool:
        """The answer is over with this part."""
        self._run_ms = 0.0 if _voiced(part) else self._run_ms + _ms(part)
        if self._run_ms < END_MS:
            return False
        self._state, self._run_ms = "quiet", 0.0
        return True

    def _wait(self, part: SpokenAudio | SpokenText, voiced: bool) -> None:
        self._run_ms = 0.0 if voiced else self._run_ms + _ms(part)
        self._hushed_ms += _ms(part)
        if self._run_ms >= HUSHED_MS or self._hushed_ms >= MOST_HUSHED_MS:
            self._state, self._run_ms = "quiet", 0.0


class Utterance:
    """One answer, from the model to whoever performs it."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        """It has been performed, or nobody wants it any more."""
        self._parts: deque[SpokenAudio | SpokenText] = deque()
        self._end: EngineError | Finished | None = None
        self._worded = False
        self._news = asyncio.Event()
        self._room = asyncio.Event()

    @property
    def ended(self) -> bool:
        """The model has said all of it."""
        return self._end is not None

    async def put(self, part: SpokenAudio | SpokenText) -> None:
        """More of it. Waits while too much is on its way; does nothing once it is over."""
        if isinstance(part, SpokenText) and not self._worded:
            part = SpokenText(part.text.lstrip())  # models put the gap before a word
            self._worded = bool(part.text)
            if not self._worded:
                return
        while len(self._parts) >= MOST_PARTS and not self.over.is_set():
            self._room.clear()
            await self._room.wait()
        if not self.over.is_set():
            self._parts.append(part)
            self._news.set()

    def end(self, how: EngineError | Finished) -> None:
        """The model has finished, or failed."""
        self._end = how
        self._news.set()

    def drop(self) -> None:
        """Nobody wants the rest."""
        self.over.set()
        self._parts.clear()
        self._room.set()

    async def parts(self) -> AsyncGenerator[ResponsePart, None]:
        """All of it, once. Raises `EngineError`."""
        try:
            yield Began()
            while True:
                while self._parts:
                    self._room.set()
                    yield self._parts.popleft()
                if isinstance(self._end, EngineError):
                    raise self._end
                if self._end is not None:
                    yield self._end
                    return
                self._news.clear()
                await self._news.wait()
        finally:
            self.drop()


def _ms(part: SpokenAudio | SpokenText) -> float:
    return part.audio.ms if isinstance(part, SpokenAudio) else 0.0


def _voiced(part: SpokenAudio | SpokenText) -> bool:
    if isinstance(part, SpokenText):
        return bool(part.text.strip())
    return _level_db(part.audio) >= VOICE_DB


def _level_db(audio: Pcm) -> float:
    power = float(np.mean(np.square(audio.to_float(), dtype=np.float64))) if len(audio.samples) else 0.0
    return float(10 * np.log10(max(power, 1e-12)))

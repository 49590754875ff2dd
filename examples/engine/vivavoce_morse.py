"""A voice for Vivavoce that speaks in Morse code."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated

import numpy as np
from msgspec import Meta

from vivavoce.audio.pcm import Pcm
from vivavoce.ports import MAX_CHUNK_MS, EngineError, Voice, VoiceInfo

MARKS = (
    ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.. "
    "----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----."
)
CODE = dict(zip("abcdefghijklmnopqrstuvwxyz0123456789", MARKS.split(), strict=True))
RATE = 24_000


class Morse:
    """Morse code in tones; each voice has a pitch of its own."""

    name = "morse"
    voices = ("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar")
    speeds = (0.25, 1.5)
    languages = ("en",)
    catalogue = tuple(VoiceInfo(voice, ("en",), "Morse code") for voice in voices)
    cloner = None  # it makes no voices after samples

    def __init__(self, wpm: Annotated[int, Meta(ge=5, le=40, description="Words a minute, at speed 1.")] = 20) -> None:
        self.running = 0
        self._dot_ms = 1200 / wpm  # by the word PARIS, which is 50 dots long

    async def start(self) -> None:
        """There is nothing to load."""

    async def aclose(self) -> None:
        """There is nothing to free."""

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[Pcm, None]:
        if voice.name not in self.voices:
            raise EngineError("unknown_voice", f"Morse code has no voice {voice.name!r}.")
        hertz, dot = 400 * 2 ** (self.voices.index(voice.name) / 12), self._dot_ms / voice.speed
        self.running += 1
        try:
            for letter in text.lower():
                marks = [tone(hertz, dot if mark == "." else 3 * dot, dot) for mark in CODE.get(letter, "")]
                pause = Pcm.silence(dot * (4 if letter == " " else 2 if marks else 0), RATE)
                for chunk in Pcm.join([*marks, pause], RATE).chunks(MAX_CHUNK_MS):
                    yield chunk
                    await asyncio.sleep(0)  # the other callers get their turn
        finally:
            self.running -= 1


def tone(hertz: float, ms: float, gap_ms: float) -> Pcm:
    """A tone without clicks, and a gap after it."""
    at = np.arange(round(RATE * ms / 1000)) / RATE
    loudness = 6000 * np.minimum(1, np.minimum(at, at[::-1]) / 0.005)
    return Pcm.join([Pcm((np.sin(2 * np.pi * hertz * at) * loudness).astype("int16"), RATE), Pcm.silence(gap_ms, RATE)])

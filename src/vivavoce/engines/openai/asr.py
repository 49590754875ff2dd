"""Speech recognition by a remote server: `POST /audio/transcriptions`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from itertools import groupby

import numpy as np

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.resample import resample
from vivavoce.audio.wav import wav_bytes
from vivavoce.engines.openai.http import Body, Net, Remote
from vivavoce.engines.openai.payload import find, parse
from vivavoce.ports import AsrHint, Transcript

RATE = 16_000
"""Hz of what is sent: all that speech models hear, and a third less than the wire's rate."""
MIN_S = 0.1
"""Shorter audio holds no word, and OpenAI refuses it."""
SILENCE_PEAK = 32
"""No sample above this (-60 dBFS) is silence. Whisper hears words in it; nothing is asked then."""
MAX_ANSWER_BYTES = 1 << 20


class OpenAiAsr:
    """One request a turn, when the turn is over. `language` applies where the session names none."""

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key: str | None = None,
        *,
        language: str | None = None,
        net: Net | None = None,
    ) -> None:
        """`base_url` ends in the version (".../v1"). Raises `ValueError` for an unusable address or key."""
        self._remote = Remote("speech recogniser", base_url, model, api_key, net or Net())
        self._language = language

    @property
    def name(self) -> str:
        """`openai`."""
        return "openai"

    @property
    def running(self) -> int:
        """Requests in flight."""
        return self._remote.running

    async def start(self) -> None:
        """A warning in the log if the server cannot be reached now; it may come up later."""
        await self._remote.check()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._remote.aclose()

    async def transcribe(self, speech: AsyncIterator[Pcm], hint: AsrHint) -> AsyncGenerator[Transcript, None]:
        """One final transcript. Raises `EngineError`."""
        pieces = [piece async for piece in speech]
        wav = await asyncio.to_thread(_wav, pieces)  # minutes of audio would hold up the loop
        if wav is None:
            yield Transcript("")
            return
        async with self._remote.post("/audio/transcriptions", self._body(wav, hint)) as reply:
            answer = await reply.read(MAX_ANSWER_BYTES)
        try:
            text = find(parse(answer), "text")
        except ValueError:
            text = None
        if not isinstance(text, str):
            raise self._remote.failure("engine_failed", "answered something that is no transcript")
        yield Transcript(text.strip())

    def _body(self, wav: bytes, hint: AsrHint) -> Body:
        form = {"model": self._remote.model, "response_format": "json"}
        if language := hint.language or self._language:
            form["language"] = language
        if hint.prompt:
            form["prompt"] = hint.prompt
        return Body(form=form, files={"file": ("speech.wav", wav, "audio/wav")})


def _wav(pieces: list[Pcm]) -> bytes | None:
    """The speech as a file, or None if there is nothing to hear in it."""
    # Joined before resampling wherever the rate allows: a filter's edges belong at the ends only.
    runs = [Pcm.join(list(run)) for _, run in groupby(pieces, key=lambda piece: piece.rate)]
    audio = Pcm.join([resample(run, RATE) for run in runs], RATE)
    if len(audio.samples) < MIN_S * RATE or np.abs(audio.samples.astype(np.int32)).max() <= SILENCE_PEAK:
        return None
    return wav_bytes(audio)

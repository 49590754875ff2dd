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
from vivavoce.engines.openai.payload import Json, find, parse
from vivavoce.ports import AsrFeature, AsrHint, TokenLogprob, Transcript

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
        logprobs: bool = False,
        delay: bool = False,
        net: Net | None = None,
    ) -> None:
        """`base_url` ends in the version (".../v1"). Raises `ValueError` for an unusable address or key.

        `logprobs`: the server gives them when asked. `delay`: it may be asked several times a second while a caller
        speaks, each time with all of the last seconds.
        """
        self._remote = Remote("speech recogniser", base_url, model, api_key, net or Net())
        self._language = language
        self._features: tuple[AsrFeature, ...] = ("prompt", "keywords")
        if logprobs:
            self._features += ("logprobs",)
        if delay:
            self._features += ("delay",)

    @property
    def name(self) -> str:
        """`openai`."""
        return "openai"

    @property
    def running(self) -> int:
        """Requests in flight."""
        return self._remote.running

    @property
    def features(self) -> tuple[AsrFeature, ...]:
        """Words to expect, which go into the prompt, and what the configuration says."""
        return self._features

    @property
    def languages(self) -> tuple[str, ...]:
        """Nobody says which; the server refuses what it does not know."""
        return ()

    async def start(self) -> None:
        """A warning in the log if the server cannot be reached now; it may come up later."""
        await self._remote.check()

    async def unreachable(self) -> str | None:
        """Why the server cannot be reached now."""
        return await self._remote.unreachable()

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
            found = parse(answer)
        except ValueError:
            found = None
        text = find(found, "text")
        if not isinstance(text, str):
            raise self._remote.failure("engine_failed", "answered something that is no transcript")
        logprobs = self._logprobs(find(found, "logprobs")) if hint.logprobs else ()
        yield Transcript(text.strip(), logprobs=logprobs, named=self._language if hint.language is None else None)

    def _body(self, wav: bytes, hint: AsrHint) -> Body:
        form = {"model": self._remote.model, "response_format": "json"}
        language = hint.language or self._language
        if language and language != "auto":
            form["language"] = language
        if prompt := f"{hint.prompt.strip()} {', '.join(hint.keywords)}".strip():
            form["prompt"] = prompt
        if hint.logprobs:
            form["include[]"] = "logprobs"
        return Body(form=form, files={"file": ("speech.wav", wav, "audio/wav")})

    def _logprobs(self, found: Json) -> tuple[TokenLogprob, ...]:
        """Those of the answer. Raises `EngineError` for one without: the configuration promised them."""
        logprobs = tuple(_logprob(each) for each in found) if isinstance(found, list) else (None,)
        if None in logprobs:
            raise self._remote.failure("engine_failed", "gave no log probabilities")
        return tuple(each for each in logprobs if each is not None)


def _logprob(found: Json) -> TokenLogprob | None:
    """One of the answer; its bytes may be left out where the token is text."""
    token, value, data = find(found, "token"), find(found, "logprob"), find(found, "bytes")
    if not isinstance(token, str) or not isinstance(value, int | float):
        return None
    if isinstance(data, list) and all(isinstance(each, int) and 0 <= each < 256 for each in data):
        return TokenLogprob(bytes(each for each in data if isinstance(each, int)), float(value))
    return TokenLogprob(token.encode(), float(value))


def _wav(pieces: list[Pcm]) -> bytes | None:
    """The speech as a file, or None if there is nothing to hear in it."""
    # Joined before resampling wherever the rate allows: a filter's edges belong at the ends only.
    runs = [Pcm.join(list(run)) for _, run in groupby(pieces, key=lambda piece: piece.rate)]
    audio = Pcm.join([resample(run, RATE) for run in runs], RATE)
    if len(audio.samples) < MIN_S * RATE or np.abs(audio.samples.astype(np.int32)).max() <= SILENCE_PEAK:
        return None
    return wav_bytes(audio)

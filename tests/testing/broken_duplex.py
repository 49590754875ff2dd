"""Full-duplex models that break their contract, each in one way."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from vivavoce.audio.pcm import Pcm
from vivavoce.ports import SpokenAudio, SpokenText
from vivavoce.testing.duplex import SILENCE, STEP_MS, VOICE, ScriptedDuplex, ScriptedStream, talks

ANSWERING = [VOICE, SILENCE, *talks("Good morning to you.", 900)]


class BrokenDuplex(ScriptedDuplex):
    """It answers whoever speaks, on streams of the kind that it is given."""

    def __init__(self, stream: type[ScriptedStream] = ScriptedStream) -> None:
        super().__init__(ANSWERING, endless=True)
        self._stream = stream

    def converse(self, voice: str, instructions: str) -> ScriptedStream:
        stream = super().converse(voice, instructions)
        stream.__class__ = self._stream
        return stream


class LeakyStream(ScriptedStream):
    """What one caller says is heard by the others."""

    said: list[Pcm] = []  # noqa: RUF012 - all streams share it, which is the fault

    async def push(self, pcm: Pcm) -> None:
        if pcm.samples.any():
            self.said.append(pcm)
        await super().push(pcm)

    async def listen(self) -> AsyncGenerator[SpokenAudio | SpokenText, None]:
        async for part in super().listen():
            silent = isinstance(part, SpokenAudio) and not any(piece.samples.any() for piece in self.heard)
            if silent and self.said:
                for piece in self.said.pop(0).chunks(100):
                    yield SpokenAudio(piece)
            else:
                yield part


class MixingStream(ScriptedStream):
    """The answer that was cut goes on in the next conversation."""

    left: list[SpokenAudio | SpokenText] = []  # noqa: RUF012 - as above

    async def listen(self) -> AsyncGenerator[SpokenAudio | SpokenText, None]:
        while self.left:
            yield self.left.pop(0)
        async for part in super().listen():
            if isinstance(part, SpokenText):
                self.left.append(part)
            yield part
        self.left.clear()


class LongWindedStream(ScriptedStream):
    """Its chunks are longer than the contract allows."""

    async def listen(self) -> AsyncGenerator[SpokenAudio | SpokenText, None]:
        gathered: list[Pcm] = []
        async for part in super().listen():
            if isinstance(part, SpokenText):
                yield part
                continue
            gathered.append(part.audio)
            if len(gathered) * STEP_MS > 100:
                yield SpokenAudio(Pcm.join(gathered))
                gathered = []


class TaciturnStream(ScriptedStream):
    """Nothing comes while it is silent."""

    async def listen(self) -> AsyncGenerator[SpokenAudio | SpokenText, None]:
        async for part in super().listen():
            if isinstance(part, SpokenText) or part.audio.samples.any():
                yield part


class ClingingStream(ScriptedStream):
    """It talks on after it was closed."""

    async def listen(self) -> AsyncGenerator[SpokenAudio | SpokenText, None]:
        async for part in super().listen():
            yield part
            if self._call.ended:
                break
        while True:
            yield SpokenAudio(Pcm.silence(STEP_MS))

    async def aclose(self) -> None:
        await super().aclose()
        self._call.ended = False


class HoardingStream(ScriptedStream):
    """It takes in whatever it is given, although nobody listens."""

    async def push(self, pcm: Pcm) -> None:
        self._begin()
        self.heard.append(pcm)
        self._voiced += [bool(pcm.samples.any())] * round(pcm.ms / STEP_MS)
        self._news.set()


class LingeringDuplex(BrokenDuplex):
    """It counts conversations that are over."""

    def entered(self, by: int) -> None:
        super().entered(max(by, 0))


class AnyVoiceDuplex(BrokenDuplex):
    """It speaks with voices that it does not have."""

    def converse(self, voice: str, instructions: str) -> ScriptedStream:
        return super().converse(self.voices[0], instructions)


class EagerDuplex(BrokenDuplex):
    """It has more conversations than it says."""


class MuteDuplex(ScriptedDuplex):
    """It says nothing, whatever it is told."""

    def __init__(self) -> None:
        super().__init__([VOICE, SILENCE], endless=True)


class VoicelessDuplex(BrokenDuplex):
    """It has no voice."""

    def __init__(self) -> None:
        super().__init__()
        self.voices = ()


class ForeignDuplex(BrokenDuplex):
    """Its languages have names, not codes."""

    languages = ("English",)

"""Sessions on in-memory connections, with the engines that a test gives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from vivavoce.audio.pcm import Pcm
from vivavoce.core.capabilities import Capabilities
from vivavoce.core.ids import CountingIds
from vivavoce.core.session import Session
from vivavoce.ports import OPENAI_VOICES, Began, Finished, Prompt, ResponsePart, Speech, SpokenAudio, SpokenText
from vivavoce.protocol.session import AudioOutput, SessionAudio, SessionObject
from vivavoce.runtime.core import Core
from vivavoce.runtime.guard import Timeouts
from vivavoce.runtime.line import Line
from vivavoce.runtime.observer import Observer
from vivavoce.runtime.runner import EngineSet, Recorder, Runner
from vivavoce.testing.connection import MemoryConnection
from vivavoce.testing.fakes import EnergyVad, ScriptedAsr, ScriptedResponder, ScriptedTurnDetector, sound

CAN = Capabilities(
    models=("gpt-realtime",),
    voices=OPENAI_VOICES,
    min_speed=0.25,
    max_speed=1.5,
    transcription_models=("whisper-1",),
    semantic_vad=True,
)
SETTINGS = SessionObject(
    id="sess_1",
    model="gpt-realtime",
    instructions="Be kind.",
    expires_at=0,
    audio=SessionAudio(output=AudioOutput(voice="alloy")),
)
VOICE_MS = 640
CHUNK_MS = 20


def engines(
    asr: ScriptedAsr | None = None,
    responder: ScriptedResponder | None = None,
    turn: ScriptedTurnDetector | None = None,
) -> EngineSet:
    """Engines with a VAD that hears loudness, and default timeouts."""
    return EngineSet(
        vad=EnergyVad(),
        asr=asr or ScriptedAsr(),
        responder=responder or ScriptedResponder(),
        turn=turn,
        timeouts=LIMITS,
    )


LIMITS = Timeouts(transcript_s=30.0, first_part_s=30.0, next_part_s=15.0, turn_s=2.0)


def session(expires_in: float | None = None) -> Session:
    """A session that begins now, with counted ids."""
    return Session(SETTINGS, CAN, CountingIds(), asyncio.get_running_loop().time(), expires_in)


@dataclass
class Hosted:
    """A running session: its client, its task and its runner."""

    client: MemoryConnection
    runner: Runner
    task: asyncio.Task[None]

    async def speak(self, ms: float = VOICE_MS) -> None:
        """Say something, in real time."""
        await self._stream(Pcm.join(sound(ms)))

    async def silence(self, ms: float = 300) -> None:
        """Say nothing, in real time."""
        await self._stream(Pcm.silence(ms))

    async def turn(self) -> None:
        """Say something and fall silent."""
        await self.speak()
        await self.silence()

    async def _stream(self, audio: Pcm) -> None:
        for chunk in audio.chunks(CHUNK_MS):
            self.client.append(chunk.to_bytes())
            await asyncio.sleep(CHUNK_MS / 1000)


@asynccontextmanager
async def hosted(
    engine_set: EngineSet,
    core: Core | None = None,
    observer: Observer | None = None,
    recorder: Recorder | None = None,
    line: Line | None = None,
) -> AsyncIterator[Hosted]:
    """A session that runs inside, with a client that has read `session.created`. Afterwards the client is gone."""
    client = MemoryConnection()
    runner = Runner(core or session(), client, engine_set, observer, recorder, line=line)
    task = asyncio.create_task(runner.run())
    await client.expect("session.created")
    try:
        yield Hosted(client, runner, task)
    finally:
        client.vanish()
        await task


class Echo(ScriptedResponder):
    """Repeats what the caller said, as a cascade would learn it: it waits for the words of the last item."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def respond(self, prompt: Prompt) -> AsyncGenerator[ResponsePart, None]:
        """The words, with 100 ms of audio."""
        return self._repeat(prompt)

    async def _repeat(self, prompt: Prompt) -> AsyncGenerator[ResponsePart, None]:
        (said,) = prompt.messages[-1].content
        words = await said.transcript() if isinstance(said, Speech) else str(said)
        self.heard.append(words)
        yield Began()
        yield SpokenText(words)
        for piece in sound(100):
            yield SpokenAudio(piece)
        yield Finished()

"""Whose work it is: whatever way a client comes in, engines work for its session, each in its role."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from msgspec import structs
from tests.runtime.hosting import CAN, SETTINGS, Hosted, engines, session
from tests.runtime.test_call import FakeLine

from vivavoce.audio.pcm import Pcm
from vivavoce.core.ids import CountingIds
from vivavoce.core.session import Session
from vivavoce.ports import Account, NoiseKind, Work, charged, current, spend, working_as
from vivavoce.runtime.line import Line
from vivavoce.runtime.runner import EngineSet, Runner
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.connection import MemoryConnection
from vivavoce.testing.fakes import (
    FadingReducer,
    FadingStream,
    ScriptedAsr,
    ScriptedResponder,
    ScriptedTurnDetector,
    answers,
    sound,
)


class Told(Account):
    """An account that keeps what it is told, by role."""

    def __init__(self) -> None:
        self.requests: dict[str, int] = {}
        self.samples: dict[str, int] = {}
        self.measured: set[str] = set()

    def charge(self, role: str, work: Work, /) -> None:
        self.requests[role] = self.requests.get(role, 0) + work.requests
        self.samples[role] = self.samples.get(role, 0) + work.samples
        if work.cpu_ns is not None:
            self.measured.add(role)


class CountedStream(FadingStream):
    """Says that it works, as an engine's own thread would."""

    async def push(self, pcm: Pcm, strength: float) -> Pcm:
        spend(requests=1)
        return await super().push(pcm, strength)


class CountedReducer(FadingReducer):
    def open(self, kind: NoiseKind) -> CountedStream:
        return CountedStream()


@asynccontextmanager
async def charging(told: Told, engine_set: EngineSet, core: Session, line: Line | None = None) -> AsyncIterator[Hosted]:
    client = MemoryConnection()
    runner = Runner(core, client, engine_set, line=line, account=told)
    task = asyncio.create_task(runner.run())
    await client.expect("session.created")
    try:
        yield Hosted(client, runner, task)
    finally:
        client.vanish()
        await task


def test_a_spoken_turn_is_charged_to_its_session_in_every_role() -> None:
    async def scenario() -> None:
        told = Told()
        engine_set = engines(ScriptedAsr("Hello?"), ScriptedResponder(answers("Hi.")), ScriptedTurnDetector(0.9))
        async with charging(told, replace(engine_set, speculate=False), session()) as live:
            detection = {"input": {"turn_detection": {"type": "semantic_vad"}}}
            live.client.say("session.update", session={"type": "realtime", "audio": detection})
            await live.speak()
            await live.silence(600)
            await live.client.expect("response.done")
        assert told.requests == {"vad": 0, "turn": 1, "asr": 1, "responder": 1}
        assert told.measured == {"vad"}  # what these fakes do costs nothing that is measured

    run_virtual(scenario())


def test_a_call_is_charged_though_its_audio_comes_with_the_lines_own_tasks() -> None:
    async def scenario() -> None:
        told, line = Told(), FakeLine()
        asr, responder = ScriptedAsr("Hello?"), ScriptedResponder(answers("Hi."))
        engine_set = replace(engines(asr, responder), speculate=False, noise=CountedReducer())
        can = structs.replace(CAN, media=True, noise_reduction=True)
        core = Session(SETTINGS, can, CountingIds(), asyncio.get_running_loop().time(), None)
        async with charging(told, engine_set, core, line) as live:
            audio = {"input": {"noise_reduction": {"type": "near_field", "strength": 0.1}}}
            live.client.say("session.update", session={"type": "realtime", "audio": audio})
            await live.client.expect("session.updated")
            heard = line.hear(Pcm.join([*sound(640), Pcm.silence(400)]))
            # The context of a transport, which knows nothing of sessions.
            await asyncio.get_running_loop().create_task(heard, context=contextvars.Context())
            await live.client.expect("response.done")
        assert (told.requests["asr"], told.requests["responder"], told.requests["noise"]) == (1, 1, 52)
        assert told.measured == {"vad"}
        assert told.measured == {"vad"}

    run_virtual(scenario())


def test_what_a_client_asks_for_that_joined_is_charged_to_the_session() -> None:
    async def scenario() -> None:
        told, desk = Told(), MemoryConnection()
        async with charging(told, engines(responder=ScriptedResponder(answers("Hi."))), session()) as live:
            joining = asyncio.get_running_loop().create_task(live.runner.join(desk), context=contextvars.Context())
            await desk.expect("session.created")
            desk.say("response.create")
            await desk.expect("response.done")
            assert told.requests["responder"] == 1
            desk.vanish()
            await joining

    run_virtual(scenario())


def test_what_nobody_asked_for_is_charged_to_nobody() -> None:
    told = Told()
    spend(requests=1)
    working_as("llm")
    assert current() is None
    with charged(told, "responder"):
        working_as("llm")
        spend(requests=1, samples=5)
        with charged(None, "llm"):
            spend(requests=1)
    assert current() is None
    assert (told.requests, told.samples) == ({"llm": 1}, {"llm": 5})

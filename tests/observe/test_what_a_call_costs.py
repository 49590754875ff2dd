"""A scripted call, and what `GET /v1/usage` says that it used and cost: every figure is computed by hand here."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from tests.runtime.test_call import FakeLine

from vivavoce.app import Server, create_app
from vivavoce.audio.pcm import Pcm
from vivavoce.config import Config, load, tree
from vivavoce.config.prices import ModelPrices, Prices, RecogniserPrices, VoicePrices
from vivavoce.engines import Engines
from vivavoce.engines.cascade import Cascade
from vivavoce.ports import AsrHint, Finished, TokenUsage, Transcript, Work, current
from vivavoce.runtime.line import Call
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.connection import MemoryConnection
from vivavoce.testing.fakes import STALL, EnergyVad, ScriptedAsr, ScriptedLlm, ScriptedTts, calls, says, sound
from vivavoce.transports.auth import Allowed

CONFIG = Config(
    engines=tree.Engines(
        vad=tree.InstantVad(),
        turn=tree.NoTurn(),
        noise=tree.NoNoise(),
        asr=tree.InstantAsr(),
        llm=tree.InstantLlm(),
        tts=tree.InstantTts(),
    ),
    turns=tree.Turns(speculate="never"),
    prices=Prices(
        currency="EUR",
        connected_minute=0.01,
        llm={
            "instant": ModelPrices(
                text_input=0.5, cached_input=0.1, text_output=2, audio_input=10, audio_output=20, image_input=3
            ),
            "llama": ModelPrices(cpu_hour=9),
        },
        asr={"instant": RecogniserPrices(audio_minute=0.006, cpu_hour=0.05)},
        tts={"instant": VoicePrices(million_characters=15)},
    ),
)
WEATHER = {"type": "function", "name": "get_weather", "parameters": {"type": "object"}}
SUNNY = "It is sunny in Rome."  # 20 characters
LONG = "Let me think about that."  # 24 characters


class BusyAsr(ScriptedAsr):
    """Each call takes 2.5 s of CPU."""

    def transcribe(self, speech: AsyncIterator[Pcm], hint: AsrHint) -> AsyncGenerator[Transcript, None]:
        whom = current()
        assert whom is not None
        account, role = whom
        account.charge(role, Work(cpu_ns=2_500_000_000))
        return super().transcribe(speech, hint)


class Desk:
    """A server with scripted engines, and its HTTP."""

    def __init__(self) -> None:
        self.asr = BusyAsr("What is the weather like in Rome?")
        self.llm = ScriptedLlm(
            says(SUNNY, TokenUsage(input_tokens=120, output_tokens=6, cached_tokens=64)),
            [*calls("get_weather", city="Rome"), Finished("stop", TokenUsage(150, 12, 128))],
            says(LONG, TokenUsage(180, 5, 150)),
            features=("tools",),
        )
        self.tts = ScriptedTts(sound(1500), [*sound(400), STALL])
        engines = Engines(
            vad=EnergyVad(),
            turn=None,
            asr=self.asr,
            llm=self.llm,
            tts=self.tts,
            responder=Cascade(self.llm, self.tts),
        )
        self.server = Server(CONFIG, engines)
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(create_app(self.server)), base_url="http://server")

    async def get(self, path: str) -> Any:
        answer = await self.http.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()


@asynccontextmanager
async def session(server: Server) -> AsyncIterator[MemoryConnection]:
    client = MemoryConnection()
    task = asyncio.create_task(server.run("realtime", "gpt-realtime", Allowed(), client))
    yield client
    client.vanish()
    await task


async def call(client: MemoryConnection) -> str:
    """One second of speech that is answered, a typed turn that calls a tool, and an answer that is cut off."""
    created = await client.expect("session.created")
    manual = {"input": {"turn_detection": None}}
    client.say("session.update", session={"type": "realtime", "audio": manual, "tools": [WEATHER]})
    await client.expect("session.updated")
    client.append(Pcm.join(sound(1000)).to_bytes())
    client.say("input_audio_buffer.commit")
    client.say("response.create")
    await client.expect("response.done")
    text = [{"type": "input_text", "text": "And now?"}]
    client.say("conversation.item.create", item={"type": "message", "role": "user", "content": text})
    client.say("response.create")
    await client.expect("response.done")
    client.say("response.create")
    for _ in range(4):
        await client.expect("response.output_audio.delta")
    client.say("response.cancel")
    await client.expect("response.done")
    session_id: str = created["session"]["id"]
    return session_id


USED: dict[str, Any] = {
    "connected_seconds": 90.0,
    "audio": {
        "heard_seconds": 1.0,
        "transcribed_seconds": 1.0,
        "made_seconds": 1.9,  # 1.5 + 0.4
        "played_seconds": None,  # the client plays
    },
    "responses": 3,
    "tool_calls": {"function": 1, "mcp": 0},
    "tokens": {
        # The third answer was cut off before its model reported; the second of speech is heard in all three, 10 each.
        "input": {"text": 270, "audio": 30, "image": 0, "cached": 192},
        "output": {"text": 18, "audio": 38},  # 1500 / 50 + 400 / 50
    },
    "engines": {
        "asr": {"name": "scripted", "requests": 1, "audio_seconds": 1.0, "cpu_seconds": 2.5},
        "llm": {"name": "scripted", "requests": 3, "cpu_seconds": None},
        "tts": {"name": "scripted", "requests": 2, "audio_seconds": 1.9, "characters": 44, "cpu_seconds": None},
    },
    "money": {
        "currency": "EUR",
        "total": "0.016949",
        "per_connected_minute": "0.011299",  # 0.016949 / 1.5
        "lines": [
            {"role": "connection", "unit": "connected_minute", "quantity": "1.500000", "price": "0.01",
             "amount": "0.015000"},
            {"role": "asr", "unit": "cpu_hour", "quantity": "0.000694", "price": "0.05", "amount": "0.000035"},
            {"role": "asr", "unit": "audio_minute", "quantity": "0.016667", "price": "0.006", "amount": "0.000100"},
            {"role": "llm", "unit": "text_input", "quantity": "0.000078", "price": "0.5", "amount": "0.000039"},
            {"role": "llm", "unit": "audio_input", "quantity": "0.000030", "price": "10", "amount": "0.000300"},
            {"role": "llm", "unit": "cached_input", "quantity": "0.000192", "price": "0.1", "amount": "0.000019"},
            {"role": "llm", "unit": "text_output", "quantity": "0.000018", "price": "2", "amount": "0.000036"},
            {"role": "llm", "unit": "audio_output", "quantity": "0.000038", "price": "20", "amount": "0.000760"},
            {"role": "tts", "unit": "million_characters", "quantity": "0.000044", "price": "15",
             "amount": "0.000660"},
        ],
        "unpriced": [],
    },
}  # fmt: skip


def test_the_report_equals_what_is_computed_by_hand() -> None:
    async def scenario() -> None:
        desk = Desk()
        await desk.server.start()
        now = asyncio.get_running_loop().time
        began = now()
        async with session(desk.server) as client:
            session_id = await call(client)
            await asyncio.sleep(45 - (now() - began))
            so_far = await desk.get(f"/v1/usage/{session_id}")
            assert (so_far["connected_seconds"], so_far["ended_at"]) == (45.0, None)
            assert so_far["tokens"] == USED["tokens"]
            await asyncio.sleep(45)
        report = await desk.get(f"/v1/usage/{session_id}")
        about = {key: report.pop(key) for key in list(report) if key not in USED}
        assert report == USED
        started, ended = about.pop("started_at"), about.pop("ended_at")
        assert 0 <= ended - started < 60  # real seconds: it was over at once
        assert about == {
            "object": "usage.session",
            "id": session_id,
            "call_id": None,
            "project": None,
            "model": "gpt-realtime",
            "type": "realtime",
        }
        everything = await desk.get("/v1/usage")
        assert everything["total"] == {"sessions": 1, **USED}
        ((day),) = everything["days"]
        assert {**day, "day": ""} == {"day": "", "model": "gpt-realtime", "sessions": 1, **USED}
        assert everything["data"] == [{**about, "started_at": started, "ended_at": ended, **USED}]
        assert everything["has_more"] is False
        for engine in (desk.asr, desk.llm):
            engine.assert_finished()
        desk.tts.assert_finished(cancelled=1)
        await desk.http.aclose()

    run_virtual(scenario())


def test_the_counters_have_the_same_figures() -> None:
    async def scenario() -> None:
        desk = Desk()
        await desk.server.start()
        async with session(desk.server) as client:
            await call(client)
            await asyncio.sleep(10)
            shown = (await desk.http.get("/metrics")).text.splitlines()
        for line in (
            "vivavoce_connected_seconds_total 10.0",
            'vivavoce_audio_seconds_total{what="heard"} 1.0',
            'vivavoce_audio_seconds_total{what="made"} 1.9',
            'vivavoce_audio_seconds_total{what="transcribed"} 1.0',
            'vivavoce_tokens_total{direction="input",modality="text"} 270.0',
            'vivavoce_tokens_total{direction="cached",modality="text"} 192.0',
            'vivavoce_tokens_total{direction="output",modality="audio"} 38.0',
            'vivavoce_engine_requests_total{engine="scripted",role="llm"} 3.0',
            'vivavoce_engine_characters_total{engine="scripted",role="tts"} 44.0',
            'vivavoce_engine_audio_seconds_total{engine="scripted",role="asr"} 1.0',
            'vivavoce_engine_cpu_seconds_total{engine="scripted",role="asr"} 2.5',
        ):
            assert line in shown, line
        assert not any(
            line.startswith('vivavoce_engine_cpu_seconds_total{engine="scripted",role="llm"') for line in shown
        )
        await desk.http.aclose()

    run_virtual(scenario())


def blocks(language: str) -> list[str]:
    """What docs/usage.md shows in this language."""
    text = (Path(__file__).parents[2] / "docs" / "usage.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_documentation_shows_this_very_call(tmp_path: Path) -> None:
    (toml,), (shown,) = blocks("toml"), blocks("json")
    (tmp_path / "prices.toml").write_text(toml, encoding="utf-8")
    prices = load(tmp_path / "prices.toml", {}).prices
    assert (prices.currency, prices.connected_minute) == ("EUR", 0.01)
    for documented, name, role in (
        (prices.llm, "openai", "llm"),
        (prices.asr, "whisper", "asr"),
        (prices.tts, "openai", "tts"),
    ):
        assert documented[name] == getattr(CONFIG.prices, role)["instant"]
    report = json.loads(shown)
    for engine in report["engines"].values():
        engine["name"] = "scripted"
    assert {key: report[key] for key in USED} == USED


def test_a_call_is_found_by_its_own_id_and_knows_what_was_played() -> None:
    async def scenario() -> None:
        desk, line, client = Desk(), FakeLine(), MemoryConnection()
        await desk.server.start()
        task = asyncio.create_task(desk.server.run("realtime", "gpt-realtime", Allowed(), client, Call("rtc_1", line)))
        await client.expect("session.created")
        await line.hear(Pcm.join([*sound(640), Pcm.silence(400)]))
        await client.expect("output_audio_buffer.started")
        assert (await desk.get("/v1/usage/rtc_1"))["audio"]["played_seconds"] == 0.0
        assert line.ear is not None
        line.ear.played(next(iter(line.queued)))
        used = await desk.get("/v1/usage/rtc_1")
        assert (used["call_id"], used["audio"]["heard_seconds"]) == ("rtc_1", 1.04)
        assert (used["audio"]["made_seconds"], used["audio"]["played_seconds"]) == (1.5, 1.5)
        client.vanish()
        await task
        (used,) = (await desk.get("/v1/usage"))["data"]
        assert used["call_id"] == "rtc_1"
        assert used["engines"]["vad"]["cpu_seconds"] > 0
        assert "requests" not in used["engines"]["vad"]  # nobody counts them
        assert used["money"]["unpriced"] == ["vad"]
        await desk.http.aclose()

    run_virtual(scenario())


def test_what_was_heard_before_the_caller_hung_up_was_played() -> None:
    async def scenario() -> None:
        desk, line, client = Desk(), FakeLine(), MemoryConnection()
        await desk.server.start()
        task = asyncio.create_task(desk.server.run("realtime", "gpt-realtime", Allowed(), client, Call("rtc_1", line)))
        await client.expect("session.created")
        await line.hear(Pcm.join([*sound(640), Pcm.silence(400)]))
        await client.expect("response.done")
        client.vanish()
        await task
        used = await desk.get("/v1/usage/rtc_1")
        assert used["audio"]["made_seconds"] == 1.5
        assert used["audio"]["played_seconds"] == 0.75  # this line has always played a half
        assert (await desk.get("/v1/usage"))["total"]["audio"]["played_seconds"] == 0.75
        await desk.http.aclose()

    run_virtual(scenario())

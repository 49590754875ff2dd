"""A caller talks to Moshi through a whole server: what clients see, and what they are told that they cannot have."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from tests.live import frames, live, spoken

from vivavoce.composition import capabilities
from vivavoce.config import Config, ConfigError, engine_options, load, tree
from vivavoce.config.phone import Rule
from vivavoce.config.sip import Sip
from vivavoce.config.tools import Tools
from vivavoce.engines import build
from vivavoce.engines.chosen import Engines
from vivavoce.engines.instant import InstantAsr, InstantVad
from vivavoce.engines.moshi.engine import Moshi
from vivavoce.ports import Duplex, EngineError
from vivavoce.testing.client import Client, ClientError, connect
from vivavoce.testing.duplex import SILENCE, VOICE, ScriptedDuplex, talks
from vivavoce.testing.remote_moshi import MoshiFault, MoshiServer

CONFIG = Config(model=tree.Model(voice="moshi"))


def model() -> ScriptedDuplex:
    return ScriptedDuplex([VOICE, SILENCE, *talks("Good morning to you.", 900)], endless=True)


async def say_something(client: Client) -> None:
    """In real time; then the client sends nothing any more."""
    for frame in frames(spoken(before=100, after=100), 100):
        await client.send({"type": "input_audio_buffer.append", "audio": frame})
        await asyncio.sleep(0.1)


def test_a_question_is_answered_and_what_cannot_be_had_is_refused_by_name() -> None:
    async def main() -> None:
        async with (
            MoshiServer(model()) as moshi,
            live(CONFIG, responder=Moshi(moshi.url)) as server,
            connect(server.ws) as client,
        ):
            created = client.arrivals[0].event["session"]
            assert isinstance(created, dict)
            assert created["instructions"] == ""
            with pytest.raises(ClientError, match="it takes no instructions"):
                await client.update({"instructions": "Sing."})
            await say_something(client)
            done = (await client.expect("response.done")).event["response"]
            assert isinstance(done, dict)
            assert done["status"] == "completed"
            assert done["output"][0]["content"][0]["transcript"] == "Good morning to you."
        assert moshi.violations == []

    asyncio.run(main())


def test_it_dies_in_mid_answer_and_listens_again_at_the_next_turn() -> None:
    async def main() -> None:
        async with (
            MoshiServer(model()) as moshi,
            live(CONFIG, responder=Moshi(moshi.url)) as server,
        ):
            moshi.expect(MoshiFault(after=28, breaks=True))
            async with connect(server.ws) as client:
                await say_something(client)
                failed = (await client.expect("response.done")).event["response"]
                assert isinstance(failed, dict)
                assert failed["status"] == "failed"
                message = failed["status_details"]["error"]["message"]
                assert "The Moshi server has broken off the conversation" in message
                assert "The model has forgotten this conversation" in message
                since = len(client.arrivals)
                await say_something(client)
                done = (await client.expect("response.done", since=since)).event["response"]
                assert isinstance(done, dict)
                assert done["status"] == "completed"

    asyncio.run(main())


def engines(duplex: Duplex) -> Engines:
    return Engines(vad=InstantVad(), turn=None, asr=InstantAsr(), responder=duplex)


def test_what_the_server_says_that_it_can_do() -> None:
    can = capabilities(CONFIG, engines(Moshi("ws://moshi/api/chat")), tracing=False)
    assert (can.duplex, can.instructed, can.instructions, can.hears) == (True, False, "", True)
    assert (can.voices, can.output_languages, can.tools, can.images) == (("moshi",), (), False, False)
    persona = Moshi("ws://moshi/api/chat", voices={"moshi": "NATF0.pt"}, instructed=True)
    assert capabilities(CONFIG, engines(persona), tracing=False).instructions == CONFIG.model.instructions


def test_a_voice_that_it_does_not_have_is_named_at_start() -> None:
    with pytest.raises(EngineError, match="there is no voice 'alloy'"):
        capabilities(Config(), engines(Moshi("ws://moshi/api/chat")), tracing=False)


def test_it_is_configured(tmp_path: Path) -> None:
    path = tmp_path / "vivavoce.toml"
    path.write_text(
        '[engines.responder]\nname = "moshi"\nurl = "ws://moshi:8998/api/chat"\ninstructed = true\n'
        'voices = { alloy = "NATF0.pt" }\nquery = { seed = 7 }\n'
    )
    options = engine_options(load(path, {}))
    built = build(options, lambda name: tmp_path / name).responder
    assert isinstance(built, Duplex)
    assert (built.name, built.voices, built.instructed) == ("moshi", ("alloy",), True)


def test_what_would_have_no_effect_beside_it_is_said(tmp_path: Path) -> None:
    path = tmp_path / "vivavoce.toml"
    path.write_text(
        '[tools]\nfiller = "One moment."\n[engines.responder]\nname = "moshi"\nurl = "ws://moshi/api/chat"\n'
        '[[sip.rules]]\nthen = "accept"\n[[sip.rules]]\nthen = "accept"\ngreet = true\n'
    )
    with pytest.raises(ConfigError) as wrong:
        load(path, {})
    filler, greet = wrong.value.problems
    assert filler.startswith("tools.filler: the responder moshi")
    assert greet == "sip.rules[1].greet: the responder moshi decides by itself when it speaks."


def test_nor_has_it_beside_a_model_of_another_package_that_speaks_by_itself() -> None:
    rules = (Rule(then="accept"), Rule(then="accept", greet=True))
    wrong = Config(tools=Tools(filler="One moment."), sip=Sip(rules=rules))
    with pytest.raises(EngineError) as refused:
        capabilities(wrong, engines(ScriptedDuplex()), tracing=False)
    assert refused.value.message == (
        "tools.filler: the responder scripted says what its model says, and cannot be given the words. "
        "sip.rules[1].greet: the responder scripted decides by itself when it speaks."
    )


def test_one_that_speaks_by_itself_hears_whatever_it_says_of_itself() -> None:
    class Modest(ScriptedDuplex):
        features = ()

    assert capabilities(Config(), engines(Modest()), tracing=False).hears


def test_a_certificate_beside_an_address_without_tls_is_said(tmp_path: Path) -> None:
    path = tmp_path / "vivavoce.toml"
    settings = '[engines.responder]\nname = "moshi"\nurl = "{}://moshi/api/chat"\nca = "cert.pem"\n'
    path.write_text(settings.format("ws"))
    with pytest.raises(ConfigError) as wrong:
        load(path, {})
    (problem,) = wrong.value.problems
    assert problem.startswith("engines.responder.ca: a server at ws:// shows no certificate")
    path.write_text(settings.format("wss"))
    assert engine_options(load(path, {}))["responder"]["ca"] == "cert.pem"


def test_the_settings_in_the_documentation_can_be_used(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/duplex.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 3
    path = tmp_path / "vivavoce.toml"
    for block in blocks:
        path.write_text(block)
        config = load(path, {})
        options = {**engine_options(config)["responder"], "ca": None}
        made = build({**engine_options(config), "responder": options}, lambda name: tmp_path / name).responder
        assert isinstance(made, Duplex)
        if config.model.voice != "alloy" or made.instructed:  # the one in the middle shows only what differs
            assert config.model.voice in made.voices

"""Voices are listed with what is known of them, and their samples made once, one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import cast

import pytest

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.wav import read_wav
from vivavoce.engines.cascade import Cascade
from vivavoce.engines.instant import InstantLlm, InstantTts
from vivavoce.ports import OPENAI_VOICES, EngineError, Voice, VoiceInfo
from vivavoce.protocol.errors import ProtocolError
from vivavoce.runtime import voices as module
from vivavoce.runtime.voices import Voices
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.fakes import ScriptedResponder, ScriptedTts, Spoken, Wait, sound


def of(tts: ScriptedTts | InstantTts) -> Voices:
    return Voices(Cascade(InstantLlm(), tts), tts, "marin")


def entries(voices: Voices) -> list[dict[str, object]]:
    return cast("list[dict[str, object]]", voices.listing()["data"])


def test_each_voice_is_listed_with_its_character() -> None:
    listed = entries(of(InstantTts()))
    assert [entry["id"] for entry in listed] == list(OPENAI_VOICES)
    assert listed[0] == {
        "id": "alloy",
        "object": "voice",
        "languages": ("en", "de", "es", "fr"),
        "description": "a tone of 160 Hz",
        "alias_of": None,
        "default": False,
        "sample": "/v1/voices/alloy/sample",
    }
    assert [entry["id"] for entry in listed if entry["default"]] == ["marin"]


def test_a_responder_without_a_voice_engine_has_names_only() -> None:
    voices = Voices(ScriptedResponder(languages=("es",)), None, "marin")
    first = entries(voices)[0]
    assert (first["id"], first["languages"], first["description"], first["sample"]) == ("alloy", ("es",), None, None)
    with pytest.raises(ProtocolError, match="its voices have no samples") as refusal:
        run_virtual(voices.sample("alloy"))
    assert refusal.value.code == "unsupported_value"


def test_a_sample_is_made_once() -> None:
    tts = ScriptedTts(sound(300), languages=("xx", "it"))
    voices = of(tts)

    async def scenario() -> list[bytes]:
        return [await voices.sample("cedar") for _ in range(3)]

    first, *others = run_virtual(scenario())
    assert read_wav(first).to_bytes() == Pcm.join(sound(300)).to_bytes()
    assert others == [first, first]
    assert tts.calls[0].request == Spoken(module.SENTENCES["it"], Voice("cedar"))
    tts.assert_finished()


def test_a_language_without_a_sentence_is_sampled_in_english() -> None:
    tts = ScriptedTts(sound(100), languages=("xx",))
    run_virtual(of(tts).sample("cedar"))
    assert tts.calls[0].request.text == module.SENTENCES["en"]


def test_an_alias_is_the_sample_of_the_voice_that_it_stands_for() -> None:
    class Named(ScriptedTts):
        @property
        def catalogue(self) -> tuple[VoiceInfo, ...]:
            return (VoiceInfo("echo", ("en",)), VoiceInfo("alloy", ("en",), alias_of="echo"))

    tts = Named(sound(100))
    voices = of(tts)

    async def scenario() -> None:
        assert await voices.sample("alloy") == await voices.sample("echo")

    run_virtual(scenario())
    assert tts.calls[0].request.voice.name == "echo"


def test_samples_are_made_one_after_the_other() -> None:
    tts = ScriptedTts([Wait(1.0), *sound(100)], [Wait(1.0), *sound(100)])
    voices = of(tts)
    most = 0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, tts.running)
            await asyncio.sleep(0.1)

    async def scenario() -> None:
        watching = asyncio.create_task(watch())
        await asyncio.gather(voices.sample("ash"), voices.sample("echo"), voices.sample("ash"))
        watching.cancel()

    run_virtual(scenario())
    tts.assert_finished()
    assert most == 1


def test_few_samples_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SAMPLES", 2)
    tts = ScriptedTts(*(sound(50) for _ in range(4)))
    voices = of(tts)

    async def scenario() -> None:
        for name in ("ash", "echo", "ash", "sage", "echo"):  # echo was heard longest ago when sage came
            await voices.sample(name)

    run_virtual(scenario())
    assert [call.request.voice.name for call in tts.calls] == ["ash", "echo", "sage", "echo"]


def test_an_unknown_voice_lists_the_near_names() -> None:
    with pytest.raises(ProtocolError) as refusal:
        run_virtual(of(InstantTts()).sample("ceder"))
    assert refusal.value.code == "voice_not_found"
    assert "Did you mean 'cedar'?" in refusal.value.message


def test_a_voice_that_fails_is_the_server_s_fault_and_is_tried_anew() -> None:
    tts = ScriptedTts([EngineError("engine_failed", "Broken.")], sound(50))
    voices = of(tts)

    async def scenario() -> None:
        with pytest.raises(ProtocolError, match="Broken") as refusal:
            await voices.sample("ash")
        assert refusal.value.kind == "server_error"
        assert await voices.sample("ash")

    run_virtual(scenario())


def test_a_voice_that_never_speaks_is_given_up() -> None:
    class Mute(InstantTts):
        async def speak(self, text: str, voice: Voice) -> AsyncGenerator[Pcm, None]:
            await asyncio.Event().wait()
            yield Pcm.silence(0)

    with pytest.raises(ProtocolError, match="did not answer within"):
        run_virtual(of(Mute()).sample("ash"))


def test_a_sample_that_is_kept_does_not_wait_for_one_that_is_made() -> None:
    tts = ScriptedTts(sound(100), [Wait(5.0), *sound(100)])
    voices = of(tts)

    async def scenario() -> None:
        kept = await voices.sample("ash")
        making = asyncio.create_task(voices.sample("echo"))
        await asyncio.sleep(1.0)
        assert tts.running == 1
        assert await voices.sample("ash") == kept
        assert not making.done()
        await making

    run_virtual(scenario())
    tts.assert_finished()


def test_a_voice_that_raises_when_it_is_asked_fails_like_any_other() -> None:
    class Rude(InstantTts):
        def speak(self, text: str, voice: Voice) -> AsyncGenerator[Pcm, None]:
            raise RuntimeError("not today")

    with pytest.raises(ProtocolError, match="The speech synthesis failed") as refusal:
        run_virtual(of(Rude()).sample("ash"))
    assert refusal.value.kind == "server_error"

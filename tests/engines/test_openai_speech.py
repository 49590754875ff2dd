"""The caller's voice for remote models that hear it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.engines.remote_helpers import CLOCK, PATIENT, STOP, answered, noise, prompt, streamed

from vivavoce.audio.pcm import Pcm
from vivavoce.engines.heard import UNHEARD
from vivavoce.engines.openai.llm import OpenAiLlm
from vivavoce.engines.openai.speech import SpeechPart
from vivavoce.ports import CallBegan, EngineError, Finished, Image, Message, Prompt, Speech, TextDelta
from vivavoce.testing.remote import Fault, RemoteServer
from vivavoce.testing.remote_audio import Hears, voice_in
from vivavoce.testing.remote_chat import Calls


def voice(ms: float, words: str | None = None, rate: int = 24_000) -> Speech:
    """Something that was said; `words` are those that somebody has recognised, None: nobody has yet."""

    async def transcript() -> str:
        if words is None:
            await asyncio.sleep(3600)
        return words or ""

    return Speech(noise(ms, rate), transcript)


def saying(*turns: str | Speech | Image | tuple[str | Speech | Image, ...]) -> Prompt:
    """The user's turns and the assistant's, one after another."""
    messages = [
        Message("assistant" if i % 2 else "user", turn if isinstance(turn, tuple) else (turn,))
        for i, turn in enumerate(turns)
    ]
    return replace(prompt(), messages=tuple(messages))


def hearing(server: RemoteServer, shape: SpeechPart = "input_audio", seconds: float = 60.0, **more: Any) -> OpenAiLlm:
    return OpenAiLlm(server.base_url, "any", hears=shape, speech_s=seconds, **{"net": PATIENT} | more)


def contents(server: RemoteServer) -> Sequence[Any]:
    """What the latest request says, message by message."""
    messages = server.received[-1].json["messages"]
    assert isinstance(messages, list)
    return [message["content"] for message in messages]


def test_a_voice_is_sent_as_a_wav_file_of_16_khz() -> None:
    with RemoteServer(hears=Hears()) as server:
        said = answered(hearing(server), saying(voice(400)))
        assert said[0] == TextDelta("Hello from afar.")
        ((part,),) = contents(server)
        heard = voice_in(part)
        assert part["type"] == "input_audio"
        assert (heard.rate, round(heard.ms)) == (16_000, 400)


def test_the_samples_are_those_that_were_said() -> None:
    with RemoteServer(hears=Hears()) as server:
        spoken = voice(100, rate=16_000)
        answered(hearing(server), saying(spoken))
        ((part,),) = contents(server)
        assert np.array_equal(voice_in(part).samples, spoken.audio.samples)


def test_a_server_of_another_habit_gets_a_data_uri() -> None:
    with RemoteServer(hears=Hears(parts=("audio_url",))) as server:
        answered(hearing(server, "audio_url"), saying(voice(200)))
        ((part,),) = contents(server)
        assert part["type"] == "audio_url"
        assert round(voice_in(part).ms) == 200


def test_words_pictures_and_voices_stay_in_their_order() -> None:
    async def unread() -> str:
        raise AssertionError("a model that sees needs no description")

    with RemoteServer(hears=Hears()) as server:
        picture = Image(b"\x89PNG", "image/png", "low", unread, 9, 9)
        llm = OpenAiLlm(server.base_url, "any", hears="input_audio", images=True, net=PATIENT)
        answered(llm, saying(("Look.", picture, voice(100), "Well?")))
        (parts,) = contents(server)
        assert [part["type"] for part in parts] == ["text", "image_url", "input_audio", "text"]


def test_the_voices_of_earlier_turns_are_heard_again() -> None:
    with RemoteServer(hears=Hears()) as server:
        answered(hearing(server), saying(voice(300, "One."), "Yes.", voice(200)))
        first, answer, last = contents(server)
        assert (round(voice_in(first[0]).ms), answer, round(voice_in(last[0]).ms)) == (300, "Yes.", 200)


def shown(server: RemoteServer) -> list[str]:
    """The latest request: words as they are, a voice as the type of its part."""
    return [each if isinstance(each, str) else each[0]["type"] for each in contents(server)]


def test_older_turns_are_told_in_words_or_with_a_note_where_nobody_knows_them() -> None:
    turns = saying(voice(600, "One."), "Yes.", voice(600), "Yes.", voice(600, "Three."), "Yes.", voice(900, "Four."))
    with RemoteServer(hears=Hears()) as server:
        answered(hearing(server, seconds=1), turns)
        assert shown(server) == ["One.", "Yes.", UNHEARD, "Yes.", "Three.", "Yes.", "input_audio"]


def test_a_long_talk_that_nobody_transcribes_has_its_limit_too() -> None:
    turns = saying(*[each for _ in range(40) for each in (voice(1500), "Yes.")][:-1])
    with RemoteServer(hears=Hears()) as server:
        answered(hearing(server), turns)
        assert shown(server)[::2] == [UNHEARD] * 8 + ["input_audio"] * 32  # by their number
        answered(hearing(server, seconds=15), turns)
        assert shown(server)[::2] == [UNHEARD] * 30 + ["input_audio"] * 10  # by their length


def test_a_server_that_takes_one_voice_is_given_the_newest() -> None:
    turns = saying(voice(200, "One."), "Yes.", voice(200), "Yes.", "Words.")
    with RemoteServer(hears=Hears(most=1)) as server:
        with pytest.raises(EngineError, match="speech_turns") as caught:
            answered(hearing(server), turns)
        assert caught.value.code == "audio_refused"
        answered(hearing(server, speech_turns=1), turns)
        assert shown(server) == ["One.", "Yes.", "input_audio", "Yes.", "Words."]


def test_the_last_turn_is_heard_however_long_it_is() -> None:
    with RemoteServer(hears=Hears()) as server:
        answered(hearing(server, seconds=0), saying(voice(300, "Known words.")))
        ((part,),) = contents(server)
        assert part["type"] == "input_audio"


def test_the_servers_own_count_of_audio_is_told() -> None:
    with RemoteServer(hears=Hears()) as server:
        last = answered(hearing(server), saying("Two words", "Yes.", voice(750)))[-1]
        assert isinstance(last, Finished)
        assert (last.usage.input_tokens, last.usage.audio_tokens) == (11, 8)


def test_a_server_that_does_not_tell_audio_apart_has_it_counted_by_the_wires_rate() -> None:
    with RemoteServer(hears=Hears(counted=False)) as server:
        last = answered(hearing(server), saying("Two words", "Yes.", voice(750)))[-1]
        assert isinstance(last, Finished)
        assert (last.usage.input_tokens, last.usage.audio_tokens) == (11, 8)
        server.expect(streamed("Yes.", STOP, {"choices": [], "usage": {"prompt_tokens": 5}}))
        last = answered(hearing(server), saying(voice(750)))[-1]
        assert isinstance(last, Finished)
        assert last.usage.audio_tokens == 5  # never more than all


def test_a_server_that_counts_nothing_has_nothing_told_of_it() -> None:
    with RemoteServer(hears=Hears()) as server:
        server.expect(streamed("Yes.", STOP))
        last = answered(hearing(server), saying(voice(750)))[-1]
        assert isinstance(last, Finished)
        assert last.usage.audio_tokens is None


def test_a_model_that_reads_has_no_audio_tokens() -> None:
    with RemoteServer() as server:
        last = answered(OpenAiLlm(server.base_url, "any", net=PATIENT), saying("Words."))[-1]
        assert isinstance(last, Finished)
        assert last.usage.audio_tokens is None


def test_what_voices_take_of_a_known_window_is_counted() -> None:
    with RemoteServer(hears=Hears()) as server:
        turns = saying(voice(20_000), "Yes.", voice(2000))
        for context, left in ((512, 1), (1024, 3)):
            answered(hearing(server, context=context), turns)
            assert len(contents(server)) == left


def test_a_model_that_hears_calls_tools() -> None:
    with RemoteServer(hears=Hears()) as server:
        server.calls.append(Calls((("clock", "{}"),)))
        parts = answered(hearing(server), replace(saying(voice(200)), tools=(CLOCK,)))
        assert parts[0] == CallBegan("clock")


def test_a_model_that_does_not_hear_is_given_no_voice() -> None:
    with RemoteServer() as server:
        with pytest.raises(EngineError, match="given a voice instead of its transcript"):
            answered(OpenAiLlm(server.base_url, "any", net=PATIENT), saying(voice(200)))
        assert server.received == []


def test_a_server_that_takes_no_audio_is_named_with_the_setting_for_it() -> None:
    with RemoteServer() as server:
        with pytest.raises(EngineError, match="speech = false") as caught:
            answered(hearing(server), saying(voice(200)))
        assert caught.value.code == "audio_refused"


def test_what_is_wrong_with_words_alone_is_not_blamed_on_audio() -> None:
    with RemoteServer(hears=Hears()) as server:
        server.expect(Fault(status=400, message="audio is a word"))
        with pytest.raises(EngineError) as caught:
            answered(hearing(server), saying("Words."))
        assert caught.value.code == "engine_rejected"


def test_what_is_prefilled_ends_before_a_voice_that_may_go_on() -> None:
    async def main() -> None:
        llm = OpenAiLlm(server.base_url, "any", hears="input_audio", prewarm=True, net=PATIENT)
        async with aclosing(llm):
            await llm.warm(saying(voice(300), "Yes.", voice(200)))

    with RemoteServer(hears=Hears()) as server:
        asyncio.run(main())
        assert len(contents(server)) == 2
        assert server.received[0].json["max_tokens"] == 1


def test_what_is_prefilled_has_the_voices_that_the_answer_will_have() -> None:
    turns = saying(voice(300, "One."), "Yes.", voice(300, "Two."), "Yes.", voice(300))

    async def main() -> None:
        async with aclosing(hearing(server, prewarm=True, speech_turns=2)) as llm:
            await llm.warm(turns)

    with RemoteServer(hears=Hears()) as server:
        asyncio.run(main())
        warmed = shown(server)
        answered(hearing(server, speech_turns=2), turns)
        assert warmed == shown(server)[:4] == ["One.", "Yes.", "input_audio", "Yes."]


@pytest.mark.parametrize("pcm", [Pcm.silence(1, 24_000), Pcm.silence(20_000, 8000)])
def test_odd_voices_are_sent_as_they_are(pcm: Pcm) -> None:
    with RemoteServer(hears=Hears()) as server:
        answered(hearing(server), saying(replace(voice(1), audio=pcm)))
        ((part,),) = contents(server)
        assert voice_in(part).ms == pytest.approx(pcm.ms, abs=0.1)

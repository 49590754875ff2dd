"""Remote models that hear and speak: what each kind of server streams is played with the model's own words."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
from tests.engines.remote_helpers import CLOCK, HASTY, PATIENT, STOP, noise, streamed
from tests.engines.test_openai_speech import saying, voice
from tests.patience import until

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.wav import wav_bytes
from vivavoce.engines.openai.chat_audio import ChatAudio
from vivavoce.engines.openai.http import Net
from vivavoce.engines.openai.llm import OpenAiLlm
from vivavoce.ports import (
    MAX_CHUNK_MS,
    Began,
    CallArguments,
    CallBegan,
    CallEnded,
    EngineError,
    Finished,
    Image,
    Prompt,
    ResponsePart,
    SpokenAudio,
    SpokenText,
    TextDelta,
    Voice,
    WordTimes,
)
from vivavoce.testing.remote import Fault, RemoteServer
from vivavoce.testing.remote_audio import PAUSE_MS, Hears, Speaks, voice_of
from vivavoce.testing.remote_chat import Calls

Style = Literal["openai", "vllm-omni", "qwen"]
STYLES: list[Style] = ["openai", "vllm-omni", "qwen"]
SENTENCES = ["The weather is fine today.", "Tomorrow it is going to rain.", "Take an umbrella with you."]
ANSWER = " ".join(SENTENCES)
NAMES = {"alloy": "ethan", "ash": "chelsie"}


def engine(server: RemoteServer, style: Style = "openai", **more: Any) -> ChatAudio:
    llm = OpenAiLlm(server.base_url, "any", hears="input_audio", **{"net": PATIENT} | more)
    if style == "vllm-omni":
        return ChatAudio(llm, voice_map=NAMES, voice_field="speaker")
    return ChatAudio(llm, audio_format="pcm16" if style == "openai" else "wav")


def fake(style: Style = "openai", answer: str = ANSWER, rate: int = 24_000) -> RemoteServer:
    return RemoteServer(answer=answer, hears=Hears(), speaks=Speaks(style, rate))


def aloud(asked: Prompt) -> Prompt:
    return replace(asked, spoken=True)


def responded(responder: ChatAudio, asked: Prompt) -> list[ResponsePart]:
    async def main() -> list[ResponsePart]:
        async with aclosing(responder):
            return [part async for part in responder.open().respond(asked)]

    return asyncio.run(main())


def said(parts: list[ResponsePart]) -> str:
    return "".join(part.text for part in parts if isinstance(part, SpokenText))


def sound(parts: list[ResponsePart]) -> Pcm:
    return Pcm.join([part.audio for part in parts if isinstance(part, SpokenAudio)])


@pytest.mark.parametrize("style", STYLES)
def test_what_the_model_says_is_played_with_its_own_words(style: Style) -> None:
    with fake(style) as server:
        parts = responded(engine(server, style), aloud(saying(voice(300))))
    assert isinstance(parts[0], Began)
    assert said(parts) == ANSWER
    assert np.array_equal(sound(parts).samples, voice_of(ANSWER).samples)
    assert all(part.audio.ms <= MAX_CHUNK_MS for part in parts if isinstance(part, SpokenAudio))
    assert isinstance(parts[-1], Finished)
    assert parts[-1].usage.audio_tokens == 3


@pytest.mark.parametrize("style", STYLES)
def test_each_sentence_is_told_with_the_audio_that_says_it(style: Style) -> None:
    with fake(style) as server:
        parts = responded(engine(server, style), aloud(saying(voice(300))))
    sentences: list[tuple[str, float]] = [("", 0.0)]
    for part in parts:
        text, ms = sentences[-1]
        if isinstance(part, SpokenText) and text.rstrip().endswith("."):
            sentences.append((part.text, 0.0))
        elif isinstance(part, SpokenText):
            sentences[-1] = (text + part.text, ms)
        elif isinstance(part, SpokenAudio):
            sentences[-1] = (text, ms + part.audio.ms)
    assert [text.strip() for text, _ in sentences] == SENTENCES
    for text, ms in sentences:  # the pause between two of them belongs to either
        assert ms == pytest.approx(voice_of(text).ms, abs=PAUSE_MS + MAX_CHUNK_MS)


def test_words_have_times_within_the_audio_of_their_sentence() -> None:
    with fake("vllm-omni") as server:
        parts = responded(engine(server, "vllm-omni"), aloud(saying(voice(300))))
    text, ms, ends = "", 0.0, list[tuple[int, float]]()
    for part in parts:
        if isinstance(part, SpokenText):
            text, ms = part.text, 0.0
        elif isinstance(part, SpokenAudio):
            ms += part.audio.ms
        elif isinstance(part, WordTimes):
            assert all(chars <= len(text) and at <= ms for chars, at in part.ends)
            ends += part.ends
    assert len(ends) == len(ANSWER.split())


def test_the_voice_and_the_shape_of_audio_are_asked_for() -> None:
    with fake() as server:
        responded(engine(server), replace(aloud(saying("Hello.")), voice=Voice("cedar"), max_tokens=40))
        asked = server.received[0].json
    assert asked["modalities"] == ["text", "audio"]
    assert asked["audio"] == {"voice": "cedar", "format": "pcm16"}
    assert asked["max_tokens"] == 40


def test_a_speaker_is_asked_for_by_the_models_own_name() -> None:
    with fake("vllm-omni") as server:
        responded(engine(server, "vllm-omni"), replace(aloud(saying("Hello.")), voice=Voice("ash")))
        asked = server.received[0].json
    assert (asked["speaker"], asked.get("audio")) == ("chelsie", None)


@pytest.mark.parametrize("style", STYLES)
def test_a_written_answer_is_asked_for_in_text_alone(style: Style) -> None:
    with fake(style) as server:
        parts = responded(engine(server, style), saying(voice(200)))
        assert server.received[0].json["modalities"] == ["text"]
    assert isinstance(parts[0], Began)
    assert "".join(part.text for part in parts if isinstance(part, TextDelta)) == ANSWER
    assert not any(isinstance(part, SpokenAudio | SpokenText) for part in parts)


def test_audio_that_comes_unasked_is_passed_over() -> None:
    event = {"choices": [{"index": 0, "delta": {"content": "Hi", "audio": {"data": "AAAA"}}}]}
    with fake() as server:
        server.expect(streamed(event, STOP))
        parts = responded(engine(server), saying("Hello."))
    assert parts == [Began(), TextDelta("Hi"), Finished()]


@pytest.mark.parametrize("spoken", [True, False])
def test_tools_are_called_whether_it_speaks_or_writes(spoken: bool) -> None:
    with fake() as server:
        server.calls.append(Calls((("clock", "{}"),)))
        parts = responded(engine(server), replace(saying(voice(200)), spoken=spoken, tools=(CLOCK,)))
    assert parts[:3] == [CallBegan("clock"), CallArguments("{}"), CallEnded()]
    assert isinstance(parts[3], Finished)


def test_what_is_said_before_a_call_is_heard() -> None:
    with fake() as server:
        server.calls.append(Calls((("clock", "{}"),), said="Let me look at the clock."))
        parts = responded(engine(server), replace(aloud(saying(voice(200))), tools=(CLOCK,)))
    assert said(parts) == "Let me look at the clock."
    assert sound(parts).ms == voice_of("Let me look at the clock.").ms
    assert CallBegan("clock") in parts


def test_a_call_that_was_wrong_is_asked_for_again() -> None:
    with fake() as server:
        server.calls += [Calls((("nothing", "{}"),), said="One moment please, I look."), Calls((("clock", "{}"),))]
        parts = responded(engine(server), replace(aloud(saying(voice(200))), tools=(CLOCK,)))
    assert [part for part in parts if isinstance(part, CallBegan)] == [CallBegan("clock")]
    assert said(parts) == "One moment please, I look."


def test_the_answer_that_replaces_a_forbidden_call_is_heard() -> None:
    call = {"tool_calls": [{"index": 0, "id": "x", "function": {"name": "clock", "arguments": "{}"}}]}
    with fake(answer="It is noon, and the sun shines.") as server:
        server.expect(streamed({"choices": [{"index": 0, "delta": call, "finish_reason": "tool_calls"}]}))
        parts = responded(engine(server), replace(aloud(saying(voice(200))), tools=(CLOCK,), tool_choice="none"))
    assert said(parts) == "It is noon, and the sun shines."
    assert sound(parts).ms > 0


def test_pictures_go_along_where_the_model_sees() -> None:
    async def described() -> str:
        return "A picture of a cat."

    picture = Image(b"\x89PNG", "image/png", "low", described, 9, 9)
    asked = aloud(saying(("What is this?", picture)))
    with fake() as server:
        responded(engine(server, images=True), asked)
        responded(engine(server), asked)
        shown = [request.json["messages"] for request in server.received]
    assert [part["type"] for part in shown[0][1]["content"]] == ["text", "image_url"]  # type: ignore[index]
    assert shown[1][1]["content"] == "What is this?\nA picture of a cat."  # type: ignore[index]


def test_what_the_assistant_said_is_told_as_text() -> None:
    with fake() as server:
        responded(engine(server), aloud(saying(voice(200), "I have heard", voice(300))))
        answer = server.received[0].json["messages"][2]  # type: ignore[index]
    assert answer == {"role": "assistant", "content": "I have heard"}


def test_the_servers_count_of_spoken_tokens_is_told() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 60, "completion_tokens_details": {"audio_tokens": 50}}
    with fake() as server:
        audio = {"data": base64.b64encode(noise(200).to_bytes()).decode(), "transcript": "Hello."}
        server.expect(streamed({"choices": [{"delta": {"audio": audio}}]}, STOP, {"choices": [], "usage": usage}))
        last = responded(engine(server), aloud(saying("Hello.")))[-1]
    assert isinstance(last, Finished)
    assert (last.usage.output_tokens, last.usage.spoken_tokens) == (60, 50)


def test_a_turn_that_turns_out_to_hold_no_words_is_not_answered() -> None:
    with fake() as server:
        empty = replace(voice(1, ""), audio=Pcm.silence(0))
        assert responded(engine(server), aloud(saying(empty))) == [Finished()]
        assert server.received == []


def fails(responder: ChatAudio, asked: Prompt) -> EngineError:
    with pytest.raises(EngineError) as caught:
        responded(responder, asked)
    return caught.value


def test_it_does_not_speak_words_that_are_not_its_own() -> None:
    with fake() as server:
        error = fails(engine(server), replace(aloud(saying("Hello.")), verbatim="One moment."))
    assert (error.code, server.received) == ("unsupported_prompt", [])


@pytest.mark.parametrize(
    ("wanted", "code"), [(Voice("nobody"), "unknown_voice"), (Voice("ash", 1.2), "unsupported_speed")]
)
def test_a_voice_or_a_pace_that_it_has_not_is_refused(wanted: Voice, code: str) -> None:
    with fake() as server:
        assert fails(engine(server), replace(aloud(saying("Hello.")), voice=wanted)).code == code
        assert server.received == []


def test_a_server_without_audio_output_is_named() -> None:
    with RemoteServer(hears=Hears()) as server:
        assert fails(engine(server), aloud(saying("Hello."))).code == "audio_refused"
    with fake() as server:
        server.expect(streamed("I only write.", STOP))
        error = fails(engine(server), aloud(saying("Hello.")))
    assert "did not speak it" in error.message


def spoke(data: bytes, words: str | None = "Hello there.") -> Mapping[str, object]:
    audio = {"data": base64.b64encode(data).decode()} | ({"transcript": words} if words else {})
    return {"choices": [{"index": 0, "delta": {"audio": audio}}]}


def header(rate: int) -> bytes:
    return wav_bytes(noise(200, rate))


@pytest.mark.parametrize(
    ("events", "what"),
    [
        ([{"choices": [{"delta": {"audio": {"data": "not base64!", "transcript": "Hi."}}}]}], "is not base64"),
        ([spoke(b"RIFF....WAVE")], "WAV file that cannot be read"),
        ([spoke(b"OggS" + bytes(400))], "neither PCM nor WAV"),
        ([spoke(header(24_000)), spoke(header(16_000))], "16000 Hz after audio at 24000 Hz"),
        ([spoke(header(4000))], "4000 Hz, which no voice has"),
    ],
)
def test_audio_that_is_none_is_named(events: list[object], what: str) -> None:
    with fake() as server:
        server.expect(streamed(*events, STOP))
        error = fails(engine(server), aloud(saying("Hello.")))
    assert error.code == "engine_failed"
    assert what in error.message


def test_an_answer_without_words_is_played_all_the_same() -> None:
    pieces = [noise(900)] * 4
    with fake() as server:
        server.expect(streamed(*(spoke(piece.to_bytes(), None) for piece in pieces), STOP))
        parts = responded(engine(server), aloud(saying("Hello.")))
    assert said(parts) == ""
    assert np.array_equal(sound(parts).samples, Pcm.join(pieces).samples)
    assert isinstance(parts[-1], Finished)


def test_a_wav_header_says_at_which_rate_it_speaks() -> None:
    for style in ("vllm-omni", "qwen"):
        with fake(style, rate=16_000) as server:
            heard = sound(responded(engine(server, style), aloud(saying("Hello."))))
        assert (heard.rate, heard.ms) == (16_000, voice_of(ANSWER, 16_000).ms)


def test_the_rate_of_bare_pcm_is_what_the_settings_say() -> None:
    with fake(rate=48_000) as server:
        llm = OpenAiLlm(server.base_url, "any", hears="input_audio", net=PATIENT)
        heard = sound(responded(ChatAudio(llm, rate=48_000), aloud(saying("Hello."))))
    assert (heard.rate, heard.ms) == (48_000, voice_of(ANSWER).ms)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("fault", "code"), [(Fault(break_after=9), "engine_failed"), (Fault(stall_after=9), "engine_timeout")]
)
def test_a_server_that_dies_or_falls_silent_in_mid_answer_is_an_error(style: Style, fault: Fault, code: str) -> None:
    with fake(style) as server:
        server.expect(fault)
        assert fails(engine(server, style, net=HASTY), aloud(saying("Hello."))).code == code


def test_a_voice_that_ends_after_its_words_but_before_its_end_is_an_error() -> None:
    """The first stage of such a server says that it is done long before the voice is."""
    text = {"modality": "text", "choices": [{"delta": {"content": "Hello there."}, "finish_reason": "stop"}]}
    file = base64.b64encode(wav_bytes(noise(200))).decode()
    audio = {"modality": "audio", "choices": [{"delta": {"content": file}, "finish_reason": "stop"}]}
    with fake("vllm-omni") as server:
        server.expect(streamed(text, audio, end=b""))
        error = fails(engine(server, "vllm-omni"), aloud(saying("Hello.")))
    assert "ended its stream before its answer" in error.message


def test_closing_an_answer_hangs_up() -> None:
    async def main() -> None:
        responder = engine(server, net=Net())
        async with aclosing(responder):
            async with aclosing(responder.open().respond(aloud(saying(voice(200))))) as parts:
                async for part in parts:
                    if isinstance(part, SpokenAudio):
                        break
            assert responder.running == 0
            await until(lambda: server.hung_up == 1)

    with fake(answer=" ".join([ANSWER] * 40)) as server:
        asyncio.run(main())


def test_what_comes_much_faster_than_it_is_heard_stays_with_the_server() -> None:
    async def main() -> tuple[int, int]:
        responder = engine(server, net=Net())
        async with aclosing(responder), aclosing(responder.open().respond(aloud(saying("Talk.")))) as parts:
            async for part in parts:
                if isinstance(part, SpokenAudio):
                    break
            sent = -1
            while sent != server.sent:  # until the line is full
                sent = server.sent
                await asyncio.sleep(0.3)
        return sent, len(voice_of(server.answer).samples) // (24 * 400)

    with fake(answer=" ".join([ANSWER] * 150)) as server:
        sent, pieces = asyncio.run(main())
    assert 0 < sent < pieces


def test_a_whole_answer_in_one_piece_is_cut_for_the_line() -> None:
    long = voice_of(" ".join([ANSWER] * 6))
    text = {"modality": "text", "choices": [{"delta": {"content": ANSWER}}]}
    file = base64.b64encode(wav_bytes(long)).decode()
    assert len(file) > 1 << 20
    with fake("vllm-omni") as server:
        server.expect(streamed(text, {"modality": "audio", "choices": [{"delta": {"content": file}}]}))
        assert sound(responded(engine(server, "vllm-omni"), aloud(saying("Hello.")))).ms == long.ms


def test_what_is_prewarmed_is_text() -> None:
    async def main() -> None:
        responder = engine(server, prewarm=True)
        async with aclosing(responder):
            await responder.open().warm(aloud(saying("Hello.", "Yes.", voice(200))))

    with fake() as server:
        asyncio.run(main())
        asked = server.received[0].json
    assert (asked["modalities"], len(asked["messages"])) == (["text"], 3)  # type: ignore[arg-type]

"""The remote language model: the stream's forms, the conversation that grows too long, and hanging up."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from typing import Literal

import pytest
from tests.engines.remote_helpers import HASTY, PATIENT, STOP, noise, prompt, streamed
from tests.patience import until

from vivavoce.engines.openai.llm import OpenAiLlm
from vivavoce.engines.openai.request import SPOKEN_STYLE
from vivavoce.ports import (
    EngineError,
    Finished,
    Llm,
    Message,
    Prompt,
    Retention,
    Speech,
    TextDelta,
    TokenUsage,
    Voice,
)
from vivavoce.testing.remote import Fault, RemoteServer

Truncation = Literal["auto", "disabled"] | Retention


async def ask(server: RemoteServer, asked: Prompt, llm: OpenAiLlm | None = None) -> tuple[str, Finished]:
    model: Llm = llm or OpenAiLlm(server.base_url, "any", net=PATIENT)
    async with aclosing(model):
        *deltas, last = [part async for part in model.generate(asked)]
    assert isinstance(last, Finished)
    assert all(isinstance(delta, TextDelta) and delta.text for delta in deltas)
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta)), last


def test_text_comes_with_the_servers_count_of_tokens() -> None:
    with RemoteServer(answer="Good day to you \N{SNOWMAN}.") as server:
        asked = prompt("Hello", "Yes?", "How are you", instructions="Be kind.")
        text, last = asyncio.run(ask(server, asked))
        assert text == "Good day to you \N{SNOWMAN}."
        assert last == Finished("stop", TokenUsage(input_tokens=7, output_tokens=5, cached_tokens=3))
        sent = server.received[0].json
        assert sent["messages"] == [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "Yes?"},
            {"role": "user", "content": "How are you"},
        ]
        assert (sent["model"], sent["stream"], sent["stream_options"]) == ("any", True, {"include_usage": True})
        assert "max_tokens" not in sent


def test_a_plain_prompt_is_sent_as_it_is() -> None:
    with RemoteServer() as server:
        asyncio.run(ask(server, replace(prompt("Hi", instructions="Translate.", spoken=True), plain=True)))
        messages = server.received[0].json["messages"]
        assert messages == [{"role": "system", "content": "Translate."}, {"role": "user", "content": "Hi"}]


def test_a_spoken_answer_is_asked_for_as_one() -> None:
    with RemoteServer() as server:
        asyncio.run(ask(server, prompt("Hi", instructions="Be kind.", spoken=True)))
        asyncio.run(ask(server, prompt("Hi")))
        first, second = (request.json["messages"] for request in server.received)
        assert isinstance(first, list)
        assert first[0] == {"role": "system", "content": f"Be kind.\n\n{SPOKEN_STYLE}"}
        assert second == [{"role": "user", "content": "Hi"}]


def test_the_token_limit_is_sent_and_what_it_cut_is_told() -> None:
    with RemoteServer(answer="one two three") as server:
        text, last = asyncio.run(ask(server, prompt("Hi", max_tokens=2)))
        assert (text, last.reason) == ("one two", "length")
        llm = OpenAiLlm(
            server.base_url, "any", max_tokens_field="max_completion_tokens", extra={"seed": 1}, net=PATIENT
        )
        asyncio.run(ask(server, prompt("Hi", max_tokens=2), llm))
        sent = server.received[1].json
        assert (sent["max_completion_tokens"], sent["seed"], "max_tokens" in sent) == (2, 1, False)


@pytest.mark.parametrize(
    "fault",
    [
        streamed("Hel", "lo.", STOP),
        streamed("Hel", "lo.", STOP, end=b""),
        streamed("Hello.", STOP, end=b": a comment\n\ndata: [DONE]"),
        streamed("Hello.", end=b"data: [DONE]\n\n"),
        streamed({"choices": [{"delta": {"role": "assistant", "content": None}}]}, "Hello.", STOP),
        streamed({"choices": [{"delta": {"reasoning_content": "hm"}}]}, "Hello.", STOP, {"choices": []}),
        streamed("Hello.", {"choices": [{"delta": {}, "finish_reason": "eos"}], "usage": None}),
    ],
)
def test_streams_of_many_servers_are_understood(fault: Fault) -> None:
    with RemoteServer() as server:
        server.expect(fault)
        assert asyncio.run(ask(server, prompt("Hi"))) == ("Hello.", Finished())


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(body=b"<html>hello</html>"), "ended its stream before its answer"),
        (Fault(body=b"data: {oops\n\n"), "no stream of chat completions"),
        (Fault(body=b"data: [1, 2]\n\n"), "no stream of chat completions"),
        (Fault(body=b"data: \xff\n\n"), "no stream of chat completions"),
        (Fault(body=b"data: \xff"), "no stream of chat completions"),
        (Fault(body=b""), "ended its stream before its answer"),
        (Fault(body=b"data: [DONE]\n\n"), "ended its stream before its answer"),
        (streamed("Hel", end=b""), "ended its stream before its answer"),
        (streamed({"error": {"message": "GPU on fire."}}), "stopped with an error: GPU on fire."),
        (streamed("Hel", {"error": {"message": "maximum context length"}}), "stopped with an error: maximum context"),
    ],
)
def test_garbage_and_broken_answers_fail(fault: Fault, words: str) -> None:
    with RemoteServer() as server:
        server.expect(fault)
        with pytest.raises(EngineError, match=words) as caught:
            asyncio.run(ask(server, prompt("One", "Two", "Three")))
        assert caught.value.code == "engine_failed"
        assert len(server.received) == 1


def test_a_silent_server_times_out_in_the_middle() -> None:
    with RemoteServer() as server:
        server.expect(Fault(stall_after=3))
        with pytest.raises(EngineError, match=r"fell silent for 3 s") as caught:
            asyncio.run(ask(server, prompt("Hi"), OpenAiLlm(server.base_url, "any", net=HASTY)))
        assert caught.value.code == "engine_timeout"


def contents(server: RemoteServer, number: int) -> list[str]:
    messages = server.received[number].json["messages"]
    assert isinstance(messages, list)
    return [message["content"] for message in messages]


def test_a_conversation_that_is_too_long_loses_its_older_half_until_it_fits() -> None:
    with RemoteServer(context_limit=4) as server:
        asked = prompt("a a", "b b", "c c", "d d", "e", "f", "g", instructions="I")
        text, _ = asyncio.run(ask(server, asked))
        assert text == "Hello from afar."
        assert contents(server, 0) == ["I", "a a", "b b", "c c", "d d", "e", "f", "g"]
        assert contents(server, 1) == ["I", "e", "f", "g"]
        assert len(server.received) == 2


def test_what_is_left_begins_with_the_user() -> None:
    with RemoteServer(context_limit=4) as server:
        asyncio.run(ask(server, prompt("a a a", "b b", "c", "d", "e")))
        assert contents(server, 1) == ["e"]


def test_a_context_error_inside_the_stream_counts_too() -> None:
    with RemoteServer() as server:
        server.expect(streamed({"error": {"message": "too big", "type": "exceed_context_size_error"}}))
        asyncio.run(ask(server, prompt("a", "b", "c")))
        assert contents(server, 1) == ["c"]


def test_the_last_turn_is_never_left_out() -> None:
    with RemoteServer(context_limit=3) as server:
        note = Message("system", ("d",))
        turns = replace(prompt("a a", "b", "c"), messages=(*prompt("a a", "b", "c").messages, note, note))
        asyncio.run(ask(server, turns))
        assert contents(server, 1) == ["c", "d", "d"]


def test_a_known_window_is_kept_without_asking_the_server() -> None:
    with RemoteServer() as server:
        words = ["word " * 70] * 9  # 105 tokens each, by the guess
        cases: list[tuple[Truncation, int]] = [
            ("auto", 5),
            (Retention(0.0), 3),
            (Retention(0.5, 300), 1),
            ("disabled", 9),
        ]
        for truncation, sent in cases:
            llm = OpenAiLlm(server.base_url, "any", context=800, net=PATIENT)
            assert "window" in llm.features
            asyncio.run(ask(server, prompt(*words, truncation=truncation), llm))
            assert len(contents(server, -1)) == sent, truncation
        llm = OpenAiLlm(server.base_url, "any", context=800, net=PATIENT)
        with pytest.raises(EngineError) as caught:
            asyncio.run(ask(server, prompt("word " * 500), llm))
        assert (caught.value.code, len(server.received)) == ("context_too_long", 4)


def test_without_one_only_the_sessions_own_limit_counts() -> None:
    with RemoteServer() as server:
        words = ["word " * 70] * 9
        assert "window" not in OpenAiLlm(server.base_url, "any").features
        cases: list[tuple[Truncation, int]] = [("auto", 9), (Retention(0.5, 330), 1), (Retention(1.0, 330), 3)]
        for truncation, sent in cases:
            asyncio.run(ask(server, prompt(*words, truncation=truncation)))
            assert len(contents(server, -1)) == sent, truncation


@pytest.mark.parametrize("known", [True, False])
def test_effort_is_for_models_that_know_it(known: bool) -> None:
    with RemoteServer() as server:
        llm = OpenAiLlm(server.base_url, "any", reasoning=known, net=PATIENT)
        assert ("reasoning" in llm.features) is known
        asyncio.run(ask(server, replace(prompt("Hi"), effort="low"), llm))
        assert server.received[0].json.get("reasoning_effort") == ("low" if known else None)


def test_what_a_model_knows_is_what_the_configuration_says() -> None:
    everything = OpenAiLlm("http://x/v1", "any", context=900, reasoning=True, images=True)
    assert set(everything.features) == {"window", "reasoning", "tools", "parallel_tool_calls", "images"}
    assert OpenAiLlm("http://x/v1", "any", tools=False).features == ()


def test_a_model_may_think_as_it_likes() -> None:
    with RemoteServer() as server:
        llm = OpenAiLlm(server.base_url, "any", reasoning=True, extra={"reasoning_effort": "high"}, net=PATIENT)
        asyncio.run(ask(server, prompt("Hi"), llm))
        assert server.received[0].json["reasoning_effort"] == "high"


@pytest.mark.parametrize(
    "fault",
    [
        streamed("<thi", "nk>Let me", " see.</th", "ink>\n\nHel", "lo.", STOP),
        streamed({"choices": [{"delta": {"reasoning_content": "Let me see."}}]}, "Hello.", STOP),
        streamed({"choices": [{"delta": {"reasoning": "Let me see.", "content": ""}}]}, "Hello.", STOP),
    ],
)
def test_thoughts_are_not_said(fault: Fault) -> None:
    with RemoteServer() as server:
        server.expect(fault)
        assert asyncio.run(ask(server, prompt("Hi"))) == ("Hello.", Finished())


def test_what_only_began_like_a_thought_is_said() -> None:
    with RemoteServer() as server:
        server.expect(streamed("1 <", STOP))
        assert asyncio.run(ask(server, prompt("Hi"))) == ("1 <", Finished())


def test_a_providers_filter_is_told() -> None:
    with RemoteServer() as server:
        server.expect(streamed("Hel", {"choices": [{"delta": {}, "finish_reason": "content_filter"}]}))
        assert asyncio.run(ask(server, prompt("Hi"))) == ("Hel", Finished("content_filter"))


@pytest.mark.parametrize(
    "asked",
    [prompt("a", "b", "c c c c c"), prompt("a a a", "b b", truncation="disabled"), prompt(instructions="a a a a")],
)
def test_what_can_never_fit_is_too_long(asked: Prompt) -> None:
    with RemoteServer(context_limit=3) as server:
        with pytest.raises(EngineError) as caught:
            asyncio.run(ask(server, asked))
        assert caught.value.code == "context_too_long"
        assert len(server.received) <= 2


def test_closing_hangs_up_at_once() -> None:
    with RemoteServer() as server:

        async def main() -> None:
            llm = OpenAiLlm(server.base_url, "any", net=PATIENT)
            server.expect(Fault(stall_after=4))
            answer = llm.generate(prompt("Hi"))
            assert await anext(answer) == TextDelta("Hello")
            assert llm.running == 1
            await answer.aclose()
            assert llm.running == 0
            await until(lambda: server.hung_up == 1)
            await llm.aclose()

        asyncio.run(main())


def test_warming_asks_for_one_token_if_it_is_wanted_and_never_fails() -> None:
    with RemoteServer() as server:

        async def main() -> None:
            lazy = OpenAiLlm(server.base_url, "any", net=PATIENT)
            await lazy.warm(prompt("Hi"))
            await lazy.aclose()
            assert server.received == []
            eager = OpenAiLlm(server.base_url, "any", prewarm=True, net=PATIENT)
            await eager.warm(prompt("Hi"))
            server.expect(Fault(status=400))
            await eager.warm(prompt("Hi"))
            await eager.aclose()

        asyncio.run(main())
        assert [request.json["max_tokens"] for request in server.received] == [1, 1]


def test_a_voice_is_no_text() -> None:
    async def transcript() -> str:
        return "hello"

    with RemoteServer() as server:
        message = Message("user", (Speech(noise(10), transcript),))
        with pytest.raises(EngineError, match="instead of its transcript"):
            asyncio.run(ask(server, Prompt("", (message,), True, Voice("alloy"))))

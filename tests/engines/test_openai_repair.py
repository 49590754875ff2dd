"""A remote model that calls wrongly is told so once, and never believed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import pytest
from tests.engines.remote_helpers import CLOCK, PATIENT, STOP, WEATHER, answered, prompt, streamed

from vivavoce.engines.openai.llm import OpenAiLlm
from vivavoce.ports import CallArguments, CallBegan, CallEnded, EngineError, Finished, Prompt, TextDelta, Tool
from vivavoce.testing.remote import RemoteServer
from vivavoce.testing.remote_chat import Calls

ASKED = replace(prompt("Weather in Rome?"), tools=(WEATHER, CLOCK))
ROME = '{"city": "Rome"}'
RIGHT = [CallBegan("weather"), CallArguments(ROME), CallEnded()]
FORCED = {"type": "function", "function": {"name": "weather"}}


def ask(server: RemoteServer, asked: Prompt = ASKED) -> list[object]:
    return list(answered(OpenAiLlm(server.base_url, "any", net=PATIENT), asked))


def last_messages(body: Mapping[str, object], count: int) -> list[dict[str, object]]:
    messages = body["messages"]
    assert isinstance(messages, list)
    return messages[-count:]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ("{}", "$: 'city' is a required property"),
        ('{"city": 5}', "$.city: 5 is not of type 'string'"),
        ('{"city": "Rome", "days": 0}', "$.days: 0 is less than the minimum of 1"),
        ('{"city": "Rome", "mood": "good"}', "$: Additional properties are not allowed ('mood' was unexpected)"),
        ('{"city": "Rome"', "They are no JSON object."),
        ('{"city": NaN}', "They are no JSON object."),
        ('["Rome"]', "They are no JSON object."),
    ],
)
def test_arguments_that_do_not_fit_are_asked_for_again(arguments: str, why: str) -> None:
    with RemoteServer() as server:
        server.calls.extend(
            [Calls((("weather", arguments),), said="Let me look."), Calls((("weather", ROME),), said="Again.")]
        )
        *parts, last = ask(server)
        assert parts == [TextDelta("Let me look."), *RIGHT]
        assert isinstance(last, Finished)
        assert (last.usage.input_tokens, last.usage.output_tokens) == (3 + last_words(server), 3 + 1)
        body = server.received[1].json
        assert body["tool_choice"] == FORCED
        assert body["tools"] == server.received[0].json["tools"]
        call, output = last_messages(body, 2)
        assert call["content"] == "Let me look."
        assert str(output["content"]).startswith(f"These arguments were refused:\n{why}\n")


def last_words(server: RemoteServer) -> int:
    return sum(len(str(each.get("content") or "").split()) for each in last_messages(server.received[-1].json, 99))


def test_a_second_wrong_call_fails_by_name() -> None:
    with RemoteServer() as server:
        server.calls.extend([Calls((("weather", "{}"),)), Calls((("weather", '{"city": 5}'),))])
        with pytest.raises(
            EngineError, match=r"called the tool weather wrongly, twice: .*\$\.city: 5 is not"
        ) as caught:
            ask(server)
        assert caught.value.code == "invalid_tool_call"
        assert len(server.received) == 2


def test_words_instead_of_the_better_call_fail() -> None:
    with RemoteServer() as server:
        server.expect(streamed(*wrong(), STOP), streamed("Sorry.", STOP))
        with pytest.raises(EngineError, match="called no tool, though it must"):
            ask(server)


def wrong() -> list[object]:
    function = {"name": "weather", "arguments": "{}"}
    return [{"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": function}]}}]}]


def test_what_is_right_is_told_at_once_and_only_the_rest_is_asked_for_again() -> None:
    with RemoteServer() as server:
        server.calls.extend(
            [Calls((("weather", "{}"), ("clock", "{}"))), Calls((("weather", ROME), ("weather", ROME)))]
        )
        *parts, _ = ask(server)
        assert parts == [CallBegan("clock"), CallArguments("{}"), CallEnded(), *RIGHT]
        call, _ = last_messages(server.received[1].json, 2)
        assert len(call["tool_calls"]) == 1  # type: ignore[arg-type]


def test_a_tool_that_does_not_exist_leaves_the_choice_open() -> None:
    with RemoteServer() as server:
        server.calls.extend([Calls((("forecast", "{}"),)), Calls((("weather", ROME),))])
        *parts, _ = ask(server)
        assert parts == RIGHT
        body = server.received[1].json
        assert body["tool_choice"] == "auto"
        assert last_messages(body, 1)[0]["content"] == "There is no tool 'forecast' to call. There are: weather, clock."


def test_words_in_place_of_a_tool_that_does_not_exist_are_said() -> None:
    with RemoteServer() as server:
        server.calls.extend([Calls((("forecast", "{}"),), said="Wait.")])
        server.calls.extend([Calls((), said="I cannot know.")])
        *parts, _ = ask(server)
        assert parts == [TextDelta("Wait. I cannot know.")]


def test_a_server_that_ignores_the_choice_is_told() -> None:
    choices: list[tuple[Literal["none", "auto", "required"], tuple[str, ...] | None]] = [
        ("none", None),
        ("required", ("clock",)),
    ]
    for choice, only in choices:
        with RemoteServer(answer="I know nothing.") as server:
            server.expect(streamed(*wrong(), STOP))
            *parts, _ = ask(server, replace(ASKED, tool_choice=choice, callable=only))
            again = server.received[1].json
            if choice == "none":
                assert parts == [TextDelta("I know nothing.")]
                assert again["tool_choice"] == "none"
            else:
                assert parts == [CallBegan("clock"), CallArguments("{}"), CallEnded()]
                assert again["tool_choice"] == {"type": "function", "function": {"name": "clock"}}


def test_a_call_that_is_forbidden_twice_fails() -> None:
    for asked in (replace(ASKED, tool_choice="none"), prompt("Hi")):
        with RemoteServer() as server:
            server.expect(streamed(*wrong(), STOP), streamed(*wrong(), STOP))
            with pytest.raises(EngineError, match="wrongly, twice: No tool may be called now"):
                ask(server, asked)


def test_words_where_a_call_is_demanded_are_answered_with_the_demand() -> None:
    with RemoteServer() as server:
        server.expect(streamed("Sure!", STOP), streamed(STOP))
        asked = replace(ASKED, tool_choice="required")
        with pytest.raises(EngineError, match="called no tool, though it must"):
            ask(server, asked)
        said, demand = last_messages(server.received[1].json, 2)
        assert said == {"role": "assistant", "content": "Sure!"}
        assert demand["role"] == "user"
        assert str(demand["content"]).endswith("call one of these tools: weather, clock.")


def test_silence_where_a_call_is_demanded_is_answered_too() -> None:
    with RemoteServer() as server:
        server.expect(streamed(STOP))
        *parts, _ = ask(server, replace(ASKED, tool_choice="required"))
        assert parts == [CallBegan("weather"), CallArguments('{"city": "word"}'), CallEnded()]
        assert [each["role"] for each in last_messages(server.received[1].json, 9)] == ["user", "user"]


def test_the_better_call_has_the_tokens_that_are_left() -> None:
    with RemoteServer() as server:
        server.calls.extend([Calls((("weather", "{}"),), said="one two three"), Calls((("weather", ROME),))])
        ask(server, replace(ASKED, max_tokens=10))
        assert [each.json["max_tokens"] for each in server.received] == [10, 7]


def test_a_tool_whose_schema_is_none_fails_by_name() -> None:
    with RemoteServer() as server:
        server.calls.extend([Calls((("odd", "{}"),))])
        with pytest.raises(EngineError, match="The parameters of the tool odd are no usable JSON schema") as caught:
            ask(server, replace(ASKED, tools=(Tool("odd", "", {"type": "thing"}),)))
        assert caught.value.code == "invalid_tool"


def test_what_a_model_must_call_fits_at_once() -> None:
    with RemoteServer() as server:
        *parts, _ = ask(server, replace(ASKED, tool_choice="required", callable=("weather",)))
        assert json.loads(next(part.text for part in parts if isinstance(part, CallArguments))) == {"city": "word"}
        assert len(server.received) == 1

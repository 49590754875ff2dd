"""Tools and the history of their calls, as a remote server gets them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import pytest
from tests.engines.remote_helpers import CLOCK, PATIENT, WEATHER, answered, prompt

from vivavoce.engines.calls import PENDING
from vivavoce.engines.openai.llm import OpenAiLlm
from vivavoce.engines.openai.payload import Json, find
from vivavoce.ports import CallBegan, EngineError, Finished, Message, Prompt, TextDelta, Tool, ToolCall, ToolOutput
from vivavoce.testing.remote import Fault, RemoteServer
from vivavoce.testing.remote_chat import Calls

ROME = '{"city": "Rome"}'
TOOLS = (WEATHER, CLOCK)
Choice = Literal["none", "auto", "required"]


def sent(server: RemoteServer, asked: Prompt, **options: bool) -> Mapping[str, object]:
    answered(OpenAiLlm(server.base_url, "any", net=PATIENT, **options), asked)  # type: ignore[arg-type]
    return server.received[-1].json


def names(body: Mapping[str, Json]) -> list[Json]:
    tools = body["tools"]
    assert isinstance(tools, list)
    return [find(tool, "function", "name") for tool in tools]


def test_tools_are_sent_as_they_were_defined() -> None:
    with RemoteServer() as server:
        body = sent(server, replace(prompt("Hi"), tools=(WEATHER,)))
        function = {"name": "weather", "description": WEATHER.description, "parameters": WEATHER.parameters}
        assert body["tools"] == [{"type": "function", "function": function}]
        assert body["tool_choice"] == "auto"
        assert "parallel_tool_calls" not in body


def test_without_tools_nothing_is_said_of_them() -> None:
    with RemoteServer() as server:
        asked = replace(prompt("Hi"), parallel_tool_calls=False)
        body = sent(server, asked, parallel_tool_calls=True)
        assert not {"tools", "tool_choice", "parallel_tool_calls"} & set(body)


@pytest.mark.parametrize("known", [True, False])
def test_parallel_tool_calls_is_sent_to_servers_that_know_it(known: bool) -> None:
    with RemoteServer() as server:
        asked = replace(prompt("Hi"), tools=TOOLS, parallel_tool_calls=False)
        assert sent(server, asked, parallel_tool_calls=known).get("parallel_tool_calls") is (False if known else None)


@pytest.mark.parametrize(
    ("choice", "only", "expected", "tools"),
    [
        ("none", None, "none", ["weather", "clock", "other"]),
        ("auto", None, "auto", ["weather", "clock", "other"]),
        ("required", None, "required", ["weather", "clock", "other"]),
        ("none", ("clock",), "none", ["weather", "clock", "other"]),
        ("required", ("clock",), {"type": "function", "function": {"name": "clock"}}, ["weather", "clock", "other"]),
        ("auto", ("clock",), "auto", ["clock"]),
        ("required", ("clock", "other"), "required", ["clock", "other"]),
        ("auto", (), None, None),
    ],
)
def test_the_tools_stay_the_same_for_most_choices(
    choice: Choice, only: tuple[str, ...] | None, expected: object, tools: list[str] | None
) -> None:
    with RemoteServer() as server:
        asked = replace(prompt("Hi"), tools=(*TOOLS, Tool("other", "", {})), tool_choice=choice, callable=only)
        body = sent(server, asked)
        assert body.get("tool_choice") == expected
        assert (names(body) if "tools" in body else None) == tools  # type: ignore[arg-type]


def test_names_that_no_server_takes_are_written_in_another_way() -> None:
    odd = [Tool(name, "", {}) for name in ("a.b", "a/b", "a_b", "x" * 70, "x" * 71)]
    with RemoteServer() as server:
        server.calls.extend([Calls((("a_b_2", "{}"), ("a_b_3", "{}"), ("x" * 60 + "_2", "{}")))])
        history = Message("assistant", (ToolCall("1", "a/b", "{}"), ToolCall("2", "gone now", "{}")))
        asked = replace(prompt("Hi", "Ho", "Hu"), tools=tuple(odd))
        asked = replace(asked, messages=(*asked.messages[:1], history, *asked.messages[2:]))
        parts = answered(OpenAiLlm(server.base_url, "any", net=PATIENT), asked)
        assert [part.name for part in parts if isinstance(part, CallBegan)] == ["a/b", "a_b", "x" * 71]
        body = server.received[0].json
        assert names(body) == ["a_b", "a_b_2", "a_b_3", "x" * 64, "x" * 60 + "_2"]  # type: ignore[arg-type]
        assert [find(call, "function", "name") for call in calls_in(body, 1)] == ["a_b_2", "gone_now"]


def calls_in(body: Mapping[str, object], number: int) -> Sequence[Json]:
    messages = body["messages"]
    assert isinstance(messages, list)
    found = messages[number]["tool_calls"]
    assert isinstance(found, list)
    return found


def shape(body: Mapping[str, object]) -> list[object]:
    """Each message as its role and text, with the names of what it calls."""
    messages = body["messages"]
    assert isinstance(messages, list)
    return [
        (each["role"], each["content"], *(call["function"]["name"] for call in each.get("tool_calls", ())))
        for each in messages
    ]


def conversation(*messages: Message) -> Prompt:
    return replace(prompt(), messages=messages, tools=TOOLS)


def test_calls_of_one_answer_are_one_message_with_what_was_said() -> None:
    with RemoteServer() as server:
        asked = conversation(
            Message("user", ("Rome, and the time?",)),
            Message("assistant", ("Let me look.",)),
            Message("assistant", (ToolCall("call_1", "weather", ROME),)),
            Message("assistant", (ToolCall("call_2", "clock", ""),)),
            Message("tool", (ToolOutput("call_2", "noon"),)),
            Message("tool", (ToolOutput("call_1", "sunny"),)),
        )
        body = sent(server, asked)
        assert shape(body) == [
            ("user", "Rome, and the time?"),
            ("assistant", "Let me look.", "weather", "clock"),
            ("tool", "noon"),
            ("tool", "sunny"),
        ]
        first, second = calls_in(body, 1)
        assert find(first, "function", "arguments") == ROME
        assert find(second, "function", "arguments") == '{"arguments": ""}'


def test_a_pending_call_is_said_to_be_pending_and_its_late_output_names_it() -> None:
    with RemoteServer() as server:
        asked = conversation(
            Message("user", ("Rome?",)),
            Message("assistant", (ToolCall("call_1", "weather", ROME),)),
            Message("user", ("And you?",)),
            Message("assistant", ("Fine.",)),
        )
        pending = sent(server, asked)
        assert shape(pending) == [
            ("user", "Rome?"),
            ("assistant", None, "weather"),
            ("tool", PENDING),
            ("user", "And you?"),
            ("assistant", "Fine."),
        ]
        late = sent(
            server, replace(asked, messages=(*asked.messages, Message("tool", (ToolOutput("call_1", "sunny"),))))
        )
        *before, last = shape(late)
        assert before == shape(pending)
        assert last == ("user", f"This is the result of the call weather({ROME}), made before:\nsunny")


def test_a_conversation_is_not_cut_between_a_call_and_its_output() -> None:
    with RemoteServer(context_limit=8) as server:
        asked = conversation(
            Message("user", ("one two three four five",)),
            Message("assistant", (ToolCall("call_1", "weather", ROME),)),
            Message("tool", (ToolOutput("call_1", "sunny and warm"),)),
            Message("assistant", ("It is sunny.",)),
            Message("user", ("Thanks.",)),
        )
        assert shape(sent(server, asked)) == [("user", "Thanks.")]


def test_what_tools_take_of_a_known_window_is_counted() -> None:
    long = Tool("long", "word " * 400, {})
    with RemoteServer() as server:
        words = prompt(*["word " * 70] * 5)
        llm = OpenAiLlm(server.base_url, "any", context=1024, net=PATIENT)
        answered(llm, words)
        assert len(shape(server.received[-1].json)) == 5
        llm = OpenAiLlm(server.base_url, "any", context=1024, net=PATIENT)
        answered(llm, replace(words, tools=(long,)))
        assert len(shape(server.received[-1].json)) == 1


def test_what_calls_and_outputs_take_of_it_is_counted_too() -> None:
    for size, left in ((10, 5), (700, 1)):
        call = Message("assistant", (ToolCall("1", "weather", json.dumps({"city": "o" * size})),))
        output = Message("tool", (ToolOutput("1", "word " * size),))
        words = prompt(*["word " * 70] * 3)
        with RemoteServer() as server:
            llm = OpenAiLlm(server.base_url, "any", context=1024, net=PATIENT)
            answered(llm, replace(words, messages=(words.messages[0], call, output, *words.messages[1:])))
            assert len(shape(server.received[-1].json)) == left


@pytest.mark.parametrize(
    "message",
    [
        '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
        "registry.example/gemma:2b does not support tools",
        "tools param requires --jinja flag",
        "Unrecognized request argument supplied: tool_choice",
        "functions are not supported",
    ],
)
@pytest.mark.parametrize("status", [400, 500])
def test_a_server_without_tools_is_named_with_the_setting_for_it(message: str, status: int) -> None:
    with RemoteServer() as server:
        server.expect(Fault(status=status, message=message))
        with pytest.raises(EngineError, match=r"tools = false") as caught:
            answered(OpenAiLlm(server.base_url, "any", net=replace(PATIENT, retries=0)), conversation())
        assert caught.value.code == "tools_refused"
        assert message in caught.value.message


def test_what_has_nothing_to_do_with_tools_is_said_as_it_is() -> None:
    with RemoteServer() as server:
        server.expect(Fault(status=400, message="The temperature is too high."), Fault(status=400, message="No tools."))
        for asked in (conversation(), prompt("Hi")):
            with pytest.raises(EngineError, match="answered 400") as caught:
                answered(OpenAiLlm(server.base_url, "any", net=PATIENT), asked)
            assert caught.value.code == "engine_rejected"


def test_warming_sends_the_tools_too() -> None:
    with RemoteServer() as server:
        body = sent(server, conversation(Message("user", ("Hi",))))

        async def main() -> None:
            llm = OpenAiLlm(server.base_url, "any", prewarm=True, net=PATIENT)
            await llm.warm(conversation(Message("user", ("Hi",))))
            await llm.aclose()

        asyncio.run(main())
        warmed = server.received[-1].json
        assert {**warmed, "max_tokens": None} == {**body, "max_tokens": None}
        assert warmed["max_tokens"] == 1


def test_an_answer_in_words_is_one_with_tools_too() -> None:
    with RemoteServer() as server:
        parts = answered(OpenAiLlm(server.base_url, "any", net=PATIENT), conversation(Message("user", ("Hi",))))
        assert parts[0] == TextDelta("Hello from afar.")
        assert isinstance(parts[1], Finished)

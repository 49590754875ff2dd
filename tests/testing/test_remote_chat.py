"""The fake remote server calls tools as the stock client expects it, and refuses what strict servers refuse."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletionToolChoiceOptionParam, ChatCompletionToolParam

from vivavoce.testing.remote import RemoteServer
from vivavoce.testing.remote_chat import IMAGE_TOKENS, Calls

WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "unit": {"enum": ["C", "F"]},
                "days": {"type": "integer"},
                "where": {"type": "object", "properties": {"exact": {"type": "boolean"}}, "required": ["exact"]},
            },
            "required": ["city", "unit", "where"],
        },
    },
}
CLOCK: ChatCompletionToolParam = {"type": "function", "function": {"name": "clock"}}
HELLO = {"role": "user", "content": "Hi"}


@pytest.fixture
def server() -> Iterator[RemoteServer]:
    with RemoteServer(answer="Good day.") as running:
        yield running


@pytest.fixture
def client(server: RemoteServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="key", base_url=server.base_url, max_retries=0) as stock:
        yield stock


def test_scripted_calls_are_streamed_in_pieces(client: openai.OpenAI, server: RemoteServer) -> None:
    server.calls.extend([Calls((("weather", '{"city": "Rome"}'), ("clock", "{}")), said="Let me look.")])
    tools = [WEATHER, CLOCK]
    with client.chat.completions.stream(
        model="any", messages=[{"role": "user", "content": "Hi"}], tools=tools
    ) as stream:
        chunks = [event.chunk for event in stream if event.type == "chunk"]
        whole = stream.get_final_completion().choices[0]
    assert whole.finish_reason == "tool_calls"
    assert whole.message.content == "Let me look."
    calls = whole.message.tool_calls or []
    assert [(call.function.name, call.function.arguments) for call in calls] == [
        ("weather", '{"city": "Rome"}'),
        ("clock", "{}"),
    ]
    assert sum(bool(choice.delta.tool_calls) for chunk in chunks for choice in chunk.choices) == 6


def test_scripted_calls_come_in_one_piece_too(client: openai.OpenAI, server: RemoteServer) -> None:
    server.calls.extend([Calls((("clock", "{}"),))])
    answer = client.chat.completions.create(model="any", messages=[{"role": "user", "content": "Hi"}], tools=[CLOCK])
    (call,) = answer.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert (call.function.name, answer.choices[0].finish_reason) == ("clock", "tool_calls")


def test_only_what_must_call_does_without_a_script(client: openai.OpenAI) -> None:
    called = []
    clock: ChatCompletionToolChoiceOptionParam = {"type": "function", "function": {"name": "clock"}}
    choices: list[ChatCompletionToolChoiceOptionParam] = ["none", "auto", "required", clock]
    for choice in choices:
        answer = client.chat.completions.create(
            model="any",
            messages=[{"role": "user", "content": "Hi"}],
            tools=[WEATHER, CLOCK],
            tool_choice=choice,
        )
        calls = answer.choices[0].message.tool_calls or []
        called.append([(call.function.name, call.function.arguments) for call in calls if call.type == "function"])
    must = '{"city": "word", "unit": "C", "where": {"exact": true}}'
    assert called == [[], [], [("weather", must)], [("clock", "{}")]]


CALL = {"id": "abc123def", "type": "function", "function": {"name": "clock", "arguments": "{}"}}
OUTPUT = {"role": "tool", "tool_call_id": "abc123def", "content": "noon"}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}}


def calling(*calls: object) -> dict[str, object]:
    return {"role": "assistant", "content": None, "tool_calls": list(calls)}


def post(server: RemoteServer, *messages: object, **fields: object) -> httpx.Response:
    body = {"model": "any", "messages": list(messages), **fields}
    return httpx.post(f"{server.base_url}/chat/completions", json=body, trust_env=False)


def test_what_is_right_is_taken(server: RemoteServer) -> None:
    seen = {"role": "user", "content": [{"type": "text", "text": "What is this?"}, PICTURE]}
    answer = post(server, seen, calling(CALL), OUTPUT, HELLO)
    assert answer.status_code == 200
    assert answer.json()["usage"]["prompt_tokens"] == 3 + IMAGE_TOKENS + 1 + 1


@pytest.mark.parametrize(
    "messages",
    [
        [HELLO, OUTPUT],
        [HELLO, calling(CALL)],
        [HELLO, calling(CALL), HELLO, OUTPUT],
        [HELLO, calling(CALL), OUTPUT, OUTPUT],
        [HELLO, calling({**CALL, "id": "call_of_many_characters"}), OUTPUT],
        [HELLO, calling({**CALL, "function": {"name": "a.b", "arguments": "{}"}}), OUTPUT],
        [HELLO, calling({**CALL, "function": {"name": "clock", "arguments": "{"}}), OUTPUT],
        [HELLO, calling({**CALL, "function": {"name": "clock", "arguments": "[]"}}), OUTPUT],
        [{"role": "assistant", "content": None}],
        [{"role": "nobody", "content": "Hi"}],
        [{"role": "system", "content": [PICTURE]}],
        [{"role": "user", "content": [{"type": "audio", "text": "Hi"}]}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,?"}}]}],
        [
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": {"url": "data:image/svg+xml;base64,PHN2Zz4="}}],
            }
        ],
    ],
)
def test_a_conversation_that_strict_servers_refuse_is_refused(server: RemoteServer, messages: list[object]) -> None:
    assert post(server, *messages).status_code == 400


@pytest.mark.parametrize(
    "fields",
    [
        {"tool_choice": "auto"},
        {"parallel_tool_calls": True},
        {"tools": [CLOCK, CLOCK]},
        {"tools": [{"type": "function", "function": {"name": "a.b"}}]},
        {"tools": [CLOCK], "tool_choice": {"type": "function", "function": {"name": "weather"}}},
    ],
)
def test_tools_that_strict_servers_refuse_are_refused(server: RemoteServer, fields: dict[str, object]) -> None:
    assert post(server, HELLO, **fields).status_code == 400

"""Functions of a client with a language model on a remote server: from the session to that server and back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

from tests.engines.remote_helpers import PATIENT, WEATHER
from tests.live import live

from vivavoce.engines.openai.llm import OpenAiLlm
from vivavoce.engines.openai.payload import Json, find, parse
from vivavoce.testing.client import Client, connect
from vivavoce.testing.remote import RemoteServer
from vivavoce.testing.remote_chat import Calls

TOOL = {"type": "function", "name": "weather", "description": WEATHER.description, "parameters": WEATHER.parameters}
ROME = '{"city": "Rome"}'


def run(remote: RemoteServer, scenario: Callable[[Client], Awaitable[None]]) -> None:
    async def held() -> None:
        llm = OpenAiLlm(remote.base_url, "any", net=PATIENT)
        async with live(llm=llm) as server, connect(server.ws) as client:
            await client.update({"output_modalities": ["text"], "tools": [TOOL]})
            await scenario(client)

    with remote:
        asyncio.run(held())


async def say(client: Client, text: str) -> None:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    await client.send({"type": "conversation.item.create", "item": item})


async def answer(client: Client) -> Json:
    """The response that is asked for now."""
    before = len(client.arrivals)
    await client.send({"type": "response.create"})
    done = (await client.expect("response.done", since=before)).event
    return find(parse(json.dumps(done)), "response")


def last_message(remote: RemoteServer) -> object:
    messages = remote.received[-1].json["messages"]
    assert isinstance(messages, list)
    return messages[-1]


def test_a_call_and_its_output_make_the_next_answer() -> None:
    remote = RemoteServer(answer="It is sunny.")
    remote.calls.extend([Calls((("weather", ROME),), said="Let me look.")])

    async def scenario(client: Client) -> None:
        await say(client, "How is the weather in Rome?")
        first = await answer(client)
        assert find(first, "status") == "completed"
        assert find(first, "output", 0, "content", 0, "text") == "Let me look."
        call = find(first, "output", 1)
        assert isinstance(call, dict)
        assert (call["type"], call["name"], call["arguments"]) == ("function_call", "weather", ROME)
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"}
        await client.send({"type": "conversation.item.create", "item": output})
        assert find(await answer(client), "output", 0, "content", 0, "text") == "It is sunny."

    run(remote, scenario)
    _, calling, output = remote.received[-1].json["messages"][-3:]  # type: ignore[index]
    assert (calling["content"], output["content"]) == ("Let me look.", "sunny")
    assert calling["tool_calls"][0]["id"] == output["tool_call_id"]


def test_a_call_that_stays_wrong_spoils_one_answer() -> None:
    remote = RemoteServer(answer="Hello.")
    remote.calls.extend([Calls((("weather", "{}"),)), Calls((("weather", "{}"),))])

    async def scenario(client: Client) -> None:
        await say(client, "How is the weather in Rome?")
        failed = await answer(client)
        assert (find(failed, "status"), find(failed, "output")) == ("failed", [])
        assert find(failed, "status_details", "error", "code") == "invalid_tool_call"
        await say(client, "Are you there?")
        assert find(await answer(client), "output", 0, "content", 0, "text") == "Hello."

    run(remote, scenario)


def test_a_conversation_goes_on_while_a_call_is_pending() -> None:
    remote = RemoteServer(answer="I am still waiting.")
    remote.calls.extend([Calls((("weather", ROME),))])

    async def scenario(client: Client) -> None:
        await say(client, "How is the weather in Rome?")
        call_id = find(await answer(client), "output", 0, "call_id")
        await say(client, "And?")
        assert find(await answer(client), "output", 0, "content", 0, "text") == "I am still waiting."
        assert last_message(remote) == {"role": "user", "content": "And?"}
        output = {"type": "function_call_output", "call_id": call_id, "output": "sunny"}
        await client.send({"type": "conversation.item.create", "item": output})
        await answer(client)

    run(remote, scenario)
    late = last_message(remote)
    assert isinstance(late, dict)
    assert late["role"] == "user"
    assert late["content"].endswith("sunny")

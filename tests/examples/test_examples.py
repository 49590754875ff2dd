"""The examples run as written, and their README says how."""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
from collections.abc import Iterator, Sequence
from types import CodeType

import pytest
from tests.examples.running import EXAMPLES, shopping
from tests.live import Live, live

from vivavoce.config import load
from vivavoce.ports import CallPart, Finished, Message, TextDelta, ToolOutput
from vivavoce.testing.client import connect
from vivavoce.testing.client import text as text_at
from vivavoce.testing.fakes import ScriptedLlm, calls, says

Script = Sequence[TextDelta | CallPart | Finished]
README = (EXAMPLES / "README.md").read_text()


def outputs(messages: tuple[Message, ...]) -> Iterator[str]:
    """What tools have returned, in a prompt."""
    for message in messages:
        yield from (part.output for part in message.content if isinstance(part, ToolOutput))


def run(program: CodeType) -> str:
    """What a program prints that is started like this."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(program, {"__name__": "__main__"})
    return printed.getvalue()


# The SDK's own use of the websockets package, which this project cannot change.
@pytest.mark.filterwarnings("ignore:connect\\(\\) must be used as a context manager:DeprecationWarning")
def test_a_function_of_the_program_is_called_and_its_result_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (EXAMPLES / "function_tool.py").read_text()
    assert text.count("http://127.0.0.1:8700/v1") == 1
    monkeypatch.setattr("sys.argv", ["function_tool.py", "Can I come on Sunday?"])

    async def scenario() -> str:
        call = [*calls("opening_hours", day="Sunday"), Finished()]
        llm = ScriptedLlm(call, says("No, we are closed."), features=("tools",))
        async with live(llm=llm) as server:
            program = compile(text.replace("http://127.0.0.1:8700/v1", server.http), "function_tool.py", "exec")
            printed = await asyncio.to_thread(run, program)
        llm.assert_finished()
        asked, answered = (call.request for call in llm.calls)
        assert asked.messages[-1].content == ("Can I come on Sunday?",)
        assert list(outputs(answered.messages)) == ["On Sunday the shop is closed."]
        return printed

    assert (
        asyncio.run(scenario())
        == '[opening_hours {"day": "Sunday"}: On Sunday the shop is closed.]\nNo, we are closed.'
    )


def test_the_mcp_server_is_reached_with_the_example_s_configuration_and_its_tools_run() -> None:
    async def scenario() -> None:
        script: list[Script] = [
            [*calls("add_item", item="apples", count=3), Finished()],
            says("Done."),
            [*calls("list_items"), Finished()],
            says("Three apples."),
        ]
        llm = ScriptedLlm(*script, features=("tools",))
        async with shopping() as url, live(load(EXAMPLES / "vivavoce.toml"), llm=llm) as server:
            await talk(server, url)
        llm.assert_finished()
        assert list(outputs(llm.calls[3].request.messages)) == ["There are 3 apples on the list now.", "3 apples"]
        listed = {tool.name: tool.parameters for tool in llm.calls[0].request.tools}
        assert set(listed) == {"list_items", "add_item", "clear_list"}
        assert listed["add_item"]["required"] == ["item"]

    asyncio.run(scenario())


async def talk(server: Live, url: str) -> None:
    """Have something put on the list, which is approved, and the list read out, which needs nobody's approval."""
    tool = {
        "type": "mcp",
        "server_label": "shopping",
        "server_url": url,
        "require_approval": {"never": {"read_only": True}},
    }
    async with connect(server.ws) as client:
        await client.update({"type": "realtime", "output_modalities": ["text"], "tools": [tool]})
        await client.expect("mcp_list_tools.completed")
        await client.send({"type": "response.create"})
        request = await client.expect("response.output_item.done")
        asked = {"type": "mcp_approval_response", "approval_request_id": text_at(request.event, "item", "id")}
        await client.expect("response.done")
        await client.send({"type": "conversation.item.create", "item": {**asked, "approve": True}})
        spoken = await client.expect("response.output_text.done")
        await client.expect("response.done", since=client.arrivals.index(spoken))
        content = [{"type": "input_text", "text": "What is on it now?"}]
        question = {"type": "message", "role": "user", "content": content}
        await client.send({"type": "conversation.item.create", "item": question})
        await client.send({"type": "response.create"})
        await client.expect("response.output_text.done", since=client.arrivals.index(spoken) + 1)


def test_the_readme_names_what_there_is_and_only_local_addresses_are_opened() -> None:
    named = set(re.findall(r"examples/([\w.]+)", README))
    assert named == {path.name for path in EXAMPLES.iterdir()} - {"README.md"}
    assert load(EXAMPLES / "vivavoce.toml").mcp.allow == ("127.0.0.1",)
    addresses = set(re.findall(r"http://127\.0\.0\.1:8800/mcp", README))
    assert addresses <= set(re.findall(r"http://\S+/mcp", (EXAMPLES / "mcp_server.py").read_text()))


@pytest.mark.parametrize("name", ["function_tool.py", "mcp_server.py", "receptionist.py"])
def test_an_example_is_short(name: str) -> None:
    assert (EXAMPLES / name).read_text().count("\n") <= 60

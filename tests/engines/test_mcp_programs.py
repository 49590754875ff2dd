"""MCP servers that are programs of the configuration."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from mcp_types import CONNECTION_CLOSED
from tests.engines.mcp_helpers import adapter, refusal

from vivavoce.engines.mcp.program import Command
from vivavoce.engines.mcp.servers import Limits, McpServers
from vivavoce.ports import ToolError, ToolServer

PROGRAM = """
import asyncio, os
from mcp.server.mcpserver import MCPServer

server = MCPServer("program")
seen = {"began": 0, "cancelled": 0}

@server.tool()
def whoami() -> str:
    return f"{os.getpid()} {os.environ.get('GREETING')} {os.environ.get('SECRET')}"

@server.tool()
def count() -> str:
    return f"{seen['began']} {seen['cancelled']}"

@server.tool()
async def wait() -> str:
    seen["began"] += 1
    try:
        await asyncio.Event().wait()
    finally:
        seen["cancelled"] += 1

@server.tool()
def letters(count: int) -> str:
    return "x" * count

@server.tool()
def die() -> str:
    os._exit(1)

server.run("stdio")
"""
HERE = ToolServer(None, "program")
LIMITS = Limits(listing=30.0, call=30.0)


def program(code: str = PROGRAM) -> McpServers:
    command = Command(sys.executable, ("-c", code), {"GREETING": "hello"})
    return McpServers({"program": command}, limits=LIMITS)


async def process(engine: McpServers) -> int:
    """Its process. A call fails that finds it just ended, and the next one has another."""
    while True:
        try:
            return int((await engine.call(HERE, "whoami", {})).split()[0])
        except ToolError as error:
            if error.code != CONNECTION_CLOSED:
                raise


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_one_process_serves_all_calls_and_ends_with_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "ours")

    async def scenario() -> None:
        async with adapter(program()) as engine:
            names = [tool.name for tool in await engine.list_tools(HERE)]
            assert names == ["whoami", "count", "wait", "letters", "die"]
            first, *others = await asyncio.gather(*(engine.call(HERE, "whoami", {}) for _ in range(5)))
            assert set(others) == {first}
            pid, greeting, secret = first.split()
            assert (greeting, secret) == ("hello", "None")
            assert alive(int(pid))
            error = await refusal(engine.call(HERE, "letters", {"count": 2 << 20}))
            assert (error.kind, error.message) == ("execution", "The result is longer than 1048576 bytes.")
        assert not alive(int(pid))

    asyncio.run(scenario())


def test_cancelling_a_call_cancels_it_in_the_program() -> None:
    async def scenario() -> None:
        async with adapter(program()) as engine:
            call = asyncio.create_task(engine.call(HERE, "wait", {}))
            while await engine.call(HERE, "count", {}) != "1 0":
                pass
            call.cancel()
            await asyncio.wait({call})
            while await engine.call(HERE, "count", {}) != "1 1":
                pass

    asyncio.run(scenario())


def test_a_call_that_takes_too_long_is_given_up() -> None:
    async def scenario() -> None:
        command = Command(sys.executable, ("-c", PROGRAM))
        async with adapter(McpServers({"program": command}, limits=Limits(listing=30.0, call=0.3))) as engine:
            error = await refusal(engine.call(HERE, "wait", {}))
            assert (error.kind, error.code) == ("protocol", -32001)
            assert error.message == 'The MCP server "program" did not answer within 0.3 s.'

    asyncio.run(scenario())


def test_a_program_that_has_ended_is_started_again() -> None:
    async def scenario() -> None:
        async with adapter(program()) as engine:
            first = await process(engine)
            error = await refusal(engine.call(HERE, "die", {}))
            assert (error.kind, error.code) == ("protocol", -32000)
            second = await process(engine)
            os.kill(second, signal.SIGKILL)
            third = await process(engine)
            assert len({first, second, third}) == 3
        assert not alive(third)

    asyncio.run(scenario())


@pytest.mark.parametrize("code", ["", "print('hello')", "import sys; sys.exit(3)", "raise SystemExit"])
def test_a_program_that_does_not_speak_the_protocol_keeps_nobody_from_starting(code: str) -> None:
    async def scenario() -> None:
        async with adapter(program(code)) as engine:
            assert (await refusal(engine.list_tools(HERE))).kind == "protocol"
            assert (await refusal(engine.call(HERE, "x", {}))).kind == "protocol"

    asyncio.run(scenario())


def test_a_program_that_is_not_there_is_named(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with adapter(McpServers({"program": Command("no-such-program")}, limits=LIMITS)) as engine:
            assert "the MCP server program does not start" in caplog.text
            error = await refusal(engine.list_tools(HERE))
            assert error.message == 'The MCP server "program" cannot be started.'

    asyncio.run(scenario())


def test_a_program_that_says_nothing_is_given_up_and_ended() -> None:
    async def scenario() -> None:
        code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
        command = Command(sys.executable, ("-c", code))
        async with adapter(McpServers({"program": command}, limits=Limits(listing=0.5))) as engine:
            error = await refusal(engine.list_tools(HERE))
            assert (error.kind, error.code) == ("protocol", -32001)

    before = children()
    asyncio.run(scenario())
    assert children() == before


def children() -> set[str]:
    """Processes that this one has started."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())

"""A server whose engine's own server is down at the start: it says so, and is ready when that one comes up."""

from __future__ import annotations

import asyncio
import socket

import httpx
import pytest
from tests.engines.remote_helpers import PATIENT
from tests.live import Live, live
from tests.patience import until

from vivavoce.config import Config, tree
from vivavoce.engines.moshi.engine import Moshi
from vivavoce.engines.openai.llm import OpenAiLlm
from vivavoce.engines.realtime.responder import RealtimeResponder
from vivavoce.testing.remote import RemoteServer
from vivavoce.testing.remote_realtime import Refusal, RemoteRealtime


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def missing(server: Live) -> object:
    """What `/health` says that is not there, and nothing where all is well."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
        answer = await client.get("/health")
    told = answer.json()
    assert (answer.status_code, told["status"]) == ((503, "unreachable") if "unreachable" in told else (200, "ok"))
    return told.get("unreachable")


def test_health_names_what_is_missing_until_it_comes() -> None:
    port = free_port()

    async def main() -> None:
        llm = OpenAiLlm(f"http://127.0.0.1:{port}/v1", "any", net=PATIENT)
        async with live(llm=llm) as server, httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
            answer = await client.get("/health")
            assert (answer.status_code, answer.json()["status"]) == (503, "unreachable")
            who = f"The language model (any at 127.0.0.1:{port})"
            assert answer.json()["unreachable"] == {"llm": f"{who} cannot be reached yet (ConnectError)."}
            with RemoteServer(port=port):
                await until(lambda: server.server.ready)
                answer = await client.get("/health")
                assert (answer.status_code, answer.json()["status"]) == (200, "ok")
                assert "unreachable" not in answer.json()
            assert (await client.get("/health")).status_code == 200  # lost later: its answers say so

    asyncio.run(main())


def test_a_realtime_server_is_waited_for_until_it_gives_a_session() -> None:
    async def main() -> None:
        async with RemoteRealtime() as upstream:
            upstream.refusals += [Refusal(status=503)] * 3
            where = upstream.url.split("/")[2]
            async with live(responder=RealtimeResponder(upstream.url, "any")) as server:
                why = f"The realtime server (any at {where}) answered 503."
                assert await missing(server) == {"responder": why}
                await until(lambda: server.server.ready)
                assert await missing(server) is None
                assert upstream.sessions[-1].kinds() == []  # nothing was asked for

    asyncio.run(main())


def test_a_server_that_is_lost_before_the_first_warming_does_not_end_ours(caplog: pytest.LogCaptureFixture) -> None:
    class Flighty(RealtimeResponder):
        async def unreachable(self) -> str | None:
            return None

    async def main() -> None:
        async with live(responder=Flighty("ws://127.0.0.1:9/v1/realtime", "any")) as server:
            assert server.server.ready

    asyncio.run(main())
    assert "The realtime server (any at 127.0.0.1:9) cannot be reached (ConnectionRefusedError)." in caplog.messages


def test_moshi_is_waited_for_until_somebody_listens_at_its_port() -> None:
    port = free_port()

    async def main() -> None:
        config = Config(model=tree.Model(voice="moshi"))
        async with live(config, responder=Moshi(f"ws://127.0.0.1:{port}/api/chat")) as server:
            why = f"There is no Moshi server at ws://127.0.0.1:{port}/api/chat yet (ConnectionRefusedError)."
            assert await missing(server) == {"responder": why}
            async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", port):
                await until(lambda: server.server.ready)
                assert await missing(server) is None

    asyncio.run(main())


def test_a_server_that_still_loads_its_model_is_missing() -> None:
    async def main() -> str | None:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 503 Loading\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(handle, "127.0.0.1", 0) as loading:
            port = loading.sockets[0].getsockname()[1]
            llm = OpenAiLlm(f"http://127.0.0.1:{port}/v1", "any", net=PATIENT)
            why = await llm.unreachable()
            await llm.aclose()
        return why

    why = asyncio.run(main())
    assert why is not None
    assert why.endswith("is not ready yet (status 503).")

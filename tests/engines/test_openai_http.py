"""The line to a remote server: retries before the first byte, timeouts, and errors that name all but the key."""

from __future__ import annotations

import asyncio
import logging
import socket
from dataclasses import replace

import pytest
from tests.engines.remote_helpers import PATIENT, noise, prompt, voice
from tests.patience import PATIENCE_S, until

from vivavoce.engines.openai.asr import OpenAiAsr
from vivavoce.engines.openai.http import Body, Net, Remote
from vivavoce.engines.openai.llm import OpenAiLlm
from vivavoce.ports import AsrHint, EngineError, Transcript
from vivavoce.testing.remote import Fault, RemoteServer

KEY = "sk-very-secret"


async def hear(asr: OpenAiAsr) -> list[Transcript]:
    return [t async for t in asr.transcribe(voice(noise(300)), AsrHint())]


async def error_of(server: RemoteServer, *faults: Fault, key: str | None = None, net: Net = PATIENT) -> EngineError:
    """What a call says to these faults, one a try."""
    server.expect(*faults)
    asr = OpenAiAsr(server.base_url, "any", key, net=net)
    with pytest.raises(EngineError) as caught:
        await hear(asr)
    assert asr.running == 0
    await asr.aclose()
    server.assert_finished()
    return caught.value


def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_busy_server_is_tried_again(status: int) -> None:
    async def main() -> None:
        asr = OpenAiAsr(server.base_url, "any", net=PATIENT)
        assert await hear(asr) == [Transcript("hello there")]
        await asr.aclose()

    with RemoteServer() as server:
        server.expect(Fault(status=status), Fault(status=status))
        asyncio.run(main())
        assert len(server.received) == 3


def test_a_server_that_stays_busy_is_unavailable() -> None:
    with RemoteServer() as server:
        error = asyncio.run(error_of(server, *[Fault(status=503, message="Overloaded.")] * 3))
        assert error.code == "engine_unavailable"
        assert error.message.startswith("The speech recogniser (any at 127.0.0.1:")
        assert error.message.endswith(") answered 503: Overloaded.")


def test_a_retry_after_within_reason_is_honoured_and_a_long_one_ends_it() -> None:
    with RemoteServer() as server:
        fault = Fault(status=429, headers={"Retry-After": "60"})
        assert asyncio.run(error_of(server, fault)).code == "engine_unavailable"
        assert len(server.received) == 1

        async def main() -> float:
            server.expect(Fault(status=429, headers={"Retry-After": "0.1"}))
            asr = OpenAiAsr(server.base_url, "any", net=PATIENT)
            began = asyncio.get_running_loop().time()
            await hear(asr)
            await asr.aclose()
            return asyncio.get_running_loop().time() - began

        assert asyncio.run(main()) >= 0.1


def test_an_exhausted_account_is_not_tried_again() -> None:
    with RemoteServer() as server:
        fault = Fault(status=429, code="insufficient_quota", message="You exceeded your quota")
        error = asyncio.run(error_of(server, fault))
        assert (error.code, len(server.received)) == ("engine_rejected", 1)


def test_a_refusal_carries_the_servers_words() -> None:
    with RemoteServer() as server:
        error = asyncio.run(error_of(server, Fault(status=404, message="The model `any` does not exist.")))
        assert error.code == "engine_rejected"
        assert error.message.endswith("answered 404: The model `any` does not exist.")
        assert len(server.received) == 1


def test_no_message_holds_the_key() -> None:
    with RemoteServer(api_key="another") as server:
        error = asyncio.run(error_of(server, key=KEY))
        assert "Incorrect API key provided: ***" in error.message
        assert server.received[0].headers["authorization"] == f"Bearer {KEY}"


def test_without_a_key_none_is_sent() -> None:
    with RemoteServer() as server:
        asyncio.run(error_of(server, Fault(status=400)))
        assert "authorization" not in server.received[0].headers


@pytest.mark.parametrize("fault", [Fault(delay=30), Fault(stall_after=0)])
def test_a_server_that_sends_nothing_times_out(fault: Fault) -> None:
    with RemoteServer() as server:
        error = asyncio.run(error_of(server, fault, net=replace(PATIENT, first_byte=0.4)))
        assert error.code == "engine_timeout"
        assert "sent nothing for 0.4 s" in error.message


def test_a_redirect_is_no_answer() -> None:
    with RemoteServer() as server:
        error = asyncio.run(error_of(server, Fault(status=307, headers={"Location": "http://elsewhere"})))
        assert error.code == "engine_failed"


def test_nobody_there_is_unavailable_after_retries() -> None:
    async def main() -> EngineError:
        asr = OpenAiAsr(f"http://127.0.0.1:{closed_port()}/v1", "any", KEY, net=PATIENT)
        with pytest.raises(EngineError) as caught:
            await hear(asr)
        await asr.aclose()
        return caught.value

    error = asyncio.run(main())
    assert error.code == "engine_unavailable"
    assert "cannot be reached (ConnectError)" in error.message


def test_a_connection_dropped_before_any_answer_is_tried_again() -> None:
    """What a server does that closes a kept connection at the moment it is used again."""
    served = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(await reader.readuntil(b"\r\n\r\n"))
        if len(served) > 1:
            await reader.readuntil(b"--\r\n")  # the whole form
            body = b'{"text": "at last"}'
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def main() -> list[Transcript]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            asr = OpenAiAsr(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", "any", net=PATIENT)
            heard = await hear(asr)
            await asr.aclose()
        return heard

    assert asyncio.run(main()) == [Transcript("at last")]
    assert len(served) == 2


def test_what_broke_off_after_the_first_byte_is_not_tried_again() -> None:
    with RemoteServer() as server:

        async def main() -> None:
            llm = OpenAiLlm(server.base_url, "any", net=PATIENT)
            with pytest.raises(EngineError, match=r"broke off its answer \(RemoteProtocolError\)") as caught:
                _ = [part async for part in llm.generate(prompt("Hi"))]
            assert caught.value.code == "engine_failed"
            await llm.aclose()

        server.expect(Fault(break_after=3))
        asyncio.run(main())
        assert len(server.received) == 1


def test_calls_share_connections() -> None:
    with RemoteServer() as server:

        async def main() -> None:
            llm = OpenAiLlm(server.base_url, "any", net=PATIENT)
            for _ in range(3):
                _ = [part async for part in llm.generate(prompt("Hi"))]
            await llm.aclose()

        asyncio.run(main())
        assert len({request.peer for request in server.received}) == 1


def test_a_full_pool_is_said_to_be_full() -> None:
    with RemoteServer() as server:

        async def main() -> None:
            net = replace(PATIENT, connections=1, connect=3.0)
            llm = OpenAiLlm(server.base_url, "any", net=net)
            server.expect(Fault(stall_after=3))
            first = llm.generate(prompt("Hi"))
            await anext(first)
            with pytest.raises(EngineError, match="has no free connection") as caught:
                await anext(llm.generate(prompt("Hi")))
            assert caught.value.code == "engine_unavailable"
            await first.aclose()
            await llm.aclose()

        asyncio.run(main())


def test_closing_the_engine_ends_what_runs() -> None:
    with RemoteServer() as server:

        async def main() -> None:
            llm = OpenAiLlm(server.base_url, "any", net=PATIENT)
            server.expect(Fault(stall_after=3))
            answer = llm.generate(prompt("Hi"))
            await anext(answer)
            waiting = asyncio.ensure_future(anext(answer))
            await asyncio.sleep(0.02)
            await llm.aclose()
            with pytest.raises(EngineError) as caught:
                await asyncio.wait_for(waiting, PATIENCE_S)
            assert caught.value.code == "engine_unavailable"
            assert llm.running == 0
            with pytest.raises(EngineError, match="is shut down"):
                await anext(llm.generate(prompt("Hi")))

        asyncio.run(main())


def test_a_cancelled_try_leaves_nothing_behind() -> None:
    with RemoteServer() as server:

        async def main() -> None:
            asr = OpenAiAsr(server.base_url, "any", net=PATIENT)
            server.expect(Fault(stall_after=0))
            call = asyncio.ensure_future(hear(asr))
            await until(lambda: server.streaming == 1)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert asr.running == 0
            await until(lambda: server.hung_up == 1)
            await asr.aclose()

        asyncio.run(main())


@pytest.mark.parametrize("address", ["", "127.0.0.1:80", "ftp://host/v1", "http://"])
def test_useless_addresses_are_refused_at_once(address: str) -> None:
    with pytest.raises(ValueError, match="address"):
        OpenAiLlm(address, "any")


@pytest.mark.parametrize("key", ["two\nlines", " sk-x", "ключ"])
def test_useless_keys_are_refused_at_once_and_not_shown(key: str) -> None:
    with pytest.raises(ValueError, match="header") as caught:
        OpenAiLlm("http://127.0.0.1/v1", "any", key)
    assert key not in str(caught.value)


async def started(base_url: str, model: str = "any", key: str | None = None) -> None:
    llm = OpenAiLlm(base_url, model, key, net=PATIENT)
    await llm.start()
    await llm.aclose()


def test_a_server_that_is_down_at_the_start_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    asyncio.run(started(f"http://127.0.0.1:{closed_port()}/v1", key=KEY))
    [warning] = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "cannot be reached yet (ConnectError)" in warning.getMessage()


def test_a_missing_model_and_a_wrong_key_are_warnings(caplog: pytest.LogCaptureFixture) -> None:
    with RemoteServer(model="big", api_key=KEY) as server:
        asyncio.run(started(server.base_url, "small", KEY))
        asyncio.run(started(server.base_url, "big", "wrong"))
        asyncio.run(started(server.base_url, "big", KEY))
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 2
    assert warnings[0].endswith("does not list this model.")
    assert warnings[1].endswith("refuses the key (status 401).")


def test_an_answer_without_end_is_cut_off() -> None:
    with RemoteServer() as server:

        async def main() -> None:
            remote = Remote("test", server.base_url, "any", None, PATIENT)
            server.expect(Fault(body=b"x" * 100_000))
            files = {"file": ("a", b"", "audio/wav")}
            with pytest.raises(EngineError, match="far more than an answer"):
                async with remote.post("/audio/transcriptions", Body(form={"model": "any"}, files=files)) as reply:
                    await reply.read(1000)
            await remote.aclose()

        asyncio.run(main())

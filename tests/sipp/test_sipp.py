"""sipp calls a live server: what a call can be, and how it can end. The scenarios are beside this file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.clients.application import Application, closed, office, port
from tests.clients.sdk import Caller
from tests.live import Live, live, spoken
from tests.patience import WHOLE_S, until
from tests.sipp.caller import needs_raw_sockets, needs_sipp, sipp
from tests.sipp.line import HOST, AudioLine
from tests.transports.calling import emptied

from vivavoce.audio.g711 import ulaw_encode
from vivavoce.audio.resample import resample
from vivavoce.config import Config
from vivavoce.config.phone import Rule
from vivavoce.config.sip import Sip, SipUser

CALLS = 50
LEAVING = 10
PAUSE_MS = 3_000
"""For which a caller stays who hangs up, in the middle of a word."""
SLOWLY = ("-r", "20")
"""Calls that begin in a second."""
HEARD = 50
"""Packets of an answer: a second of it, at least."""


@pytest.fixture(autouse=True)
def _installed() -> None:
    needs_sipp()


def run(scenario: Coroutine[object, object, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, WHOLE_S))


@asynccontextmanager
async def answering(*rules: Rule, **settings: object) -> AsyncIterator[tuple[int, int]]:
    """The ports, of UDP and TCP, of a server without applications; at the end there is nothing left of its calls."""
    listen = (f"udp:{HOST}:0", f"tcp:{HOST}:0")
    sip = Sip(listen=listen, rules=rules or (Rule(then="accept"),), **settings)  # type: ignore[arg-type]
    async with live(Config(sip=sip)) as server:
        assert server.server.telephone is not None
        udp, tcp = (place[2] for place in server.server.telephone.endpoint.places)
        yield udp, tcp
        await forgotten(server)


async def forgotten(server: Live) -> None:
    """No session and no call is left."""
    await emptied(server)
    telephony = server.server.telephone
    assert telephony is not None
    await until(lambda: not len(telephony.telephone))


@asynccontextmanager
async def lines(count: int) -> AsyncIterator[Sequence[AudioLine]]:
    """The audio of so many calls."""
    made = [AudioLine(spoken()) for _ in range(count)]
    try:
        yield made
    finally:
        for line in made:
            await line.aclose()


def test_fifty_calls_at_once_with_audio_both_ways(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with office() as (server, application), lines(CALLS) as phones:
            caller = sipp("listen", port(server), tmp_path, calls=CALLS, audio_ports=ports(phones), options=SLOWLY)
            async with asyncio.TaskGroup() as group:
                group.create_task(caller)
                calls = [await taken(application) for _ in range(CALLS)]
                assert server.server.sessions == CALLS
                await heard(phones)
                for call in calls:
                    await application.client.realtime.calls.hangup(call)
            await forgotten(server)
            assert all(phone.said == 70 for phone in phones), [phone.said for phone in phones]

    run(scenario())


def test_callers_hang_up_whenever_they_like(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with office() as (server, application), lines(LEAVING) as phones:
            caller = sipp(
                "talk",
                port(server),
                tmp_path,
                calls=LEAVING,
                audio_ports=ports(phones),
                options=SLOWLY,
                pause=PAUSE_MS,
            )
            async with asyncio.TaskGroup() as group:
                group.create_task(caller)
                for _ in phones:
                    await taken(application)
            await forgotten(server)
            assert all(phone.got for phone in phones), [phone.got for phone in phones]

    run(scenario())


def ports(phones: Sequence[AudioLine]) -> list[int]:
    return [phone.port for phone in phones]


async def taken(application: Application) -> str:
    """Accept the next call; its id."""
    event = await application.incoming()
    await application.client.realtime.calls.accept(
        event.data.call_id,
        type="realtime",
        audio={"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 200}}},
    )
    return event.data.call_id


async def heard(phones: Sequence[AudioLine]) -> None:
    """Each of them was answered."""
    await until(lambda: all(phone.loud >= HEARD for phone in phones))


def test_a_call_over_tcp(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with answering() as (_, where), lines(1) as (phone,):
            await sipp("talk", where, tmp_path, audio_ports=[phone.port], pause=PAUSE_MS, options=("-t", "t1"))
            assert phone.got

    run(scenario())


def test_a_recording_is_understood_and_answered(tmp_path: Path) -> None:
    recording = tmp_path / "question.ulaw"
    recording.write_bytes(ulaw_encode(resample(spoken(), 8_000)))

    async def scenario() -> None:
        async with office() as (server, application), asyncio.TaskGroup() as group:
            group.create_task(sipp("recording", port(server), tmp_path, called="stays", recording=recording))
            call = await taken(application)
            async with application.client.realtime.connect(call_id=call) as connection:
                sideband = Caller(connection)
                await sideband.until("input_audio_buffer.speech_stopped")
                await sideband.until("output_audio_buffer.started")
                await application.client.realtime.calls.hangup(call)
                assert await closed(connection) == "hangup"

    run(scenario())


def test_keys_are_told(tmp_path: Path) -> None:
    needs_raw_sockets()

    async def scenario() -> None:
        async with office() as (server, application), asyncio.TaskGroup() as group:
            group.create_task(sipp("keys", port(server), tmp_path, called="stays"))
            call = await taken(application)
            async with application.client.realtime.connect(call_id=call) as connection:
                sideband = Caller(connection)
                pressed = ""  # those before it joined are gone, and so they are pressed again and again
                while "7#2" not in pressed:
                    pressed += (await sideband.until("input_audio_buffer.dtmf_event_received")).event
                assert pressed in "7#2" * len(pressed)
                await application.client.realtime.calls.hangup(call)

    run(scenario())


@pytest.mark.parametrize("status", [486, 603])
def test_a_rule_rejects(tmp_path: Path, status: int) -> None:
    async def scenario() -> None:
        async with answering(Rule(then="reject", status=status)) as (where, _):
            await sipp("refused", where, tmp_path, calls=10, status=status)

    run(scenario())


def test_an_application_rejects(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with office() as (server, application), asyncio.TaskGroup() as group:
            group.create_task(sipp("refused", port(server), tmp_path, status=486))
            event = await application.incoming()
            await application.client.realtime.calls.reject(event.data.call_id, status_code=486)

    run(scenario())


def test_no_codec_in_common(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with answering() as (where, _):
            await sipp("refused", where, tmp_path, calls=10, status=488, codec=18)

    run(scenario())


def test_a_caller_gives_up(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with office() as (server, _):
            await sipp("cancel", port(server), tmp_path, calls=10)
            await forgotten(server)

    run(scenario())


def test_hold_and_resume(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with answering() as (where, _):
            await sipp("hold", where, tmp_path, calls=10)

    run(scenario())


def test_a_transfer_that_works_ends_the_call(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with office() as (server, application), asyncio.TaskGroup() as group:
            group.create_task(sipp("transfer", port(server), tmp_path, called="stays"))
            call = await taken(application)
            async with application.client.realtime.connect(call_id=call) as connection:
                await application.client.realtime.calls.refer(call, target_uri="tel:+14155550123")
                assert await closed(connection) == "The call was transferred."

    run(scenario())


def test_a_password(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with answering(users={"alice": SipUser(password="secret")}) as (where, _):
            options = ("-au", "alice", "-ap")
            await sipp("password", where, tmp_path, options=(*options, "secret"))
            await sipp("wrong_password", where, tmp_path, options=(*options, "guessed"), status=403)

    run(scenario())

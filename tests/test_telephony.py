"""From the configuration to a telephone: what is wrong is named at the start, and what is right takes effect."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.certificates import certificate
from tests.patience import PATIENCE_S
from tests.runtime.hosting import SETTINGS
from tests.transports.sip.exchange import FakeHost
from tests.transports.sip.handset import HOST
from tests.transports.sip.phone import phone

from vivavoce.config import Config
from vivavoce.config.phone import Outbound, Rule
from vivavoce.config.sip import Sip, SipRegistration, SipUser
from vivavoce.config.sip_media import SipMedia
from vivavoce.ports import EngineError
from vivavoce.protocol.errors import ProtocolError
from vivavoce.telephony import Telephony
from vivavoce.testing.fakes import ScriptedResponder
from vivavoce.transports.sip import actions as sip
from vivavoce.transports.sip.media import Options as MediaOptions
from vivavoce.transports.sip.needs import Host
from vivavoce.transports.sip.negotiation import Terms
from vivavoce.transports.sip.roster import CallError

UDP = f"udp:{HOST}:0"


@asynccontextmanager
async def telephony(settings: Sip) -> AsyncIterator[Telephony]:
    """One that takes calls. Its model can call every tool but the weather."""
    responder = ScriptedResponder()
    responder.refusals = {"weather": "No grammar can say that."}
    host: Host = FakeHost(responder)
    made = Telephony(Config(sip=settings), host)
    await made.start()
    try:
        yield made
    finally:
        await made.aclose()


async def refusal(settings: Sip) -> str:
    """Why it does not start."""
    with pytest.raises(EngineError) as error:
        async with telephony(settings):
            pass
    return error.value.message


def test_a_rule_that_the_engines_cannot_follow_is_named() -> None:
    rules = (Rule(then="reject"), Rule(then="accept", session={"audio": {"output": {"voice": "nobody"}}}))
    message = asyncio.run(refusal(Sip(listen=(UDP,), rules=rules)))
    assert message.startswith("sip.rules[1]: Invalid value: 'nobody'.")


def test_a_rule_with_a_tool_that_the_model_cannot_call_is_named() -> None:
    parameters = {"type": "object", "properties": {"town": {"type": "string"}}}
    clock, weather = ({"type": "function", "name": name, "parameters": parameters} for name in ("clock", "weather"))
    rules = (Rule(then="accept", session={"tools": [clock]}), Rule(then="accept", session={"tools": [weather]}))
    message = asyncio.run(refusal(Sip(listen=(UDP,), rules=rules)))
    assert message == "sip.rules[1]: No grammar can say that."


def test_an_address_that_is_taken_is_named() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((HOST, 0))
        message = asyncio.run(refusal(Sip(listen=(f"udp:{HOST}:{taken.getsockname()[1]}",))))
    assert message.startswith("sip.listen: ")
    assert "in use" in message


@pytest.mark.parametrize("name", ["tls_cert", "tls_ca"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    files = certificate(tmp_path)
    settings: dict[str, Any] = {"tls_cert": files.cert, "tls_key": files.key, "tls_ca": files.authority}
    settings[name] = str(tmp_path / "none")
    message = asyncio.run(refusal(Sip(listen=(f"tls:{HOST}:0",), **settings)))
    assert message.startswith("sip.tls_cert, sip.tls_ca: ")


def test_every_address_is_listened_on(tmp_path: Path) -> None:
    files = certificate(tmp_path)

    async def scenario() -> None:
        listen = (UDP, f"tcp:{HOST}:0", f"tls:{HOST}:0", "udp:[::1]:0")
        async with telephony(Sip(listen=listen, tls_cert=files.cert, tls_key=files.key)) as made:
            assert [(transport, host) for transport, host, _ in made.endpoint.places] == [
                ("udp", HOST),
                ("tcp", HOST),
                ("tls", HOST),
                ("udp", "::1"),
            ]
            assert all(port for _, _, port in made.endpoint.places)

    asyncio.run(scenario())


def test_rules_decide_and_strangers_need_a_password() -> None:
    async def scenario() -> None:
        rules = (Rule(then="reject", called="100", header={"X-Queue": "pizza*"}, status=486),)
        async with telephony(Sip(listen=(UDP,), rules=rules)) as made, phone() as caller:
            port = made.endpoint.places[0][2]
            await caller.dial(port, headers=(("X-Queue", "Pizza orders"),))
            assert (await caller.until(sip.Refused)).status == 486
        async with telephony(Sip(listen=(UDP,), users={"bob": SipUser(password="b")})) as made, phone() as caller:
            await caller.dial(made.endpoint.places[0][2])
            assert (await caller.until(sip.Refused)).status == 401

    asyncio.run(scenario())


def test_the_settings_of_the_media_take_effect() -> None:
    async def scenario() -> None:
        media = SipMedia(ports="41000-41009", codecs=("pcma",), srtp="off")
        async with telephony(Sip(listen=(UDP,), media=media, rules=(Rule(then="accept"),))) as made, phone() as caller:
            await caller.dial(made.endpoint.places[0][2])
            answer = (await caller.until(sip.Answered)).sdp
            audio = next(line for line in answer.split("\r\n") if line.startswith("m=audio"))
            _, port, protocol, codec, *_ = audio.split()
            assert (protocol, codec) == ("RTP/AVP", "8")
            assert 41000 <= int(port) <= 41008
            caller.hang_up()
        encrypted = Sip(listen=(UDP,), media=SipMedia(srtp="required"), rules=(Rule(then="accept"),))
        plain = MediaOptions(host=HOST, terms=Terms(srtp="off"))
        async with telephony(encrypted) as made, phone(media=plain) as caller:
            await caller.dial(made.endpoint.places[0][2])
            assert (await caller.until(sip.Refused)).status == 488

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("direction", "status", "answered"),
    [("sendonly", 200, "a=recvonly"), ("", 200, "m=audio"), ("bad", 488, "")],
)
def test_another_offer_within_a_call(direction: str, status: int, answered: str) -> None:
    async def scenario() -> None:
        async with telephony(Sip(listen=(UDP,), rules=(Rule(then="accept"),))) as made, phone() as caller:
            await caller.dial(made.endpoint.places[0][2])
            await caller.answered()
            assert caller.media is not None
            offer = caller.media.offer().replace("a=sendrecv", f"a={direction}")
            offers = {"": None, "bad": offer.replace("m=audio", "m=video")}
            caller.endpoint.offer_again(offers.get(direction, offer))
            reply = await asyncio.wait_for(caller.endpoint.replies.get(), PATIENCE_S)
            assert reply.status == status
            assert answered in (reply.sdp or "")
            caller.hang_up()

    asyncio.run(scenario())


@pytest.mark.parametrize(("caller", "shown"), [("sip:+4930@trunk.example", "+4930@trunk.example"), (None, "vivavoce@")])
def test_calls_are_made_in_the_configured_name(caller: str | None, shown: str) -> None:
    async def scenario() -> None:
        outbound = Outbound(allow=("phone@*",), caller=caller)
        async with telephony(Sip(listen=(UDP,), outbound=outbound)) as made, phone() as callee:
            dialling = asyncio.create_task(made.decisions.dial(None, callee.uri, SETTINGS, ()))
            assert shown in (await callee.until(sip.Invited)).from_uri
            call_id = await dialling
            assert made.decisions.hang_up(call_id, None)

    asyncio.run(scenario())


def test_a_phone_that_is_called_rings_as_long_as_the_settings_say() -> None:
    async def scenario() -> None:
        outbound = Outbound(allow=("phone@*",), ring_s=0.2)
        async with telephony(Sip(listen=(UDP,), outbound=outbound)) as made, phone() as callee:
            dialling = asyncio.create_task(made.decisions.dial(None, callee.uri, SETTINGS, ()))
            await callee.until(sip.Invited)
            await callee.until(sip.Cancelled)
            await dialling

    asyncio.run(scenario())


@pytest.mark.parametrize("uri", ["sip:a@[x", 'sip:"a"@127.0.0.1:5060'])
def test_what_is_no_address_after_all_is_refused(uri: str) -> None:
    async def scenario() -> None:
        async with telephony(Sip(listen=(UDP,), outbound=Outbound(allow=("*",)))) as made:
            with pytest.raises(ProtocolError) as error:
                await made.decisions.dial(None, uri, SETTINGS, ())
            assert (error.value.code, error.value.param) == ("invalid_value", "uri")
            with pytest.raises(CallError, match="cannot be reached"):
                await made.decisions.dial(None, "sip:a@127.0.0.1;transport=tcp", SETTINGS, ())
            assert not len(made.telephone)

    asyncio.run(scenario())


def test_it_registers_where_it_is_told() -> None:
    async def scenario() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as registrar:
            registrar.bind((HOST, 0))
            registrar.setblocking(False)
            place = f"{HOST}:{registrar.getsockname()[1]}"
            account = SipRegistration(address=f"sip:100@{place}", password="secret")
            made = Telephony(Config(sip=Sip(listen=(UDP,), registrations={"pbx": account})), FakeHost())
            await made.start()
            async with asyncio.timeout(PATIENCE_S):
                data = (await asyncio.get_running_loop().sock_recv(registrar, 4096)).decode()
            assert data.startswith(f"REGISTER sip:{place} SIP/2.0")
            assert f"To: <sip:100@{place}>" in data
            closing = asyncio.create_task(made.aclose())
            await asyncio.wait({closing}, timeout=PATIENCE_S)
            assert closing.done()

    asyncio.run(scenario())

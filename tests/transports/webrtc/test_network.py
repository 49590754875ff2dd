"""Where calls are taken: ports, addresses, and what servers of STUN and TURN are asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aioice import stun
from aioice.ice import Connection
from tests.patience import run

from vivavoce.composition import network
from vivavoce.config import Config
from vivavoce.config.webrtc import WebRtc
from vivavoce.protocol.errors import ProtocolError
from vivavoce.transports.webrtc.ice import Ice, Network, Turn


@asynccontextmanager
async def gathered(network: Network) -> AsyncIterator[Ice]:
    ice = Ice(network, controlling=False)
    try:
        await ice.gather_candidates()
        yield ice
    finally:
        await ice.close()


def hosts(ice: Ice, kind: str) -> set[tuple[str, int]]:
    """Address and port of the candidates of a kind, as the peer sees them."""
    fields = [line.split() for line in ice.described()]
    return {(each[4], int(each[5])) for each in fields if each[7] == kind}


class StunServer(asyncio.DatagramProtocol):
    """Tells everybody that they are at 203.0.113.7."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        asked = stun.parse_message(data)
        answer = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, asked.transaction_id)
        answer.attributes["XOR-MAPPED-ADDRESS"] = ("203.0.113.7", addr[1])
        self._transport.sendto(bytes(answer), addr)


def test_every_port_of_the_range_is_used_and_no_other() -> None:
    async def scenario() -> None:
        within = Network(ports=(45_990, 45_991))
        async with gathered(within) as one, gathered(within) as other:
            addresses = {host for host, _ in hosts(one, "host")}
            assert hosts(one, "host") | hosts(other, "host") == {
                (host, port) for host in addresses for port in (45_990, 45_991)
            }
            with pytest.raises(ProtocolError, match="No UDP port is free for this call"):
                async with gathered(within):
                    pass

    run(scenario)


def test_behind_a_nat_the_caller_is_shown_the_outer_address() -> None:
    async def scenario() -> None:
        async with gathered(Network(public_address="203.0.113.9")) as ice:
            shown = hosts(ice, "host")
            inner = {(each.host, each.port) for each in ice.local_candidates if "." in each.host}
            assert {host for host, _ in shown if "." in host} == {"203.0.113.9"}
            assert {port for host, port in shown if "." in host} == {port for _, port in inner}

    run(scenario)


def test_a_stun_server_tells_the_outer_address() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(StunServer, local_addr=("0.0.0.0", 0))
        port = transport.get_extra_info("sockname")[1]
        async with gathered(Network(stun=("127.0.0.1", port))) as ice:
            found = hosts(ice, "srflx")
            assert {host for host, _ in found} == {"203.0.113.7"}
            assert {port for _, port in found} <= {port for _, port in hosts(ice, "host")}
        transport.close()

    run(scenario)


def test_a_stun_server_that_cannot_be_reached_is_done_without() -> None:
    async def scenario() -> None:
        async with gathered(Network(stun=("stun.invalid", 3478))) as ice:
            assert hosts(ice, "host")
            assert not hosts(ice, "srflx")

    run(scenario)


def test_a_machine_without_a_network_takes_calls_from_itself() -> None:
    async def scenario() -> None:
        ice = Ice(Network(), controlling=False)
        [candidate] = await ice.get_component_candidates(1, [])
        assert candidate.host == "127.0.0.1"
        await ice.close()

    run(scenario)


def test_an_address_that_is_not_this_machine_s_is_left_out() -> None:
    async def scenario() -> None:
        ice = Ice(Network(ports=(45_990, 45_999)), controlling=False)
        [candidate] = await ice.get_component_candidates(1, ["203.0.113.1", "127.0.0.1"])
        assert candidate.host == "127.0.0.1"
        await ice.close()

    run(scenario)


@pytest.mark.parametrize(
    "candidate",
    [
        "1 1 udp 2113937151 5f2c1a9e-0000-4000-8000-000000000000.local 50000 typ host",  # only its own network knows
        "1 1 tcp 1518280447 192.0.2.3 9 typ host tcptype active",
        "1 2 udp 2113937151 192.0.2.3 50000 typ host",
        "1 1 udp 2113937151 192.0.2.3 0 typ host",
        "1 1 udp 2113937151 192.0.2.3 99999 typ host",
        "1 one udp 2113937151 192.0.2.3 50000 typ host",
        "1 1 udp",
        "",
    ],
)
def test_a_candidate_that_cannot_be_used_is_left_out(candidate: str) -> None:
    async def scenario() -> None:
        ice = Ice(Network(), controlling=False)
        await ice.offered((candidate, "2 1 UDP 2113937151 192.0.2.4 50000 typ host"))
        assert [each.host for each in ice.remote_candidates] == ["192.0.2.4"]
        await ice.close()

    run(scenario)


@pytest.mark.parametrize(
    ("settings", "meant"),
    [
        (WebRtc(), Network()),
        (WebRtc(udp_ports="40000-40999"), Network(ports=(40_000, 40_999))),
        (WebRtc(public_address="203.0.113.9"), Network(public_address="203.0.113.9")),
        (WebRtc(stun="stun:stun.example.com"), Network(stun=("stun.example.com", 3478))),
        (WebRtc(stun="stun:stun.example.com:19302"), Network(stun=("stun.example.com", 19_302))),
        (
            WebRtc(turn="turn:turn.example.com", turn_username="me", turn_password="secret"),
            Network(turn=Turn("turn.example.com", 3478, "udp", False, "me", "secret")),
        ),
        (
            WebRtc(turn="turn:turn.example.com:80?transport=tcp"),
            Network(turn=Turn("turn.example.com", 80, "tcp", False)),
        ),
        (WebRtc(turn="turns:turn.example.com"), Network(turn=Turn("turn.example.com", 5349, "tcp", True))),
    ],
)
def test_what_the_settings_say_is_done(settings: WebRtc, meant: Network) -> None:
    assert network(Config(webrtc=settings)) == meant


def test_what_a_relay_needs_to_know_is_passed_on() -> None:
    async def scenario() -> None:
        ice: Connection = Ice(Network(turn=Turn("t.example.com", 80, "tcp", True, "me", "secret")), controlling=False)
        assert (ice.turn_server, ice.turn_transport, ice.turn_ssl) == (("t.example.com", 80), "tcp", True)
        assert (ice.turn_username, ice.turn_password) == ("me", "secret")
        await ice.close()

    run(scenario)

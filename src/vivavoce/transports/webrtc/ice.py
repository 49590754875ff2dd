"""How two peers find a way to each other: ICE (RFC 8445) by aioice, with what it lacks.

That is ports out of a range, an address that others see from outside, and noticing within seconds, not half a minute,
that a peer is gone.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import random
from contextlib import suppress
from dataclasses import dataclass

from aioice import Candidate, Connection
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import StunProtocol, server_reflexive_candidate
from aioice.stun import Message, TransactionError

from vivavoce.protocol.errors import ProtocolError

GONE_S = 7.0
"""Seconds without a sign of life after which a peer is gone (RFC 7675 has 30). It shows within a quarter more."""
GATHER_S = 3
"""Seconds that STUN and TURN servers have to answer."""
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Turn:
    """A relay that our side may use. `transport` to it is udp or tcp, `tls` over the latter."""

    host: str
    port: int = 3478
    transport: str = "udp"
    tls: bool = False
    username: str | None = None
    password: str | None = None


@dataclass(frozen=True, slots=True)
class Network:
    """Where calls are taken.

    `ports` are the first and the last UDP port; None: any that the system gives. `public_address` is what our
    addresses are on the other side of a NAT that keeps ports. `stun` is host and port. `gone_s` is how long a peer may
    give no sign of life; four times as often it is asked for one.
    """

    ports: tuple[int, int] | None = None
    public_address: str | None = None
    stun: tuple[str, int] | None = None
    turn: Turn | None = None
    gone_s: float = GONE_S


class Ice(Connection):  # type: ignore[misc,unused-ignore]
    """Our end of one call's way, always the one that is called."""

    def __init__(self, network: Network, *, controlling: bool) -> None:
        turn = network.turn
        super().__init__(
            ice_controlling=controlling,
            stun_server=network.stun,
            turn_server=(turn.host, turn.port) if turn else None,
            turn_username=turn.username if turn else None,
            turn_password=turn.password if turn else None,
            turn_ssl=turn.tls if turn else False,
            turn_transport=turn.transport if turn else "udp",
        )
        self._network = network
        self._seen = 0.0

    def seen(self) -> None:
        """The peer gave a sign of life that nobody else could have given."""
        self._seen = asyncio.get_running_loop().time()

    async def offered(self, candidates: tuple[str, ...]) -> None:
        """Take the peer's candidates. Those that cannot be used are left out: it will reach us from there, or not.

        There may be more behind its NAT than it knows of, so the list is never taken for complete.
        """
        for text in candidates:
            with suppress(ValueError, IndexError):
                candidate = Candidate.from_sdp(text)
                # Names (mDNS) are not resolved: they are of its own network, from where it will reach us by itself.
                ipaddress.ip_address(candidate.host)
                if candidate.component == 1 and candidate.transport.lower() == "udp" and 0 < candidate.port < 65_536:
                    await self.add_remote_candidate(candidate)

    def described(self) -> list[str]:
        """Our candidates, as the peer is to see them."""
        public = self._network.public_address
        shown = []
        for candidate in self.local_candidates:
            text = candidate.to_sdp()
            same_kind = public and ipaddress.ip_address(public).version == ipaddress.ip_address(candidate.host).version
            if candidate.type == "host" and public and same_kind:
                text = text.replace(f" {candidate.host} {candidate.port} ", f" {public} {candidate.port} ")
            shown.append(text)
        return shown

    # --- what aioice does otherwise ---

    async def get_component_candidates(
        self, component: int, addresses: list[str], timeout: int = GATHER_S
    ) -> list[Candidate]:
        """Ours. Raises `ProtocolError` (`no_udp_port`) when no port of the range is free."""
        # Without any network there is still this machine.
        mine = [await self._listen(address, component) for address in addresses or [_LOOPBACK]]
        found = [each for each in mine if each is not None]
        if mine and not found:
            first, last = self._network.ports or (0, 0)
            message = f"No UDP port is free for this call (webrtc.udp_ports: {first}-{last})."
            raise ProtocolError("no_udp_port", message, kind="server_error")
        self._protocols += found
        candidates = [protocol.local_candidate for protocol in found]
        if self.stun_server:
            asked = [server_reflexive_candidate(each, self.stun_server) for each in found if _is_v4(each)]
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    answers = await asyncio.gather(*asked, return_exceptions=True)
                    candidates += [each[0] for each in answers if not isinstance(each, BaseException)]
        return candidates + await super().get_component_candidates(component, [], timeout)  # TURN's

    async def query_consent(self) -> None:
        """Ask the peer for its consent, and close when nothing at all came of it for too long (RFC 7675)."""
        clock, patience = asyncio.get_running_loop().time, self._network.gone_s
        self.seen()
        while clock() - self._seen < patience:
            await asyncio.sleep(patience / 4)
            for pair in list(self._nominated.values()):
                request = self.build_request(pair, nominate=False)
                key = (self.remote_password or "").encode()
                with suppress(TransactionError):
                    await pair.protocol.request(request, pair.remote_addr, integrity_key=key, retransmissions=0)
                    self.seen()
        self._query_consent_task = None  # or `close` would wait for itself
        await self.close()

    async def close(self) -> None:
        """Leave the network, and keep nothing that refers back to here: it would stay until a full collection."""
        await super().close()
        self._check_list.clear()

    def check_incoming(self, message: Message, addr: tuple[str, int], protocol: StunProtocol) -> None:
        """A question of the peer's, which proved to be its own."""
        self.seen()
        super().check_incoming(message, addr, protocol)

    async def _listen(self, address: str, component: int) -> StunProtocol | None:
        """A socket on the first free port; None when there is none, or the address cannot be used."""
        loop = asyncio.get_running_loop()
        for port in _in_any_order(self._network.ports):
            try:
                _, protocol = await loop.create_datagram_endpoint(
                    lambda: StunProtocol(self), local_addr=(address, port)
                )
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    continue
                return None
            host, bound = protocol.transport.get_extra_info("sockname")[:2]
            protocol.local_candidate = Candidate(
                foundation=candidate_foundation("host", "udp", host),
                component=component,
                transport="udp",
                priority=candidate_priority(component, "host"),
                host=host,
                port=bound,
                type="host",
            )
            return protocol
        return None


def _in_any_order(ports: tuple[int, int] | None) -> list[int]:
    """From a place of chance on, so that few are tried in vain."""
    if ports is None:
        return [0]
    first, last = ports
    begin = random.randint(first, last)
    return [*range(begin, last + 1), *range(first, begin)]


def _is_v4(protocol: StunProtocol) -> bool:
    return ipaddress.ip_address(protocol.local_candidate.host).version == 4

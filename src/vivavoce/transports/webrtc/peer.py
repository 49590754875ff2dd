"""The connection of one call: ICE, DTLS and SCTP, by aioice and aiortc; what travels on it is others' business.

aiortc's own peer connection is not used. It would bring its senders and receivers, which decode in threads, wait for
lost packets and conceal nothing; RTP and RTCP go straight to our own audio path instead. For that, two private methods
of its DTLS transport are replaced and one is called. Its version is pinned, and every call in `tests/transports/webrtc`
goes through them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from aiortc import RTCCertificate, RTCDtlsTransport, RTCIceTransport, RTCSctpCapabilities, RTCSctpTransport
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters

from vivavoce.transports.webrtc.channel import Channel
from vivavoce.transports.webrtc.ice import Ice, Network
from vivavoce.transports.webrtc.sdp import SCTP_PORT, Answer, Credentials, Offer

Packet = Callable[[bytes], None]
"""Takes one RTP or RTCP datagram, decrypted."""


class Peer:
    """One call's connection. `rtp` and `rtcp` get what arrives, `channel` the data channel once it is open."""

    def __init__(self, offer: Offer, network: Network, channel: Channel, rtp: Packet, rtcp: Packet) -> None:
        self.gone = asyncio.Event()
        """The connection is over, whoever ended it."""
        self._offer = offer
        self._channel = channel
        self._ice = Ice(network, controlling=offer.lite)
        self._dtls = _Dtls(_Wire(self._ice, offer.active), self._ice.seen, rtp, rtcp)
        self._dtls.on("statechange", self._changed)
        self._sctp = RTCSctpTransport(self._dtls, SCTP_PORT)
        self._sctp.on("datachannel", channel.offered)

    async def answer(self, ssrc: int, cname: str) -> str:
        """The SDP to send back. Raises `ProtocolError` when the server has no port for the call."""
        await self._ice.gather_candidates()
        fingerprints = tuple((each.algorithm, each.value) for each in self._dtls.getLocalParameters().fingerprints)
        local = Credentials(self._ice.local_username, self._ice.local_password, fingerprints)
        return Answer(local, self._ice.described(), ssrc, cname).to(self._offer)

    async def connect(self) -> None:
        """Until media and data can flow. Raises `ConnectionError`; bounding the time is up to the caller."""
        remote = self._offer.remote
        self._ice.remote_is_lite = self._offer.lite
        self._ice.remote_username, self._ice.remote_password = remote.ufrag, remote.password
        await self._ice.offered(self._offer.candidates)
        await self._ice.connect()
        given = [RTCDtlsFingerprint(algorithm, value) for algorithm, value in remote.fingerprints]
        await self._dtls.start(RTCDtlsParameters(given))
        if self._dtls.state != "connected":
            raise ConnectionError("the DTLS handshake failed")
        await self._sctp.start(RTCSctpCapabilities(self._offer.most_bytes), self._offer.sctp_port)

    async def send(self, packet: bytes) -> None:
        """One RTP or RTCP datagram, encrypted on its way. A peer that is gone is sent nothing."""
        with suppress(ConnectionError):
            await self._dtls._send_rtp(packet)

    async def close(self) -> None:
        """End it, whatever it has come to."""
        await self._sctp.stop()
        await self._dtls.stop()
        await self._ice.close()
        self._dtls.remove_all_listeners()
        self._sctp.remove_all_listeners()
        self.gone.set()

    def _changed(self) -> None:
        if self._dtls.state in ("closed", "failed"):
            self.gone.set()


class _Wire:
    """What aiortc's DTLS needs of its ICE transport: datagrams, and a role from which it takes its own."""

    def __init__(self, ice: Ice, active: bool) -> None:
        self.role = "controlling" if active else "controlled"
        self._recv = ice.recv
        self._send = ice.send


class _Dtls(RTCDtlsTransport):
    """Hands on RTP and RTCP as they are. Whatever was decrypted is a sign of life of the peer."""

    def __init__(self, wire: _Wire, seen: Callable[[], None], rtp: Packet, rtcp: Packet) -> None:
        super().__init__(cast(RTCIceTransport, wire), [RTCCertificate.generateCertificate()])
        self._seen = seen
        self._rtp = rtp
        self._rtcp = rtcp

    async def _handle_rtp_data(self, data: bytes, arrival_time_ms: int) -> None:
        self._seen()
        self._rtp(data)

    async def _handle_rtcp_data(self, data: bytes) -> None:
        self._seen()
        self._rtcp(data)

"""The life of one call: from the answer to its offer until nothing of it is left."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine

from vivavoce.transports.rtp.line import RtpLine
from vivavoce.transports.rtp.stream import RtpStream
from vivavoce.transports.webrtc.channel import Channel
from vivavoce.transports.webrtc.ice import Network
from vivavoce.transports.webrtc.peer import Peer
from vivavoce.transports.webrtc.sdp import Offer

OPEN_S = 15.0
"""Seconds from the answer until the data channel must be open."""

_log = logging.getLogger(__name__)


class LiveCall:
    """One call: its audio is `line`, its events are `channel`."""

    def __init__(self, call_id: str, offer: Offer, network: Network, open_s: float = OPEN_S) -> None:
        self.id = call_id
        self._open_s = open_s
        self.channel = Channel(offer.most_bytes)
        self._stream = RtpStream(offer.audio.codec, offer.audio.payload_type)
        self.line = RtpLine(self._stream)
        self._peer = Peer(offer, network, self.channel, self.line.rtp, self.line.rtcp)

    async def answer(self) -> str:
        """The SDP to send back. Raises `ProtocolError` when the server has no port for the call; then it is over."""
        try:
            return await self._peer.answer(self._stream.ssrc, self._stream.cname)
        except BaseException:
            await self.abandon()
            raise

    async def abandon(self) -> None:
        """There will be no call."""
        await self._peer.close()

    async def run(self, session: Coroutine[None, None, None]) -> None:
        """Until either side has ended it; whatever belongs to it has ended with it. `session` is what talks.

        The session begins at once, so that it can be joined and hung up by the call's id; what it says waits until the
        channel is open.
        """
        talking = asyncio.create_task(self._talk(session))
        try:
            if await self._connected(talking):
                await self._media(talking)
        finally:
            self.channel.lost()
            await asyncio.wait({talking})
            await self._peer.close()
        talking.result()

    async def begun(self, running: asyncio.Task[None]) -> None:
        """The session can be found; `running` is what runs this call. Raises what kept it from beginning."""
        opened = asyncio.create_task(self.line.opened.wait())
        await asyncio.wait({opened, running}, return_when=asyncio.FIRST_COMPLETED)
        if not opened.done():
            opened.cancel()
            running.result()

    async def _talk(self, session: Coroutine[None, None, None]) -> None:
        try:
            await session
        finally:
            self.line.stop()  # in the same step: nothing may be told to a session that has ended

    async def _connected(self, talking: asyncio.Task[None]) -> bool:
        """Whether the data channel opens in time, and before somebody hangs up."""
        connecting = asyncio.create_task(self._connect())
        try:
            await asyncio.wait({talking, connecting}, timeout=self._open_s, return_when=asyncio.FIRST_COMPLETED)
            if connecting.done():
                return connecting.result()
            if not talking.done():
                _log.info("call %s: no data channel was opened within %g s", self.id, self._open_s)
            return False
        finally:
            connecting.cancel()
            await asyncio.wait({connecting})

    async def _connect(self) -> bool:
        try:
            await self._peer.connect()
        except ConnectionError as error:
            _log.info("call %s: not connected: %s", self.id, error)
            return False
        await self.channel.opened()
        return True

    async def _media(self, talking: asyncio.Task[None]) -> None:
        """Until the session or the peer is gone."""
        gone = asyncio.create_task(self._peer.gone.wait())
        media = self.line.start(self._peer.send)
        try:
            await asyncio.wait({talking, gone, *media}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
        for task in media:
            # Media that fails by itself has met a bug: that ends this call, and no other.
            if task.done() and not task.cancelled() and (bug := task.exception()):
                _log.error("call %s failed", self.id, exc_info=bug)

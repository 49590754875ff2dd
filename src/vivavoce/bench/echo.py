"""Servers that give every caller its own voice back: one on our audio path, one on aiortc's as it comes.

`python -m vivavoce.bench.echo ours` answers one offer a line, `{"offer": "v=0..."}` on its input, with
`{"answer": "v=0..."}` on its output, until its input ends. There is no session: what is measured is the transport.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Literal, get_args

import msgspec
import uvloop
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from vivavoce.transports.rtp.line import RtpLine
from vivavoce.transports.webrtc.call import LiveCall
from vivavoce.transports.webrtc.ice import Network
from vivavoce.transports.webrtc.sdp import Offer

Path = Literal["ours", "aiortc"]
PATHS: tuple[Path, ...] = get_args(Path)


class Asked(msgspec.Struct):
    """A line of input."""

    offer: str


class Answered(msgspec.Struct):
    """A line of output."""

    answer: str


class Back:
    """An ear that plays what it hears."""

    def __init__(self, line: RtpLine) -> None:
        self._line = line

    async def heard(self, pcm: bytes) -> None:
        """Straight back."""
        self._line.play("echo", pcm)

    def playing(self, response_id: str) -> None:
        """Nobody needs to know."""

    def played(self, response_id: str) -> None:
        """It is never at its end."""

    def pressed(self, key: str) -> None:
        """There are no keys."""


class Ours:
    """Whole calls on our own audio path."""

    def __init__(self) -> None:
        self._calls: set[asyncio.Task[None]] = set()

    async def answer(self, offer: str) -> str:
        """The call goes on by itself."""
        live = LiveCall("rtc_echo", Offer.parse(offer), Network())
        answer = await live.answer()
        task = asyncio.create_task(live.run(self._echo(live)))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        return answer

    async def _echo(self, live: LiveCall) -> None:
        """What would be a session: until the caller is gone."""
        live.line.open(Back(live.line))
        while await live.channel.receive() is not None:
            pass


class Aiortc:
    """Stock aiortc: the track that comes in is the one that goes out."""

    def __init__(self) -> None:
        self._peers: list[RTCPeerConnection] = []

    async def answer(self, offer: str) -> str:
        """The call goes on by itself."""
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._peers.append(peer)

        def echo(track: MediaStreamTrack) -> None:
            peer.addTrack(track)

        peer.on("track", echo)
        await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        return peer.localDescription.sdp


async def serve(answer: Callable[[str], Awaitable[str]]) -> None:
    """Until the input ends."""
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        asked = msgspec.json.decode(line, type=Asked)
        sys.stdout.buffer.write(msgspec.json.encode(Answered(await answer(asked.offer))) + b"\n")
        sys.stdout.flush()


async def _main(path: str) -> None:
    await serve((Ours() if path == "ours" else Aiortc()).answer)


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1]))

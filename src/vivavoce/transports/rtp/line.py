"""A caller's audio as the runtime's `Line`: paced by the clock, so it is known what was heard (PROTOCOL.md 4.8)."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.playout import OutFrame
from vivavoce.audio.rtp import RtpPacket
from vivavoce.runtime.line import Ear
from vivavoce.transports.rtp.alarm import Alarm
from vivavoce.transports.rtp.saying import Saying
from vivavoce.transports.rtp.stream import RtpStream

REPORT_S = 1.0
PIECE_MS = 100
"""The session takes its audio in pieces of at most this."""

Send = Callable[[bytes], Awaitable[None]]
Tap = Callable[[Pcm], None]


class RtpLine:
    """One call's audio. Packets come by `rtp` and `rtcp`; nothing is said or told before `start` or after `stop`.

    With `continuous` silence is sent too, as telephones expect. Whatever the caller says goes to `tap` too, in pieces
    of at most 100 ms.
    """

    def __init__(self, stream: RtpStream, *, continuous: bool = False, tap: Tap | None = None) -> None:
        self.opened = asyncio.Event()
        """The session has begun."""
        self.telephone = stream.codec != "opus"
        """What is heard lacks all above 4 kHz."""
        self._stream = stream
        self._tap = tap
        self._now = asyncio.get_running_loop().time
        self._ear: Ear | None = None
        self._saying = Saying(continuous=continuous)
        self._listening = Alarm()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, send: Send) -> list[asyncio.Task[None]]:
        """Media can flow. The tasks run until `stop`; one that ends by itself has found a bug."""

        async def say(frame: OutFrame) -> None:
            if packet := self._stream.packet(frame, self._now()):
                await send(packet)

        self._tasks = [
            asyncio.create_task(each) for each in (self._listen(), self._saying.run(say), self._report(send))
        ]
        return self._tasks

    def stop(self) -> None:
        """The session is over: from now on nothing is told."""
        self._ear = self._saying.ear = self._tap = None
        # A task that was cancelled keeps its frame, and so this line and the connection: none is kept in turn.
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()

    def change(self, stream: RtpStream | None, *, held: bool) -> None:
        """From now on the audio travels by `stream`; None: as before. What waits to be said is said unless `held`."""
        if stream is not None:
            self._stream = stream
            self.telephone = stream.codec != "opus"
        elif self._saying.held and not held:
            self._stream.anew()
        self._saying.hold(held)
        self._listening.set()

    # --- the session's side ---

    def open(self, ear: Ear) -> None:
        """The session begins."""
        self._ear = self._saying.ear = ear
        self.opened.set()

    def play(self, response_id: str, pcm: bytes) -> None:
        """24 kHz mono PCM16, behind what is queued."""
        self._saying.play(response_id, pcm)

    def finish(self, response_id: str) -> None:
        """Nothing more of this answer will come. Of one that was cleared nothing is told."""
        self._saying.finish(response_id)

    def clear(self) -> dict[str, int]:
        """Silence within 5 ms: for each answer not played to its end, the samples that were played."""
        return self._saying.clear()

    async def drained(self) -> None:
        """There is room for more."""
        await self._saying.drained()

    # --- the wire's side ---

    def rtp(self, data: bytes) -> None:
        """A datagram with sound. One that is no RTP is ignored."""
        with suppress(ValueError):
            self.sound(RtpPacket.parse(data))

    def sound(self, packet: RtpPacket) -> None:
        """A packet with sound."""
        if self._stream.arrived(packet, self._now()):
            self._listening.set()

    def rtcp(self, data: bytes) -> None:
        """A datagram with reports."""
        self._stream.reported(data, self._now())

    def press(self, key: str) -> None:
        """The caller has pressed a key of the telephone."""
        if self._ear is not None:
            self._ear.pressed(key)

    async def _listen(self) -> None:
        # Silence is made up to here, and no further than to the last deadline that came: a loop reads its sockets
        # before it rings. Up to now would be wrong on a busy machine, where packets may wait that came long ago.
        until = -math.inf
        while True:
            pcm = self._stream.take(until)
            for piece in pcm.chunks(PIECE_MS):
                if self._tap is not None:
                    self._tap(piece)
                if self._ear is not None:
                    await self._ear.heard(piece.to_bytes())
            if not len(pcm.samples):
                deadline = self._stream.deadline()
                if await self._listening.wait(deadline) and deadline is not None:
                    until = deadline

    async def _report(self, send: Send) -> None:
        while True:
            await asyncio.sleep(REPORT_S)
            await send(self._stream.report(self._now(), time.time()))

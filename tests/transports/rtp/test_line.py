"""A call's audio: what of it is told to the session, and what is sent, without a network."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest
from tests.live import tone

from vivavoce.audio.opus import OpusDecoder, OpusEncoder
from vivavoce.audio.pcm import Pcm
from vivavoce.audio.rtcp import ReceiverReport, ReportBlock, SenderReport, SourceDescription, build, parse
from vivavoce.audio.rtp import RtpPacket, is_rtcp
from vivavoce.testing.clock import VirtualLoop, run_virtual
from vivavoce.transports.rtp.line import RtpLine
from vivavoce.transports.rtp.saying import MOST_QUEUED
from vivavoce.transports.rtp.stream import RtpStream

SAMPLES_MS = 24
SECOND = tone(1000).to_bytes()


class Session:
    """Writes down what its line tells, and when; `at` is in seconds since the beginning."""

    def __init__(self) -> None:
        self._clock = asyncio.get_running_loop().time
        self._began = self._clock()
        self.told: list[tuple[str, str, float]] = []
        self.audio = b""
        self.pieces: list[int] = []

    async def heard(self, pcm: bytes) -> None:
        self.audio += pcm
        self.pieces.append(len(pcm))

    def playing(self, response_id: str) -> None:
        self.told.append(("playing", response_id, round(self._clock() - self._began, 3)))

    def played(self, response_id: str) -> None:
        self.told.append(("played", response_id, round(self._clock() - self._began, 3)))

    def pressed(self, key: str) -> None:
        self.told.append(("pressed", key, round(self._clock() - self._began, 3)))


class Wire:
    """What a line sends."""

    def __init__(self, stream: RtpStream) -> None:
        self.ssrc, self.cname = stream.ssrc, stream.cname
        self.rtp: list[RtpPacket] = []
        self.times: list[float] = []
        self.rtcp: list[bytes] = []

    async def send(self, packet: bytes) -> None:
        if is_rtcp(packet):
            self.rtcp.append(packet)
        else:
            self.times.append(asyncio.get_running_loop().time())
            self.rtp.append(RtpPacket.parse(packet))


@asynccontextmanager
async def opened(codec: str = "opus", payload_type: int = 111) -> AsyncIterator[tuple[RtpLine, Session, Wire]]:
    stream = RtpStream("pcmu" if codec == "pcmu" else "opus", payload_type)
    line = RtpLine(stream)
    session, wire = Session(), Wire(stream)
    line.open(session)
    tasks = line.start(wire.send)
    yield line, session, wire
    line.stop()
    await asyncio.wait(tasks)
    assert all(task.cancelled() for task in tasks)


def packets(pcm: Pcm, first: int = 0) -> list[bytes]:
    """As a browser sends it, from the packet with this number on."""
    encoder = OpusEncoder()
    return [
        RtpPacket(111, first + at, (first + at) * 960, 4242, encoder.encode(frame)).serialise()
        for at, frame in enumerate(pcm.chunks(20))
    ]


def test_answers_begin_and_end_when_they_are_heard() -> None:
    async def main() -> None:
        async with opened() as (line, session, _):
            line.play("resp_1", SECOND)
            line.play("resp_2", SECOND)
            line.finish("resp_1")
            assert session.told == []  # nobody is told within what they are just doing
            line.finish("resp_2")
            await asyncio.sleep(3)
            assert session.told == [
                ("playing", "resp_1", 0.0),
                ("played", "resp_1", 0.98),
                ("playing", "resp_2", 1.0),
                ("played", "resp_2", 1.98),
            ]

    run_virtual(main())


def test_an_answer_that_may_go_on_has_not_ended() -> None:
    async def main() -> None:
        async with opened() as (line, session, _):
            line.play("resp_1", SECOND)
            await asyncio.sleep(2)
            assert [what for what, _, _ in session.told] == ["playing"]
            line.finish("resp_1")
            await asyncio.sleep(0)
            assert [what for what, _, _ in session.told] == ["playing", "played"]

    run_virtual(main())


def test_packets_leave_every_20_ms_and_say_where_they_belong() -> None:
    async def main() -> None:
        async with opened() as (line, _, wire):
            line.play("resp_1", SECOND)
            await asyncio.sleep(5)
            line.play("resp_1", SECOND)
            await asyncio.sleep(5)
            first, again = [at for at, packet in enumerate(wire.rtp) if packet.marker]
            assert first == 0
            assert np.allclose(np.diff(wire.times[:again]), 0.02)
            assert {(packet.ssrc, packet.payload_type) for packet in wire.rtp} == {(wire.ssrc, 111)}
            numbers = [(packet.sequence - wire.rtp[0].sequence) & 0xFFFF for packet in wire.rtp]
            assert numbers == list(range(len(wire.rtp)))
            # The pause is in the timestamps, in ticks of 48 kHz.
            passed = (wire.rtp[again].timestamp - wire.rtp[0].timestamp) & 0xFFFFFFFF
            assert passed == pytest.approx(5 * 48_000, abs=960)

    run_virtual(main())


def test_what_is_cut_off_was_heard_up_to_there() -> None:
    async def main() -> None:
        async with opened() as (line, session, wire):
            line.play("resp_1", SECOND)
            line.finish("resp_1")
            line.play("resp_2", SECOND)
            await asyncio.sleep(0.49)
            assert line.clear() == {"resp_1": 500 * SAMPLES_MS, "resp_2": 0}
            sent = len(wire.rtp)
            line.finish("resp_2")  # said before it was known
            await asyncio.sleep(3)
            assert [what for what, _, _ in session.told] == ["playing"]
            decoder = OpusDecoder()
            said = [decoder.decode(packet.payload) for packet in wire.rtp]
            loud = [at for at, pcm in enumerate(said) if np.abs(pcm.samples).max() > 1000]
            assert max(loud) <= sent  # one frame more: the fade
            assert line.clear() == {}

    run_virtual(main())


def test_who_makes_more_waits_while_seconds_of_it_are_queued() -> None:
    async def main() -> None:
        async with opened() as (line, _, _):
            clock = asyncio.get_running_loop().time
            began = clock()
            await line.drained()
            line.play("resp_1", SECOND * 5)
            await line.drained()
            assert clock() - began == pytest.approx(5 - MOST_QUEUED / 24_000, abs=0.03)
            line.play("resp_1", SECOND * 5)
            line.clear()
            await line.drained()  # at once

    run_virtual(main())


def test_what_the_caller_says_is_heard_without_gaps() -> None:
    async def main() -> None:
        async with opened() as (line, session, _):
            for at, packet in enumerate(packets(tone(1000))):
                if at != 25:  # lost on the way; its copy is in the next one
                    line.rtp(packet)
                await asyncio.sleep(0.02)
            await asyncio.sleep(2)
            # A second of voice, and then silence for as long as nothing comes.
            heard = Pcm.from_bytes(session.audio)
            assert heard.ms == pytest.approx(2800, abs=100)
            level = [float(np.abs(piece.samples).max()) for piece in heard.chunks(20)]
            assert min(level[2:49]) > 4000
            assert max(level[70:]) == 0
            assert max(session.pieces) <= 100 * SAMPLES_MS * 2

    run_virtual(main())


def test_what_came_while_the_server_stood_still_is_not_lost() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        async with opened() as (line, session, _):
            loop.add_reader(ours, lambda: line.rtp(ours.recv(2048)))  # one at a time, as asyncio's own transports read
            first, *others = packets(tone(1000))
            line.rtp(first)
            for packet in others:
                theirs.send(packet)
            loop.advance(0.8)  # something else had the processor; the line is next in turn, and then the socket
            while len(session.audio) < len(SECOND):  # noqa: ASYNC110  # what is heard sets no event
                await asyncio.sleep(0.02)
            loop.remove_reader(ours)
            heard = Pcm.from_bytes(session.audio[: len(SECOND)])
            assert min(float(np.abs(piece.samples).max()) for piece in list(heard.chunks(20))[2:]) > 4000
        ours.close()
        theirs.close()

    run_virtual(main())


def test_a_burst_is_told_in_pieces() -> None:
    async def main() -> None:
        async with opened() as (line, session, _):
            for packet in packets(tone(600)):
                line.rtp(packet)
            await asyncio.sleep(0.01)
            assert session.pieces == [4800] * 6

    run_virtual(main())


@pytest.mark.parametrize("nonsense", [b"", b"\x80", b"\x00" * 40, bytes([0x80, 96]) + bytes(30), bytes(range(200))])
def test_nonsense_is_no_sound_and_no_report(nonsense: bytes) -> None:
    async def main() -> None:
        async with opened() as (line, session, wire):
            line.rtp(nonsense)
            line.rtcp(nonsense)
            await asyncio.sleep(1.1)
            assert session.audio == b""
            report, _ = parse(wire.rtcp[0])
            assert report == ReceiverReport(wire.ssrc)

    run_virtual(main())


def test_a_report_says_each_second_what_came_and_what_was_sent() -> None:
    async def main() -> None:
        async with opened() as (line, _, wire):
            line.play("resp_1", SECOND)
            line.rtcp(build([SenderReport(4242, ntp=5 << 32, timestamp=0, packets=0, octets=0)]))
            for at, packet in enumerate(packets(tone(900))):
                if at % 3:
                    line.rtp(packet)
            line.rtcp(build([SenderReport(4242, ntp=7 << 32, timestamp=0, packets=0, octets=0)]))
            await asyncio.sleep(2.5)
            assert len(wire.rtcp) == 2
            report, name = parse(wire.rtcp[0])
            assert isinstance(report, SenderReport)
            assert (report.ssrc, report.packets) == (wire.ssrc, 50)
            assert name == SourceDescription(wire.ssrc, wire.cname)
            [block] = report.blocks
            assert (block.ssrc, block.lost) == (4242, 14)
            assert block.last_report == 7 << 16
            assert block.since_last_report / 65536 == pytest.approx(1.0, abs=0.01)

    run_virtual(main())


def test_what_the_caller_reports_as_lost_decides_how_it_is_spoken_to() -> None:
    async def main() -> None:
        async def said(lost: int | None, of: int = 0) -> list[bytes]:
            async with opened() as (line, _, wire):
                if lost is not None:
                    block = ReportBlock(of or wire.ssrc, lost, 0, 0, 0, 0, 0)
                    line.rtcp(build([ReceiverReport(4242, (block,))]))
                line.play("resp_1", SECOND)
                await asyncio.sleep(1)
                return [packet.payload for packet in wire.rtp]

        usual = await said(None)
        assert await said(100) != usual
        assert await said(0) == usual  # less than is expected anyway
        assert await said(100, of=99) == usual  # somebody else's stream

    run_virtual(main())


def test_a_telephone_s_codec_travels_as_well() -> None:
    async def main() -> None:
        async with opened("pcmu", 0) as (line, session, wire):
            line.rtcp(build([ReceiverReport(4242, (ReportBlock(wire.ssrc, 100, 0, 0, 0, 0, 0),))]))
            line.play("resp_1", SECOND)
            await asyncio.sleep(2)
            assert {len(packet.payload) for packet in wire.rtp} == {160}
            for packet in wire.rtp[:50]:
                line.rtp(packet.serialise())
            await asyncio.sleep(0.1)
            assert len(session.audio) >= len(SECOND)

    run_virtual(main())


def test_a_session_that_is_over_is_told_nothing() -> None:
    async def main() -> None:
        async with opened() as (line, session, _):
            line.play("resp_1", SECOND)
            line.finish("resp_1")
            line.rtp(packets(tone(20))[0])
            line.stop()
            await asyncio.sleep(3)
            assert (session.told, session.audio) == ([], b"")

    run_virtual(main())

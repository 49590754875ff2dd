"""The media of calls over real UDP: two of ours, and phones made by hand."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import struct
import weakref
from pathlib import Path

import pytest
from tests.live import tone
from tests.transports.sip.descriptions import changed
from tests.transports.sip.handset import HOST, Handset, called, connected, handset, port_of, until

from vivavoce.audio.receiver import COMFORT_NOISE
from vivavoce.audio.rtcp import ReceiverReport, build
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.rough_path import Roughness, rough_path
from vivavoce.transports.rtp.codecs import Codec
from vivavoce.transports.sip.media import Options, Studio
from vivavoce.transports.sip.negotiation import Encryption, Terms
from vivavoce.transports.sip.ports import NoPorts, Ports
from vivavoce.transports.sip.sdp import SdpError

SECOND = tone(1000).to_bytes()


def options(codec: Codec = "pcmu", srtp: Encryption = "off", timeout_s: float = 30.0, tones: bool = False) -> Options:
    return Options(terms=Terms((codec,), srtp), host=HOST, timeout_s=timeout_s, tones=tones)


@pytest.mark.parametrize(
    ("codec", "srtp"), [("pcmu", "off"), ("pcma", "required"), ("opus", "off"), ("opus", "required")]
)
def test_two_sides_hear_each_other(codec: Codec, srtp: Encryption) -> None:
    async def scenario() -> None:
        async with connected(options(codec, srtp), options(codec, srtp)) as (caller, said, callee, answered):
            caller.line.play("a", SECOND)
            caller.line.finish("a")
            callee.line.play("b", SECOND[: len(SECOND) // 2])
            callee.line.finish("b")
            await until(lambda: ("played", "a") in said.told and ("played", "b") in answered.told)
            await until(lambda: answered.loud_ms >= 980 and said.loud_ms >= 480)
            assert said.told == [("playing", "a"), ("played", "a")]
            assert caller.agreed is not None
            assert (caller.agreed.crypto is not None) == (srtp == "required")

    run_virtual(scenario())


def test_silence_is_sent_from_the_beginning() -> None:
    async def scenario() -> None:
        async with handset() as phone, called(phone.offer()):
            await until(lambda: len(phone.got) >= 5)
            assert not phone.loud
            first, second = phone.got[:2]
            assert (first.payload_type, first.marker, second.marker) == (0, True, False)
            assert (second.sequence - first.sequence) & 0xFFFF == 1
            assert (second.timestamp - first.timestamp) & 0xFFFFFFFF == 160
            await until(lambda: phone.reports > 0)

    run_virtual(scenario())


def test_a_phone_behind_a_nat_is_answered_where_it_is() -> None:
    async def scenario() -> None:
        async with handset() as phone, handset() as inside:
            offer = inside.offer()  # an address that nobody outside can reach
            async with called(offer) as (_media, session, port):
                await until(lambda: len(inside.got) >= 2)
                await phone.say(port, 200)
                await until(lambda: len(phone.got) >= 5)
                before = len(inside.got)
                await until(lambda: len(phone.got) >= 15)
                assert len(inside.got) <= before + 1
                assert session.loud_ms >= 150

    run_virtual(scenario())


def test_a_stranger_is_neither_heard_nor_answered() -> None:
    async def scenario() -> None:
        async with handset() as phone, handset() as stranger, called(phone.offer()) as (_media, session, port):
            phone.send(port)
            await until(lambda: len(phone.got) >= 1)
            speaking = asyncio.create_task(stranger.say(port, 400))
            for _ in range(20):
                phone.send(port)
                await asyncio.sleep(0.02)
            await speaking
            assert session.loud_ms == 0
            assert stranger.got == []

    run_virtual(scenario())


def test_a_stranger_who_comes_first_loses_to_the_phone() -> None:
    async def scenario() -> None:
        async with handset() as phone, handset() as stranger, called(phone.offer()) as (_media, session, port):
            await stranger.say(port, 100)
            phone.send(port)
            await until(lambda: len(phone.got) >= 10)
            count = len(stranger.got)
            await phone.say(port, 400)
            assert session.loud_ms >= 300
            assert len(stranger.got) <= count + 1

    run_virtual(scenario())


def test_only_what_was_agreed_on_is_believed() -> None:
    async def scenario() -> None:
        async with handset() as phone, handset() as stranger, called(phone.offer()) as (_media, session, port):
            for data in (b"", b"\x80", b"hello" * 9, b"\x80\x48" + bytes(20), os.urandom(3000)):
                stranger.raw(data, port)
            stranger.send(port, kind=8)
            stranger.send(port, b"\x01", kind=101)
            phone.raw(b"nothing", port)
            phone.send(port)
            await until(lambda: len(phone.got) >= 20)
            assert stranger.got == []
            assert session.loud_ms == 0

    run_virtual(scenario())


def test_hold_and_resume() -> None:
    async def scenario() -> None:
        async with handset() as phone, called(phone.offer()) as (media, session, port):
            phone.send(port)
            media.line.play("a", SECOND)
            media.line.finish("a")
            await until(lambda: phone.loud >= 10)
            assert "a=recvonly" in media.reoffered(phone.offer("a=sendonly"))
            await asyncio.sleep(0.05)
            count = len(phone.got)
            await phone.say(port, 300)  # the music
            assert len(phone.got) == count
            assert session.loud_ms == 0
            assert session.told == [("playing", "a")]
            assert "a=sendrecv" in media.reoffered(phone.offer())
            await until(lambda: ("played", "a") in session.told)
            await until(lambda: phone.loud >= 49)  # the rest of it, and nothing is missing
            await phone.say(port, 300)
            assert session.loud_ms >= 200

    run_virtual(scenario())


def test_who_only_sends_from_the_beginning_is_heard() -> None:
    async def scenario() -> None:
        async with handset() as phone, called(phone.offer("a=sendonly")) as (_media, session, port):
            await phone.say(port, 300)
            assert session.loud_ms >= 200
            assert phone.got == []

    run_virtual(scenario())


def test_a_phone_that_moves_and_changes_its_codec() -> None:
    async def scenario() -> None:
        async with handset() as phone, handset() as mobile, called(phone.offer()) as (media, session, port):
            await phone.say(port, 200)
            media.reoffered(mobile.offer(formats="8 101"))
            await until(lambda: len(mobile.got) >= 5)
            count = len(phone.got)
            assert mobile.got[0].payload_type == 8
            for _ in range(10):
                mobile.send(port, b"\x20" * 160, kind=8)
                await asyncio.sleep(0.02)
            assert len(phone.got) == count
            assert session.loud_ms >= 300

    run_virtual(scenario())


def event(key: int, ticks: int, *, end: bool = False) -> bytes:
    return struct.pack("!BBH", key, end << 7 | 10, ticks)


async def press(phone: Handset, port: int, key: int, *, lost: tuple[int, ...] = ()) -> None:
    """100 ms, as RFC 4733 has it: all with the time of its beginning, the end three times."""
    for index, (ticks, end) in enumerate([(160, False), (320, False), (480, False), (640, False), *[(800, True)] * 3]):
        to = port if index not in lost else 9
        phone.send(to, event(key, ticks, end=end), 101, ticks=160 if index < 4 else 0, back=min(index, 4) * 160)
        if index < 4:
            await asyncio.sleep(0.02)
    phone.send(9, ticks=160)  # the clock has gone on


@pytest.mark.parametrize("lost", [(), (0,), (4, 5, 6), (0, 1, 2, 3), (0, 2, 4, 6)])
def test_keys_are_told_once_and_leave_no_sound(lost: tuple[int, ...]) -> None:
    async def scenario() -> None:
        async with handset() as phone, called(phone.offer()) as (_media, session, port):
            await phone.say(port, 200)
            for key in (1, 1, 11):
                await press(phone, port, key, lost=lost)
            await phone.say(port, 200)
            await until(lambda: session.loud_ms >= 380)
            assert session.keys == "11#"
            # Nothing was made up: what a loss leaves is at most 40 ms of it, and less where packets came.
            assert session.loud_ms <= 420 + 40 * len(lost)

    run_virtual(scenario())


def test_keys_on_another_clock_than_the_audio_s() -> None:
    async def scenario() -> None:
        async with handset() as phone:
            offer = phone.offer("a=rtpmap:96 opus/48000/2", formats="96 101")
            async with called(offer) as (_media, session, port):
                for key in (1, 10):
                    await press(phone, port, key)
                await until(lambda: session.keys == "1*")

    run_virtual(scenario())


def test_keys_on_hold_are_not_meant_for_us() -> None:
    async def scenario() -> None:
        async with handset() as phone, called(phone.offer()) as (media, session, port):
            await press(phone, port, 1)
            media.reoffered(phone.offer("a=sendonly"))
            await press(phone, port, 2)
            await asyncio.sleep(0.05)
            media.reoffered(phone.offer())
            await press(phone, port, 3)
            await until(lambda: session.keys == "13")

    run_virtual(scenario())


@pytest.mark.parametrize("tones", [True, False])
def test_keys_in_the_audio_of_a_phone_that_has_no_other_way(tones: bool) -> None:
    from tests.audio.test_dtmf import dialled

    async def scenario() -> None:
        async with handset() as phone:
            offer = phone.offer(formats="0")
            async with called(offer, options(tones=tones)) as (_media, session, port):
                for piece in dialled("42#", 80, 60):
                    await phone.say(port, 0, piece)
                await phone.say(port, 100)
                assert session.keys == ("42#" if tones else "")

    run_virtual(scenario())


def test_a_phone_with_events_is_not_listened_to_for_tones() -> None:
    from tests.audio.test_dtmf import dialled

    async def scenario() -> None:
        async with handset() as phone, called(phone.offer(), options(tones=True)) as (_media, session, port):
            for piece in dialled("42", 80, 60):
                await phone.say(port, 0, piece)
            await phone.say(port, 100)
            assert session.keys == ""

    run_virtual(scenario())


def test_comfort_noise_is_silence() -> None:
    async def scenario() -> None:
        async with handset() as phone, called(phone.offer()) as (_media, session, port):
            await phone.say(port, 200)
            phone.send(port, b"\x30", COMFORT_NOISE)
            await asyncio.sleep(0.3)
            assert 180 <= session.loud_ms <= 220
            assert len(session.audio) // 48 >= 400  # and the silence is heard, so that a turn can end

    run_virtual(scenario())


@pytest.mark.parametrize("ever", [True, False])
def test_a_phone_that_vanishes_and_one_that_never_spoke(ever: bool) -> None:
    async def scenario() -> None:
        clock = asyncio.get_running_loop().time
        async with handset() as phone, called(phone.offer(), options(timeout_s=0.3)) as (media, _session, port):
            if ever:
                await phone.say(port, 500)
                assert not media.gone.is_set()
            began = clock()
            await media.gone.wait()
            assert clock() - began >= 0.25

    run_virtual(scenario())


def test_reports_are_a_sign_of_life() -> None:
    async def scenario() -> None:
        async with handset() as phone, called(phone.offer(), options(timeout_s=0.3)) as (media, _session, port):
            for _ in range(10):
                phone.raw(build([ReceiverReport(77)]), port)
                await asyncio.sleep(0.05)
            assert not media.gone.is_set()
            for _ in range(10):
                phone.raw(b"\x80\xc9\xff\xff\x00\x00\x00\x00", port)  # one that is cut off is none
                await asyncio.sleep(0.05)
            assert media.gone.is_set()

    run_virtual(scenario())


def test_reports_on_a_port_of_their_own() -> None:
    async def scenario() -> None:
        async with handset() as phone, handset() as reports:
            offer = changed(phone.offer(f"a=rtcp:{reports.address[1]}"), ("a=rtcp-mux\r\n", ""))
            async with called(offer, options(timeout_s=0.5)) as (media, session, port):
                phone.send(port)
                for _ in range(13):
                    reports.raw(build([ReceiverReport(77)]), port + 1)
                    phone.raw(build([ReceiverReport(77)]), port)  # here they are none
                    await asyncio.sleep(0.1)
                assert not media.gone.is_set()
                assert (reports.reports, phone.reports, reports.got) == (1, 0, [])
                assert session.loud_ms == 0

    run_virtual(scenario())


def test_reports_to_a_phone_behind_a_nat_go_to_the_port_behind_its_audio() -> None:
    async def scenario() -> None:
        pair = Ports().open(HOST)
        async with handset(pair.audio) as phone, handset(pair.reports) as reports, handset() as inside:
            offer = changed(inside.offer(), ("a=rtcp-mux\r\n", ""))
            async with called(offer) as (_media, _session, port):
                phone.send(port)
                await until(lambda: reports.reports > 0)

    run_virtual(scenario())


def test_nothing_is_taken_before_an_answer() -> None:
    async def scenario() -> None:
        media, offer = await Studio(options()).offering()
        async with handset() as phone:
            media.start()
            await phone.say(port_of(offer), 60)
            assert phone.got == []
            media.accept(phone.offer())
            phone.send(port_of(offer))
            await until(lambda: len(phone.got) > 2)
            await media.aclose()

    run_virtual(scenario())


def test_on_hold_nobody_is_missed() -> None:
    async def scenario() -> None:
        async with handset() as phone, called(phone.offer(), options(timeout_s=0.2)) as (media, _session, port):
            phone.send(port)
            media.reoffered(phone.offer("a=inactive"))
            await asyncio.sleep(0.5)
            assert not media.gone.is_set()
            media.reoffered(phone.offer())
            await media.gone.wait()

    run_virtual(scenario())


def test_media_that_meets_a_bug_ends_the_call() -> None:
    class Broken:
        """A session whose ear fails."""

        async def heard(self, pcm: bytes) -> None:
            raise RuntimeError("a bug")

        def playing(self, response_id: str) -> None: ...

        def played(self, response_id: str) -> None: ...

        def pressed(self, key: str) -> None: ...

    async def scenario() -> None:
        async with handset() as phone, called(phone.offer()) as (media, _session, port):
            media.line.open(Broken())
            phone.send(port)
            await media.gone.wait()

    run_virtual(scenario())


@pytest.mark.parametrize("codec", ["pcmu", "opus"])
def test_a_bad_network(codec: Codec) -> None:
    """10 % lost and 40 ms of jitter, both ways: the audio is as long as it was, and most of it is there."""

    async def scenario() -> None:
        caller, offer = await Studio(options(codec)).offering()
        async with rough_path((HOST, port_of(offer)), Roughness(loss=0.1, delay_ms=10, jitter_ms=40)) as path:
            led = changed(offer, (f"m=audio {port_of(offer)} ", f"m=audio {path.address[1]} "))
            async with called(led, options(codec)) as (callee, session, _port):
                answer = callee.reoffered(led)
                caller.accept(answer)
                caller.start()
                # The callee speaks to the path, and so the path knows it.
                caller.line.play("a", SECOND * 2)
                await asyncio.sleep(2.6)
                assert session.loud_ms >= 1_700
                assert 2_200 <= len(session.audio) // 48 <= 2_700
                await caller.aclose()

    run_virtual(scenario())


def test_nothing_is_left_of_a_hundred_calls() -> None:
    async def scenario() -> None:
        def sockets() -> int:
            return sum(each.is_socket() for each in Path("/proc/self/fd").iterdir())

        before, tasks = sockets(), len(asyncio.all_tasks())
        for _ in range(10):
            made = [await Studio(options(srtp="required")).offering() for _ in range(10)]
            for media, _ in made:
                media.start()
            await asyncio.sleep(0.01)
            assert sockets() >= before + 20
            for media, _ in made:
                await media.aclose()
        await asyncio.sleep(0)
        assert (sockets(), len(asyncio.all_tasks())) == (before, tasks)

    run_virtual(scenario())


def test_media_that_is_closed_is_freed_at_once() -> None:
    async def scenario() -> None:
        async with handset() as phone, called(phone.offer()) as (media, _session, port):
            await phone.say(port, 100)
            parts: list[object] = [media, media.line, media._wire, media.line._stream]
            held = [weakref.ref(each) for each in parts]
            parts.clear()
        del media
        gc.disable()
        try:
            await asyncio.sleep(0)
            assert [each() for each in held] == [None] * 4
        finally:
            gc.enable()

    run_virtual(scenario())


def test_closed_media_does_not_start() -> None:
    async def scenario() -> None:
        media, _ = await Studio(options()).offering()
        await media.aclose()
        media.start()
        assert len(asyncio.all_tasks()) == 1
        await media.aclose()

    run_virtual(scenario())


def test_ports_come_from_the_range_and_run_out() -> None:
    async def scenario() -> None:
        probe = Ports().open(HOST)
        first = probe.port
        probe.close()
        studio = Studio(Options(ports=Ports(first, first + 1), host=HOST))
        media, offer = await studio.offering()
        assert port_of(offer) == first
        assert f"a=rtcp:{first + 1}" in offer
        with pytest.raises(NoPorts):
            await studio.offering()
        await media.aclose()
        again, _ = await studio.offering()
        await again.aclose()

    run_virtual(scenario())


@pytest.mark.parametrize(
    ("made", "towards", "told"),
    [
        (Options(host=HOST), "", HOST),
        (Options(), HOST, HOST),
        (Options(public_address="203.0.113.9"), HOST, "203.0.113.9"),
        (Options(public_address="2001:db8::9"), HOST, HOST),
        (Options(), "::1", "::1"),
        (Options(public_address="2001:db8::9"), "::1", "2001:db8::9"),
    ],
)
def test_the_address_that_is_told(made: Options, towards: str, told: str) -> None:
    async def scenario() -> None:
        media, offer = await Studio(made).offering(towards)
        await media.aclose()
        assert offer.split("\r\n")[3].endswith(f" {told}")

    if ":" in towards and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    run_virtual(scenario())


def test_over_ipv6() -> None:
    async def scenario() -> None:
        here = Options(terms=Terms(("pcmu",)), host="::1")
        async with connected(here, here) as (caller, _said, _callee, answered):
            caller.line.play("a", SECOND[: len(SECOND) // 2])
            await until(lambda: answered.loud_ms >= 480)
        with pytest.raises(SdpError, match="IPv4"):
            await Studio(options()).answering("v=0\nc=IN IP6 ::1\nm=audio 4000 RTP/AVP 0\n")

    if not has_ipv6():
        pytest.skip("this machine has no IPv6")
    run_virtual(scenario())


def test_what_an_offer_asks_for() -> None:
    studio = Studio(Options())
    plain = "v=0\nc=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 0\n"
    assert studio.security(plain) == "rtp"
    key = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"
    assert studio.security(f"{plain}a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}\n") == "srtp"


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True

"""What counts as heard, and what a path may cost."""

from __future__ import annotations

import msgspec
import pytest
from tests.live import tone

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.rtp import RtpPacket
from vivavoce.bench.rtc_caller import opus_packets
from vivavoce.bench.webrtc import Ear, Round
from vivavoce.bench.webrtc_report import webrtc_report

OURS = Round("ours", 2.0, 6, 6, 1000, 1000, 0, 0, -25.0, 0.5, [0.001])
STOCK = Round("aiortc", 4.0, 12, 112, 1000, 1000, 0, 0, -25.0, 0.5, [0.001])


def packet(number: int, payload: bytes = b"x") -> RtpPacket:
    return RtpPacket(96, number & 0xFFFF, number * 960 & 0xFFFFFFFF, 1, payload)


def test_an_ear_counts_what_is_lost_late_and_double() -> None:
    ear = Ear()
    for number in (65_534, 65_535, 65_535, 65_537):  # the counter wraps, one comes twice, one never
        ear.take(packet(number), number * 0.02)
    ear.take(packet(65_538), 65_538 * 0.02 + 0.1)
    assert (ear.received, ear.lost, ear.late) == (4, 1, 1)


def test_an_ear_knows_a_voice_from_silence() -> None:
    voice, silence = Ear(keep=True), Ear(keep=True)
    for ear, sound in ((voice, tone(1000)), (silence, Pcm.silence(1000))):
        for number, payload in enumerate(opus_packets(sound)):
            ear.take(packet(number, payload), 0.0)
    assert voice.level_db() > -30
    assert silence.level_db() < -60
    assert Ear(keep=True).level_db() < -60


def test_speech_is_sent_whole() -> None:
    assert len(opus_packets(tone(50))) == 3


def test_the_share_is_of_the_medians() -> None:
    found = webrtc_report(20, 10.0, [OURS, STOCK, msgspec.structs.replace(OURS, cpu_percent=2.4), STOCK])
    ours = found.paths["ours"]
    assert (ours.cpu_percent, ours.least, ours.most, ours.packets) == (2.2, 2.0, 2.4, 2000)
    assert found.share == 0.55
    assert found.good


@pytest.mark.parametrize(
    "change",
    [
        {"cpu_percent": 2.5},
        {"threads_all": 7},
        {"received": 970},
        {"level_db": -80.0},
        {"lags": [0.05]},
    ],
)
def test_what_is_not_good(change: dict[str, object]) -> None:
    assert not webrtc_report(20, 10.0, [msgspec.structs.replace(OURS, **change), STOCK]).good


def test_an_overloaded_path_pays_for_less_than_its_work() -> None:
    half = msgspec.structs.replace(STOCK, received=500)
    stock = webrtc_report(20, 10.0, [OURS, half]).paths["aiortc"]
    assert not stock.kept_up
    assert (stock.cpu_percent, stock.served_percent) == (4.0, 8.0)
    dead = webrtc_report(20, 10.0, [OURS, msgspec.structs.replace(STOCK, received=0)]).paths["aiortc"]
    assert (dead.came_back_percent, dead.served_percent) == (0.0, 0.0)

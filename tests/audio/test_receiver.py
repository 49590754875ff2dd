"""A caller over a bad network: the audio stays whole in length, in its place, and free of clicks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audio.network import TYPE, Network, Output, encoded, joined, listen, packets, shift_ms, steepest, voice

from vivavoce.audio.opus import OpusDecoder, OpusEncoder
from vivavoce.audio.pcm import Pcm
from vivavoce.audio.receiver import COMFORT_NOISE, Decoder, Receiver
from vivavoce.audio.rtp import RtpPacket
from vivavoce.audio.telephone import G711Decoder, G711Encoder

SECONDS = 8
SAID = voice(SECONDS)
START, WAY = 100.0, 0.03

NETWORKS = {
    "perfect": Network(),
    "jitter 30 ms": Network(jitter=0.03),
    "jitter 100 ms": Network(jitter=0.1),
    "jitter 100 ms in order": Network(jitter=0.1, in_order=True),
    "loss 5 %": Network(loss=0.05),
    "loss 20 %": Network(loss=0.2),
    "bursts of loss 20 %": Network(loss=0.2, run=4),
    "everything": Network(loss=0.05, jitter=0.1, double=0.1),
    "fast clock": Network(drift=200, jitter=0.03),
    "slow clock": Network(drift=-200, jitter=0.03),
}
"""No jitter is longer than the wait's bound, so what is not lost is heard."""


class Codec:
    """One side of each codec: packets of `SAID`, and what a decoder makes of them when none is lost."""

    def __init__(self, name: str) -> None:
        self.name = name
        encoder = OpusEncoder(loss=20) if name == "opus" else G711Encoder("pcmu" if name == "pcmu" else "pcma")
        self.rate = encoder.clock
        self.packets = packets(encoded(SAID, encoder.encode), self.rate // 50)
        decoder = self.decoder()
        self.ideal = Pcm.join([decoder.decode(packet.payload) for packet in self.packets])

    def decoder(self) -> Decoder:
        return OpusDecoder() if self.name == "opus" else G711Decoder("pcmu" if self.name == "pcmu" else "pcma")

    def receiver(self) -> Receiver:
        return Receiver(self.decoder(), TYPE)


CODECS = {name: Codec(name) for name in ("opus", "pcmu", "pcma")}


def waited(outputs: list[Output], drift: float) -> list[float]:
    """For each 20 ms given, the seconds since its packet came, or would have come on a network without jitter."""
    delays, given = [], 0
    for moment, pcm in outputs:
        for end in range(given + 480 - given % 480, given + len(pcm.samples) + 1, 480):
            delays += [moment - (START + WAY + (end - 480) / 24_000 * (1 - drift / 1e6))]
        given += len(pcm.samples)
    return delays


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_a_bad_network(name: str, network: Network) -> None:
    codec = CODECS[name]
    receiver = codec.receiver()
    outputs = listen(receiver, network.carry(codec.packets, codec.rate), START + WAY + SECONDS + 1)
    heard = joined(outputs)
    # As long as the time that passed, less the 200 ms for which a packet may still come.
    assert abs(heard.ms - (SECONDS + 1 - 0.2) * 1000) <= 25
    delays = waited(outputs, network.drift)[: SECONDS * 50 - 10]
    assert max(delays) <= 0.201
    half = len(delays) // 2
    assert np.median(delays[half:]) <= np.median(delays[:half]) + 0.02
    # Every part that is itself not mostly made up is in its place.
    shifts = [shift_ms(heard, codec.ideal, at) for at in range(500, SECONDS * 1000 - 1000, 500)]
    assert np.median(np.abs(shifts)) < 0.1
    assert steepest(heard) <= 1.1 * steepest(codec.ideal)


@pytest.mark.parametrize("name", CODECS)
def test_without_jitter_and_loss_every_packet_is_heard_as_it_comes(name: str) -> None:
    codec = CODECS[name]
    outputs = listen(codec.receiver(), Network().carry(codec.packets, codec.rate), START + WAY + SECONDS)
    assert joined(outputs).samples.tolist() == codec.ideal.samples.tolist()
    assert max(waited(outputs, 0)) < 1e-6


def test_copies_make_most_of_random_loss_good() -> None:
    opus = CODECS["opus"]
    receiver = opus.receiver()
    heard = joined(listen(receiver, Network(loss=0.1).carry(opus.packets, opus.rate), START + WAY + SECONDS))
    assert receiver.concealed < 0.04 * len(heard.samples)


def smooth(name: str) -> list[RtpPacket]:
    """A low hum: any click stands out of it."""
    time = np.arange(24_000 * 4) / 24_000
    hum = Pcm(np.rint(8_000 * np.sin(2 * np.pi * 150 * time)).astype(np.int16), 24_000)
    encode = (OpusEncoder() if name == "opus" else G711Encoder("pcmu")).encode
    return packets(encoded(hum, encode), CODECS[name].rate // 50)


@pytest.mark.parametrize("name", ["opus", "pcmu"])
@pytest.mark.parametrize("lost", [1, 2, 4, 6, 10, 40])
def test_a_loss_of_any_length_makes_no_click(name: str, lost: int) -> None:
    codec, hum = CODECS[name], smooth(name)
    arrivals = Network().carry(hum[:50] + hum[50 + lost :], codec.rate)
    heard = joined(listen(codec.receiver(), arrivals, START + WAY + 3))
    slope = 8_000 * 2 * np.pi * 150 / 24_000
    # libopus itself is a little rougher where it goes over from what it made up to what it hears.
    assert steepest(Pcm(heard.samples[4_800:], 24_000)) < (4 if name == "opus" else 2) * slope


@pytest.mark.parametrize("name", CODECS)
def test_a_caller_who_is_gone_fades_to_silence(name: str) -> None:
    codec = CODECS[name]
    arrivals = Network().carry(codec.packets[:50], codec.rate)
    heard = joined(listen(codec.receiver(), arrivals, START + WAY + 3))
    ms = 24
    assert np.abs(heard.samples[1000 * ms : 1030 * ms]).max() > 500
    assert not heard.samples[1130 * ms :].any()
    assert heard.ms == pytest.approx(2800, abs=25)


@pytest.mark.parametrize("name", CODECS)
def test_after_a_pause_the_voice_is_in_its_place(name: str) -> None:
    codec = CODECS[name]
    arrivals = Network().carry(codec.packets[:100] + codec.packets[250:], codec.rate)
    heard = joined(listen(codec.receiver(), arrivals, START + WAY + SECONDS))
    assert abs(shift_ms(heard, codec.ideal, 6000)) < 0.1
    assert len(heard.samples) == len(codec.ideal.samples)


def test_opus_that_does_not_send_silence() -> None:
    said = Pcm.join([voice(2), Pcm.silence(2000), voice(2, seed=1)])
    payloads = encoded(said, OpusEncoder(dtx=True).encode)
    assert payloads.count(b"") > 60
    arrivals = Network(jitter=0.02).carry(packets(payloads, 960), 48_000)
    outputs = listen(Receiver(OpusDecoder(), TYPE), arrivals, START + WAY + 6)
    heard = joined(outputs)
    assert heard.ms == pytest.approx(6000, abs=25)
    for at in (1000, 5000):
        assert shift_ms(heard, said, at) == pytest.approx(6.4, abs=1)
    assert np.abs(heard.samples[3_000 * 24 : 3_900 * 24]).max() < 100
    assert max(waited(outputs, 0)) <= 0.201


def test_comfort_noise_is_silence_that_is_heard_at_once() -> None:
    pcmu = CODECS["pcmu"]
    said = pcmu.packets[:20]
    noise = RtpPacket(COMFORT_NOISE, said[-1].sequence + 1, (said[-1].timestamp + 160) & 0xFFFFFFFF, 7, b"\x40")
    receiver = pcmu.receiver()
    outputs = listen(receiver, Network().carry([*said, noise], 8_000), START + WAY + 1)
    assert 980 <= joined(outputs).ms <= 1000  # at once, and not 200 ms later
    assert not joined(outputs).samples[600 * 24 :].any()
    assert receiver.concealed == len(joined(outputs).samples) - 20 * 480


def test_what_is_of_another_type_or_no_packet_is_not_taken() -> None:
    receiver = CODECS["opus"].receiver()
    good = CODECS["opus"].packets[0]
    assert not receiver.put(RtpPacket(101, 1, 1, 7, good.payload), 0.0)
    assert not receiver.put(RtpPacket(TYPE, 1, 1, 7, b""), 0.0)
    assert receiver.deadline() is None
    assert receiver.put(good, 0.0)
    assert receiver.put(good, 0.0)
    assert receiver.take(0.0).ms == 20
    assert (receiver.dropped, receiver.wait) == (1, 0.02)


class Broken(G711Decoder):
    """Every packet turns out to be broken only when it is decoded."""

    def decode(self, payload: bytes) -> Pcm:
        raise ValueError("broken")


def test_a_packet_that_is_broken_inside_is_concealed() -> None:
    receiver = Receiver(Broken("pcmu"), TYPE)
    outputs = listen(receiver, Network().carry(CODECS["pcmu"].packets[:10], 8_000), START + WAY + 0.2)
    assert joined(outputs).ms == 200
    assert receiver.concealed == 200 * 24


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("ms", [10, 30, 40, 60])
def test_packets_of_other_lengths(name: str, ms: int) -> None:
    if name == "opus":
        # 2 to 6 Opus frames of one configuration in a packet (RFC 6716 3.2.5), each of 10 ms and without sound.
        payloads = [bytes([(2 << 3 << 1 << 1) | 3, ms // 10, *[0] * (ms // 10)])] * 40
    else:
        payloads = encoded(SAID, G711Encoder("pcmu" if name == "pcmu" else "pcma").encode, ms)[:40]
    codec = CODECS[name]
    sent = packets(payloads, codec.rate * ms // 1000)
    arrivals = Network(loss=0.1, jitter=0.02).carry(sent, codec.rate)
    outputs = listen(codec.receiver(), arrivals, START + WAY + 0.04 * ms + 0.5)
    assert joined(outputs).ms == pytest.approx(40 * ms + 300, abs=ms + 5)


@given(
    name=st.sampled_from(sorted(CODECS)),
    payloads=st.lists(st.tuples(st.binary(max_size=40), st.integers(0, 3)), max_size=12),
)
@settings(max_examples=150)
def test_any_payloads_at_all_are_heard_as_something(name: str, payloads: list[tuple[bytes, int]]) -> None:
    codec = CODECS[name]
    receiver, number, time, heard, longest = codec.receiver(), 0, 0, 0.0, 0
    for payload, skipped in payloads:
        number, time = number + 1 + skipped, time + skipped * 960
        receiver.put(RtpPacket(TYPE, number, time, 7, payload), time / codec.rate)
        time += codec.decoder().ticks(payload)
        heard += receiver.take(time / codec.rate).ms
        longest = max(longest, codec.decoder().ticks(payload))
    # What is missing is made up a packet at a time, and so up to one packet before its time is over.
    assert heard <= (time + longest) / codec.rate * 1000 + 1


@given(
    name=st.sampled_from(sorted(CODECS)),
    loss=st.floats(0, 0.6),
    run=st.floats(1, 8),
    jitter=st.floats(0, 0.4),
    double=st.floats(0, 0.5),
    seed=st.integers(0, 99),
)
@settings(max_examples=40)
def test_any_network_gives_the_time_that_passed(
    name: str, loss: float, run: float, jitter: float, double: float, seed: int
) -> None:
    codec = CODECS[name]
    arrivals = Network(loss=loss, run=run, jitter=jitter, double=double, seed=seed).carry(
        codec.packets[:100], codec.rate
    )
    first = min(moment for moment, _ in arrivals)
    heard = joined(listen(codec.receiver(), arrivals, START + 4))
    assert 3_500 - (first - START) * 1000 - 425 <= heard.ms <= 4_000

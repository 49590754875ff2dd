"""G.711 as a stream: exact lengths, the same voice 2 ms later, and concealment without a click."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audio.network import encoded, shift_ms, steepest, voice

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.telephone import G711Decoder, G711Encoder, Law

LAWS: list[Law] = ["pcmu", "pcma"]


def tone(hz: float, seconds: float = 1.0, peak: float = 10_000) -> Pcm:
    time = np.arange(round(24_000 * seconds)) / 24_000
    return Pcm(np.rint(np.sin(2 * np.pi * hz * time) * peak).astype(np.int16), 24_000)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("ms", [10, 20, 30, 60])
def test_a_voice_comes_through_packet_for_packet(law: Law, ms: int) -> None:
    said = voice(3)
    encoder, decoder = G711Encoder(law), G711Decoder(law)
    payloads = encoded(said, encoder.encode, ms)
    heard = [decoder.decode(payload) for payload in payloads]
    assert {len(payload) for payload in payloads} == {decoder.ticks(payloads[0])} == {8 * ms}
    assert {pcm.ms for pcm in heard} == {ms}
    assert shift_ms(Pcm.join(heard), said, 1000) == pytest.approx(4, abs=0.1)


@pytest.mark.parametrize("hz", [90, 140, 210, 330])
def test_a_steady_voice_goes_on_as_it_was(hz: int) -> None:
    decoder = G711Decoder("pcmu")
    payloads = encoded(tone(hz), G711Encoder("pcmu").encode)
    heard = [decoder.conceal(160) if i in (20, 30, 31) else decoder.decode(p) for i, p in enumerate(payloads)]
    whole = G711Decoder("pcmu")
    ideal = Pcm.join([whole.decode(payload) for payload in payloads]).samples.astype(np.float64)
    error = Pcm.join(heard).samples - ideal
    assert np.sqrt(np.mean(error[480 * 20 : 480 * 33] ** 2)) < 0.25 * np.sqrt(np.mean(ideal**2))


@pytest.mark.parametrize("hz", [90, 140, 317, 333])
@pytest.mark.parametrize("lost", [1, 2, 3, 10])
def test_neither_into_a_loss_nor_out_of_it_is_there_a_click(hz: int, lost: int) -> None:
    decoder = G711Decoder("pcma")
    payloads = encoded(tone(hz), G711Encoder("pcma").encode)
    heard = [decoder.conceal(160) if 20 <= i < 20 + lost else decoder.decode(p) for i, p in enumerate(payloads)]
    slope = 10_000 * 2 * np.pi * hz / 24_000
    assert steepest(Pcm.join(heard[2:])) < 2 * slope + 150


@given(st.sampled_from(LAWS), st.lists(st.integers(1, 500), min_size=1, max_size=40))
@settings(max_examples=40)
def test_pieces_of_any_length_come_through_whole(law: Law, lengths: list[int]) -> None:
    encoder, decoder = G711Encoder(law), G711Decoder(law)
    for length in lengths:
        payload = encoder.encode(Pcm(np.zeros(3 * length, np.int16), 24_000))
        assert len(payload) == length
        assert len(decoder.decode(payload).samples) == 3 * length


def test_it_is_as_long_as_asked() -> None:
    decoder = G711Decoder("pcmu")
    assert [len(decoder.conceal(ticks).samples) for ticks in (160, 240, 80, 1, 0)] == [480, 720, 240, 3, 0]
    assert decoder.recover(b"\xff", 160) is None
    assert len(decoder.decode(b"\xff" * 8).samples) == 24


def test_silence_is_concealed_by_silence() -> None:
    decoder = G711Decoder("pcmu")
    decoder.decode(b"\xff" * 160)
    assert not decoder.conceal(160).samples.any()


def test_pieces_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 3"):
        G711Encoder("pcmu").encode(Pcm(np.zeros(100, np.int16), 24_000))
    with pytest.raises(ValueError, match="24000 Hz"):
        G711Encoder("pcmu").encode(Pcm.silence(30, 8_000))

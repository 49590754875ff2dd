"""What a caller sends: where speech ends, how it is cut into frames, and that the pace holds."""

from __future__ import annotations

import json
from base64 import b64decode

import numpy as np
import pytest

from vivavoce.audio.pcm import Pcm
from vivavoce.testing.microphone import FORMATS, FRAME_MS, Speech, Spoken, speech_span


def sound(ms: int, level: int = 8000, rate: int = 24_000) -> Pcm:
    return Pcm((np.sin(np.arange(rate * ms // 1000) * 2 * np.pi * 300 / rate) * level).astype(np.int16), rate)


def noise(ms: int, level: int, rate: int = 24_000) -> Pcm:
    return Pcm(np.random.default_rng(1).integers(-level, level, rate * ms // 1000).astype(np.int16), rate)


def test_silence_at_the_ends_is_no_speech() -> None:
    audio = Pcm.join([Pcm.silence(130), sound(300), Pcm.silence(400)])
    assert speech_span(audio) == (130 * 24, 430 * 24)


def test_a_soft_ending_is_speech_and_the_noise_of_a_room_is_not() -> None:
    soft = Pcm.join([sound(300), sound(200, level=250), Pcm.silence(200)])
    assert speech_span(soft)[1] == 500 * 24
    room = noise(900, 60)
    audio = Pcm(room.samples + np.pad(sound(300).samples, (200 * 24, 400 * 24)), 24_000)
    assert speech_span(audio) == (200 * 24, 500 * 24)


@pytest.mark.parametrize("audio", [Pcm.silence(500), Pcm.silence(0), noise(500, 3)])
def test_silence_has_no_speech(audio: Pcm) -> None:
    with pytest.raises(ValueError, match="silent"):
        speech_span(audio)


@pytest.mark.parametrize("name", FORMATS)
def test_the_speech_ends_with_its_frame(name: str) -> None:
    wire = FORMATS[name]
    speech = Speech.of(Pcm.join([sound(313), Pcm.silence(201)]), wire)
    assert speech.ms == pytest.approx((speech.last_voiced + 1) * FRAME_MS)
    frames = [wire.decode(b64decode(json.loads(frame)["audio"])) for frame in speech.frames]
    assert {len(frame.samples) for frame in frames} == {wire.rate * FRAME_MS // 1000}
    assert max(abs(frames[speech.last_voiced].samples.astype(int))) > 1000
    assert max(abs(frames[speech.last_voiced + 2].samples.astype(int))) < 300


def test_the_times_of_a_speech_are_those_of_its_frames() -> None:
    speech = Speech.of(Pcm.join([Pcm.silence(200), sound(300), Pcm.silence(200)]), FORMATS["pcm"])
    spoken = Spoken(speech)
    assert spoken.onset is None
    for frame in range(len(speech.frames)):
        spoken.sent(frame, 5.02 + frame * 0.02)
    assert spoken.ended == pytest.approx(5.5)
    assert spoken.onset == pytest.approx(5.2)

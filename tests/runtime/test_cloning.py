"""Recordings of custom voices: what they cost to look at, what is silent, and what a refusal blames."""

from __future__ import annotations

import asyncio
import tracemalloc

import numpy as np
import pytest

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.wav import wav_bytes
from vivavoce.ports import Consent, Consents, CustomVoice, EngineError, Recording
from vivavoce.protocol.errors import ProtocolError
from vivavoce.runtime.cloning import LONGEST_CONSENT_S, Cloning, File

RATE = 16_000
"""At which the longest consent fits into the most bytes."""
CONSENT = Consent("cons_1", "Ann", "en-US", 1)
MIB = 1 << 20


class Cloner:
    """Port `VoiceCloner`, with one consent; `fault` is what it says to every sample."""

    def __init__(self, fault: EngineError | None = None) -> None:
        self.fault = fault
        self.recordings = 0

    async def create_voice(self, name: str, sample: Recording, consent: str) -> CustomVoice:
        if self.fault is not None:
            raise self.fault
        return CustomVoice("voice_1", name, 1)

    async def delete_voice(self, voice: str) -> None:
        raise AssertionError

    async def create_consent(self, name: str, language: str, recording: Recording) -> Consent:
        self.recordings += 1
        return CONSENT

    async def consents(self, after: str | None, limit: int) -> Consents:
        raise AssertionError

    async def consent(self, consent: str) -> Consent:
        if consent != CONSENT.id:
            raise EngineError("unknown_consent", f"There is no {consent}.")
        return CONSENT

    async def rename_consent(self, consent: str, name: str) -> Consent:
        raise AssertionError

    async def delete_consent(self, consent: str) -> None:
        raise AssertionError


def tone(seconds: float) -> Pcm:
    at = np.arange(int(seconds * RATE)) / RATE
    return Pcm.from_float((0.3 * np.sin(2 * np.pi * 300 * at)).astype(np.float32), RATE)


def silence(seconds: float) -> Pcm:
    return Pcm.silence(seconds * 1000, RATE)


def file(*pieces: Pcm) -> File:
    return File("voice.wav", wav_bytes(Pcm.join([*pieces], RATE)), "audio/wav")


def refused(fault: EngineError | None, consent: str, sample: File) -> ProtocolError:
    with pytest.raises(ProtocolError) as refusal:
        asyncio.run(Cloning("cloner", Cloner(fault)).create_voice("Ann", sample, consent))
    return refusal.value


def test_the_longest_consents_are_read_one_after_the_other_in_little_memory() -> None:
    cloner = Cloner()
    longest = file(tone(LONGEST_CONSENT_S))

    async def scenario() -> None:
        cloning = Cloning("cloner", cloner)
        await asyncio.gather(*(cloning.create_consent("Ann", "en-US", longest) for _ in range(3)))

    tracemalloc.start()
    try:
        asyncio.run(scenario())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert cloner.recordings == 3
    # 14 MiB of samples at 24 kHz, thrice for a moment while they are joined. Two at once would take more.
    assert peak < 60 * MIB


@pytest.mark.parametrize("before_s", [0, 31, 250])
def test_a_consent_that_begins_late_is_no_silence(before_s: float) -> None:
    cloner = Cloner()
    asyncio.run(Cloning("cloner", cloner).create_consent("Ann", "en-US", file(silence(before_s), tone(4))))
    assert cloner.recordings == 1


def test_a_click_is_silence() -> None:
    error = refused(None, CONSENT.id, file(silence(2), tone(0.2), silence(2)))
    assert (error.code, error.param) == ("invalid_value", "audio_sample")
    assert "is silent" in error.message


def test_a_sample_that_the_engine_rejects_is_the_sample_s_fault() -> None:
    error = refused(EngineError("engine_rejected", "This is not the same voice."), CONSENT.id, file(tone(4)))
    assert (error.code, error.param, error.message) == ("invalid_value", "audio_sample", "This is not the same voice.")


def test_a_consent_that_there_is_not_is_the_consent_s_fault() -> None:
    error = refused(None, "cons_9", file(tone(4)))
    assert (error.code, error.param) == ("consent_not_found", "consent")

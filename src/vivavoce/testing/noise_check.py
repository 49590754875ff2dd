"""The contract of noise reduction (`vivavoce.ports.NoiseReducer`), for `vivavoce.testing.conformance`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import numpy as np

from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.ports import NoiseKind, NoiseReducer, NoiseReducerStream
from vivavoce.testing.probes import Bounds, Probe, Report, require
from vivavoce.testing.script import sound

HELD_MS = 40
"""The most that may be held back."""
QUIETER_DB = 10.0
"""What steady noise must lose at full strength, once it has lasted a while."""
_CUTS = (1, 7, 480, 2399, 2400, 0, 5000)
"""Samples of the pieces that a stream is cut into, over and over."""


async def check_noise_reducer(engine: NoiseReducer, *, bounds: Bounds = Bounds()) -> Report:  # noqa: B008 - frozen
    """Lengths, positions, cuts, callers, strengths, and that noise becomes quieter; nothing about voices."""
    probe = Probe(engine, bounds, counts=False)
    noise = Pcm(np.random.default_rng(1).normal(0, 1500, 3 * WIRE_RATE).astype(np.int16), WIRE_RATE)
    voice = Pcm.join([*sound(400), Pcm.silence(300), *sound(333)])
    async with probe.examine():
        for kind in get_args(NoiseKind):
            whole = await probe.within(_all(engine.open(kind), [voice]), "A piece of audio")
            cut = await probe.within(_all(engine.open(kind), _cut(voice)), "Audio in small pieces")
            require(_alike(whole, cut), "What comes out depends on how the audio was cut.")
            plain = await probe.within(_all(engine.open(kind), _cut(voice), 0.0), "Audio at strength 0")
            require(_alike(plain, voice), "Strength 0 changes the audio.")
            quiet = await probe.within(_all(engine.open(kind), [noise]), "Noise")
            lost = _level(noise) - _level(quiet)
            require(lost >= QUIETER_DB, f"Noise has lost {lost:.1f} dB after two seconds; {QUIETER_DB:g} are wanted.")
            both = [engine.open(kind), engine.open(kind)]
            beside = await probe.within(_in_turns(both, voice, noise), "Two callers in turns")
            require(_alike(beside, whole), "One caller's audio changes another's.")
            for rate in (8_000, 16_000, 48_000):
                foreign = engine.open(kind).push(Pcm.silence(100, rate), 1.0)
                await probe.refuses(foreign, f"Audio at {rate} Hz", must=True)
        await probe.rest("after all callers were cleaned")
    return probe.report()


async def _all(stream: NoiseReducerStream, pieces: Sequence[Pcm], strength: float = 1.0) -> Pcm:
    """Everything, and twice: what follows a flush is a piece of its own. Returns the first."""
    first = await _once(stream, pieces, strength)
    await _once(stream, pieces, strength)
    return first


async def _once(stream: NoiseReducerStream, pieces: Sequence[Pcm], strength: float) -> Pcm:
    given = taken = 0
    out: list[Pcm] = []
    for piece in pieces:
        out.append(await stream.push(piece, strength))
        given += len(piece.samples)
        taken += len(out[-1].samples)
        held = (given - taken) * 1000 / WIRE_RATE
        require(0 <= held <= HELD_MS, f"{held:.0f} ms of audio are held back; {HELD_MS} are allowed.")
    out.append(await stream.flush(strength))
    taken += len(out[-1].samples)
    require(given == taken, f"Of {given} samples {taken} came out.")
    return Pcm.join(out)


async def _in_turns(streams: Sequence[NoiseReducerStream], mine: Pcm, other: Pcm) -> Pcm:
    out: list[Pcm] = []
    for piece, beside in zip(_cut(mine), _cut(other), strict=False):
        out.append(await streams[0].push(piece, 1.0))
        await streams[1].push(beside, 1.0)
    return Pcm.join([*out, await streams[0].flush(1.0)])


def _cut(pcm: Pcm) -> list[Pcm]:
    pieces, at = list[Pcm](), 0
    while at < len(pcm.samples):
        size = _CUTS[len(pieces) % len(_CUTS)]
        pieces.append(Pcm(pcm.samples[at : at + size], pcm.rate))
        at += size
    return pieces


def _alike(one: Pcm, other: Pcm) -> bool:
    """As long, and equal to a rounding."""
    same = len(one.samples) == len(other.samples)
    return same and bool(np.allclose(one.samples.astype(np.int32), other.samples, rtol=0, atol=1))


def _level(pcm: Pcm) -> float:
    """Of the last second, in dBFS."""
    power = float(np.mean(np.square(pcm.to_float()[-WIRE_RATE:], dtype=np.float64)))
    return 10 * float(np.log10(power + 1e-12))

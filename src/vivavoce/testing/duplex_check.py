"""The contract of full-duplex models (`vivavoce.ports.Duplex`), for `vivavoce.testing.conformance`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress

import numpy as np

from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.ports import Duplex, DuplexStream, EngineError, SpokenAudio, SpokenText
from vivavoce.testing.probes import Bounds, ConformanceError, Probe, Report, check_chunks, require
from vivavoce.testing.script import sound

BEHIND_MS = 1000
"""How far what comes out may lag behind what went in."""
UNHEARD_MS = 10_000
"""The most that a conversation to which nobody listens may take in."""
_CUTS = (1, 480, 0, 1920, 2399, 240, 9600)
"""Samples of the pieces that a caller's audio is given in, over and over."""
_PROMPT = "You are friendly."
_LAST_S = 3.0
"""How long what the caller said last may be on its way through the model."""
_PUSH_S = 0.5
"""A `push` that waits for so long waits for a listener."""

Parts = list[SpokenAudio | SpokenText]


async def check_duplex(
    engine: Duplex,
    speech: Pcm,
    *,
    bounds: Bounds = Bounds(),  # noqa: B008 - frozen
    at_once: int = 2,
) -> Report:
    """`speech` (24 kHz) is a turn of a caller that the model answers with words, while it says nothing to one who is
    silent. `at_once`: conversations that it has at the same time. With 1 it must refuse a second; of more than that two
    are held beside each other, and how many it refuses is not tried."""
    probe = Probe(engine, bounds)
    turn = Pcm.join([speech, Pcm.silence(4000)])
    silence = Pcm.silence(turn.ms)
    async with probe.examine():
        _check_offer(engine)
        _flows(await probe.within(_conversation(engine, silence), "A silent conversation"), silence, spoken=False)
        _flows(await probe.within(_conversation(engine, turn), "A conversation"), turn, spoken=True)
        await probe.rest("after a conversation was closed")
        await _check_apart(probe, engine, turn, silence, at_once)
        await _check_end(probe, engine, turn)
        await _check_bound(probe, engine)
        await _check_odd_audio(probe, engine)
        stranger = _first(engine.converse("no such voice", _PROMPT))
        await probe.refuses(stranger, "An unknown voice", must=True)
        await probe.rest("after all conversations")
    return probe.report()


def _check_offer(engine: Duplex) -> None:
    require(bool(engine.voices) and len(set(engine.voices)) == len(engine.voices), "A model has voices, each once.")
    codes = all(len(code) == 2 and code.isalpha() and code.islower() for code in engine.languages)
    require(bool(engine.languages) and codes, f"The languages {engine.languages} are not ISO-639-1 codes.")


# --- one conversation -------------------------------------------------------------------------------------------


def _open(engine: Duplex) -> DuplexStream:
    return engine.converse(engine.voices[0], _PROMPT if engine.instructed else "")


async def _conversation(engine: Duplex, caller: Pcm) -> Parts:
    """All that is said to this caller, as far as it comes."""
    parts: Parts = []
    async with aclosing(_open(engine)) as stream:
        tasks = {asyncio.ensure_future(_speak(stream, caller)), asyncio.ensure_future(_listen(stream, caller, parts))}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            await _over(*tasks)
    return parts


async def _speak(stream: DuplexStream, caller: Pcm) -> None:
    at = 0
    while at < len(caller.samples):
        for size in _CUTS:
            await stream.push(Pcm(caller.samples[at : at + size], WIRE_RATE))
            at += size
    await asyncio.sleep(_LAST_S)


async def _listen(stream: DuplexStream, caller: Pcm, parts: Parts) -> None:
    """Until as much has come out as goes in."""
    async with aclosing(stream.listen()) as said:
        async for part in said:
            parts.append(part)
            if _ms(parts) >= caller.ms - BEHIND_MS:
                return
    raise ConformanceError("A conversation has ended by itself.")


async def _over(*tasks: asyncio.Future[None]) -> None:
    """Whatever becomes of them."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _first(stream: DuplexStream) -> None:
    """The first part of a conversation."""
    async with aclosing(stream), aclosing(stream.listen()) as said:
        pushing = asyncio.ensure_future(_speak(stream, Pcm.silence(1000)))
        try:
            await anext(said)
        finally:
            await _over(pushing)


def _flows(parts: Parts, caller: Pcm, *, spoken: bool) -> None:
    """As much came out as went in, silence included, and words where there is speech."""
    check_chunks([part.audio for part in parts if isinstance(part, SpokenAudio)], "a conversation")
    ms, words = _ms(parts), _words(parts)
    require(ms >= caller.ms - BEHIND_MS, f"Of {caller.ms:.0f} ms of a caller's time only {ms:.0f} ms came back.")
    if spoken:
        require(bool(words.strip()), "A caller who spoke is told no words.")
    else:
        require(not words.strip(), f"A caller who is silent is told {words!r}.")


def _ms(parts: Sequence[SpokenAudio | SpokenText]) -> float:
    return sum(part.audio.ms for part in parts if isinstance(part, SpokenAudio))


def _words(parts: Sequence[SpokenAudio | SpokenText]) -> str:
    return "".join(part.text for part in parts if isinstance(part, SpokenText))


# --- several ----------------------------------------------------------------------------------------------------


async def _check_apart(probe: Probe, engine: Duplex, turn: Pcm, silence: Pcm, at_once: int) -> None:
    """Neither beside nor after a caller who speaks does another hear anything of it."""
    noise = Pcm(np.random.default_rng(7).normal(0, 6000, WIRE_RATE).astype(np.int16), WIRE_RATE)
    loud = Pcm.join([noise, Pcm(turn.samples, WIRE_RATE)])
    if at_once > 1:
        both = asyncio.gather(_conversation(engine, loud), _conversation(engine, silence))
        _, beside = await probe.within(both, "Two conversations at the same time")
        _alone(beside, silence, noise, "beside")
    async with aclosing(_open(engine)) as stream:
        await probe.within(_begun(stream, turn), "A conversation")
        if at_once == 1:
            await probe.refuses(_first(_open(engine)), "A second conversation at the same time", must=True)
    _alone(await probe.within(_conversation(engine, silence), "The next conversation"), silence, noise, "after")


async def _begun(stream: DuplexStream, turn: Pcm) -> None:
    """Until the model speaks; it is left in the middle of its answer."""
    speaking = asyncio.ensure_future(_speak(stream, turn))
    try:
        async with aclosing(stream.listen()) as said:
            async for part in said:
                if isinstance(part, SpokenText):
                    return
    finally:
        await _over(speaking)


def _alone(parts: Parts, caller: Pcm, noise: Pcm, where: str) -> None:
    try:
        _flows(parts, caller, spoken=False)
    except ConformanceError as error:
        raise ConformanceError(f"{error} This is {where} another conversation: they mix.") from error
    heard = Pcm.join([part.audio for part in parts if isinstance(part, SpokenAudio)])
    alike = _alike(heard, noise) if heard.rate == noise.rate else 0.0
    require(alike < 0.3, f"One caller's audio is in another's conversation ({alike:.2f}), {where} it: they mix.")


def _alike(heard: Pcm, noise: Pcm) -> float:
    """The largest correlation of a sound with any place in another, 0 to 1."""
    sound_, pattern = heard.to_float().astype(np.float64), noise.to_float().astype(np.float64)
    size = len(sound_) + len(pattern)
    product = np.fft.irfft(np.fft.rfft(sound_, size) * np.conj(np.fft.rfft(pattern, size)), size)
    power = np.sqrt(np.sum(np.square(sound_)) * np.sum(np.square(pattern)))
    return float(np.max(np.abs(product)) / power) if power > 0 else 0.0


# --- its end, and its bounds --------------------------------------------------------------------------------------


async def _check_end(probe: Probe, engine: Duplex, turn: Pcm) -> None:
    """Closing stops it: before it began, and in mid-answer, whoever waits for it."""
    await probe.within(_open(engine).aclose(), "Closing a conversation that has not begun")
    await probe.rest("after a conversation was closed before it began")
    stream = _open(engine)
    said = stream.listen()
    speaking = asyncio.ensure_future(_speak(stream, turn))
    await probe.within(anext(said), "The first part of a conversation")
    probe.look()
    try:
        async with asyncio.timeout(probe.bounds.stop_s):
            await stream.aclose()
    except TimeoutError:
        await _over(speaking)
        raise ConformanceError(f"Closing a conversation took longer than {probe.bounds.stop_s:g} s.") from None
    late = await _late(said, probe.bounds.stop_s)
    await _over(speaking)
    require(late <= 1, f"{late} parts came after a conversation was closed; one is allowed.")
    await probe.rest("after a conversation was closed in the middle")


async def _late(said: AsyncGenerator[SpokenAudio | SpokenText, None], seconds: float) -> int:
    """How many parts a closed conversation still gives."""
    late = 0
    with suppress(TimeoutError, EngineError, StopAsyncIteration):
        async with asyncio.timeout(seconds):
            while late < 5:
                await anext(said)
                late += 1
    return late


async def _check_bound(probe: Probe, engine: Duplex) -> None:
    """A conversation to which nobody listens takes in no more than so much."""
    stream = _open(engine)
    taken = 0.0
    try:
        for piece in Pcm.join(sound(2 * UNHEARD_MS)).chunks(100):
            async with asyncio.timeout(probe.bounds.patience_s if taken == 0 else _PUSH_S):
                await stream.push(piece)
            taken += piece.ms
    except TimeoutError:
        pass
    finally:
        await stream.aclose()
    sentence = f"{taken:.0f} ms were taken in while nobody listened; {UNHEARD_MS} are allowed."
    require(taken <= UNHEARD_MS, sentence)
    await probe.rest("after a conversation to which nobody listened")


async def _check_odd_audio(probe: Probe, engine: Duplex) -> None:
    for odd in (Pcm.silence(0), Pcm.silence(1000 / WIRE_RATE), Pcm.silence(100, 8000)):
        stream = _open(engine)
        async with aclosing(stream):
            what = f"Audio of {len(odd.samples)} samples at {odd.rate} Hz"
            await probe.refuses(stream.push(odd), what, must=odd.rate != WIRE_RATE)
    await probe.rest("after odd audio")

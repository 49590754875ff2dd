"""The contract of engines (`vivavoce.ports`) as functions that examine any engine, yours too.

Each takes a started engine, calls it in many ways, and raises `ConformanceError` with a sentence, or returns a
`Report` of what it measured. Run one in a test of your own engine::

    async def test_mine() -> None:
        engine = MyTts()
        await engine.start()
        await check_tts(engine)
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, suppress

import numpy as np

from vivavoce.audio.pcm import Pcm
from vivavoce.ports import (
    OPENAI_VOICES,
    Asr,
    AsrHint,
    Began,
    CallArguments,
    CallBegan,
    CallEnded,
    CallPart,
    Finished,
    Llm,
    Message,
    Prompt,
    Responder,
    ResponsePart,
    Speech,
    SpokenAudio,
    SpokenText,
    TextDelta,
    Transcript,
    Tts,
    TurnDetector,
    Vad,
    VadStream,
    Voice,
    WordTimes,
)
from vivavoce.testing.dialogue_check import check_dialogues
from vivavoce.testing.duplex_check import check_duplex
from vivavoce.testing.noise_check import check_noise_reducer
from vivavoce.testing.probes import Bounds, ConformanceError, Probe, Report, check_chunks, check_speech, require
from vivavoce.testing.script import sound
from vivavoce.testing.speech_check import check_hearing
from vivavoce.testing.tool_check import check_calls

__all__ = [
    "Bounds",
    "ConformanceError",
    "Report",
    "check_asr",
    "check_duplex",
    "check_llm",
    "check_noise_reducer",
    "check_responder",
    "check_tts",
    "check_turn_detector",
    "check_vad",
]

SHORT_TEXT = "Hello there."
LONG_TEXT = "This sentence is a good deal longer than the other one, and takes its time."
ODD_TEXTS = (
    "",
    " \n\t",
    "...?!",
    "\x00\x07\u200b\u202e",
    "\N{GRINNING FACE}\N{SNOWMAN}",
    "\u65e5\u672c\u8a9e\u3001\u0440\u0443\u0441",
    "x" * 3000,
)
"""Texts that nobody wrote to be spoken."""
_ABSURD_WORDS = 20_000
_PIECE_MS = 50


async def check_vad(engine: Vad, *, bounds: Bounds = Bounds(), frame_ms: float = 10.0) -> Report:  # noqa: B008 - frozen
    """`frame_ms` is the longest time for one frame, in the median."""
    probe = Probe(engine, bounds, counts=False)
    async with probe.examine():
        quiet = Pcm.silence(engine.frame_samples * 1000 / engine.rate, engine.rate)
        loud = Pcm.join(sound(quiet.ms, engine.rate, 12_000))
        require(len(quiet.samples) == engine.frame_samples, "`frame_samples` and `rate` do not fit together.")
        alone = _probabilities(engine.open(), [quiet] * 30)
        require(max(alone) < 0.5, f"Silence has a probability of {max(alone):.2f}.")
        silent, other = engine.open(), engine.open()
        beside = []
        for _ in alone:
            _probabilities(other, [loud])
            beside += _probabilities(silent, [quiet])
        require(np.allclose(alone, beside, atol=1e-3), "One caller's audio changes another's probabilities.")
        for frame in (Pcm.silence(0, engine.rate), Pcm(loud.samples[:-1], engine.rate), Pcm(loud.samples, 44_100)):
            what = f"A frame of {len(frame.samples)} samples at {frame.rate} Hz"
            await probe.refuses(_soon(engine.open(), frame), what, must=True)
        took = await _median_ms(engine.open(), loud)
        require(took <= frame_ms, f"A frame takes {took:.1f} ms; {frame_ms:g} are allowed.")
    return probe.report()


async def _median_ms(stream: VadStream, frame: Pcm) -> float:
    times = []
    for _ in range(21):
        began = time.perf_counter()
        stream.probability(frame)
        times.append(time.perf_counter() - began)
        await asyncio.sleep(0)
    return float(np.median(times)) * 1000


def _probabilities(stream: VadStream, frames: Sequence[Pcm]) -> list[float]:
    values = [stream.probability(frame) for frame in frames]
    require(all(0 <= value <= 1 for value in values), f"A probability is not between 0 and 1: {values}")
    return values


async def _soon(stream: VadStream, frame: Pcm) -> float:
    return stream.probability(frame)


async def check_turn_detector(engine: TurnDetector, *, bounds: Bounds = Bounds()) -> Report:  # noqa: B008 - frozen
    """Any rate, any length, several at once, and cancelling."""
    probe = Probe(engine, bounds)
    turn = Pcm.join([*sound(1500, 16_000), Pcm.silence(300, 16_000)])
    async with probe.examine():
        likely = await probe.within(_likelihood(engine, turn), "A turn")
        for other in await probe.together(lambda: _likelihood(engine, turn), "A turn beside others"):
            require(math.isclose(likely, other, abs_tol=0.02), f"One turn gives {likely:.3f} and {other:.3f}.")
        for rate in (8_000, 24_000, 48_000):
            await probe.within(_likelihood(engine, Pcm.join(sound(700, rate))), f"A turn at {rate} Hz")
        for seconds in (0, 0.001, 60):
            odd = Pcm.silence(seconds * 1000, 16_000)
            await probe.refuses(_likelihood(engine, odd), f"A turn of {seconds:g} s", must=False)
        task = asyncio.ensure_future(engine.finished(turn))
        await asyncio.sleep(0)
        probe.look()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await probe.rest("after a turn was cancelled")
    return probe.report()


async def _likelihood(engine: TurnDetector, turn: Pcm) -> float:
    value = await engine.finished(turn)
    require(0 <= value <= 1, f"A likelihood is not between 0 and 1: {value}")
    return value


async def check_asr(engine: Asr, speech: Pcm, *, bounds: Bounds = Bounds()) -> Report:  # noqa: B008 - frozen
    """`speech` is one turn in which the engine hears words."""
    probe = Probe(engine, bounds)
    silence = Pcm.silence(speech.ms, speech.rate)
    async with probe.examine():
        first = await probe.within(_heard(engine, speech), "A turn")
        require(bool(first.strip()), "Speech gives an empty text.")
        again = await probe.within(_heard(engine, speech), "The same turn again")
        require(bool(again.strip()), "The same speech gives an empty text the second time.")
        require(not await probe.within(_heard(engine, silence), "A silent turn"), "Silence gives a text.")
        both = asyncio.gather(*(_heard(engine, turn) for turn in (speech, silence, speech)))
        beside = await probe.within(both, "A turn beside others")
        require(not beside[1], "Silence gives a text beside other calls: they mix.")
        require(bool(beside[0].strip() and beside[2].strip()), "Speech gives an empty text beside other calls.")
        await probe.together(lambda: _heard(engine, speech), "One of several turns at once")
        for pieces in ([], [Pcm.silence(0, 16_000)], [Pcm(speech.samples[:1], speech.rate)]):
            what = f"A turn of {sum(len(piece.samples) for piece in pieces)} samples"
            await probe.refuses(_transcript(engine.transcribe(_pieces(pieces), AsrHint())), what, must=False)
        if "logprobs" in engine.features:
            await probe.within(_with_logprobs(engine, speech), "A turn with log probabilities")
        for hint in (
            AsrHint("en", "Aurelio", ("Vivavoce",)),
            AsrHint("xx"),
            AsrHint(telephone=True),
            AsrHint(quick=True),
        ):
            heard = _transcript(engine.transcribe(_pieces([speech]), hint))
            await probe.refuses(heard, f"A turn with {hint}", must=False)
        await probe.stops(lambda: engine.transcribe(_pieces(speech.chunks(_PIECE_MS)), AsrHint()), "a turn")
        await probe.stops(lambda: engine.transcribe(_slow(speech), AsrHint()), "a slow turn")
    return probe.report()


async def _heard(engine: Asr, speech: Pcm) -> str:
    return await _transcript(engine.transcribe(_pieces(speech.chunks(_PIECE_MS)), AsrHint()))


async def _with_logprobs(engine: Asr, speech: Pcm) -> None:
    """The tokens are those of the text."""
    async for transcript in engine.transcribe(_pieces([speech]), AsrHint(logprobs=True)):
        told = b"".join(token.data for token in transcript.logprobs).decode(errors="replace")
        require(told.split() == transcript.text.split(), f"The tokens of {transcript.text!r} say {told!r}.")
        require(all(token.logprob <= 0 for token in transcript.logprobs), "A log probability is above 0.")


async def _transcript(transcripts: AsyncGenerator[Transcript, None]) -> str:
    heard = [transcript async for transcript in transcripts]
    require(bool(heard), "A turn ends without a transcript.")
    require(heard[-1].final, "The last transcript of a turn is not final.")
    require(not any(t.final for t in heard[:-1]), "A final transcript is followed by another.")
    return heard[-1].text


async def _pieces(pieces: Sequence[Pcm]) -> AsyncIterator[Pcm]:
    for piece in pieces:
        await asyncio.sleep(0)  # other calls get their turn between any two pieces
        yield piece


async def _slow(speech: Pcm) -> AsyncIterator[Pcm]:
    """Speech that goes on while the engine listens, so that a close finds it in the middle."""
    for _ in range(2):
        for piece in speech.chunks(_PIECE_MS):
            yield piece
        await asyncio.sleep(0.1)


async def check_llm(engine: Llm, *, bounds: Bounds = Bounds()) -> Report:  # noqa: B008 - frozen
    """Answers, limits, warming, absurd prompts, several at once, and closing; calls and voices, where it knows them."""
    probe = Probe(engine, bounds)
    async with probe.examine():
        for spoken in (True, False):
            require(bool(await probe.within(_said(engine, _asked(spoken=spoken)), "An answer")), "An answer is empty.")
        limited = await probe.within(probe.take(engine.generate(_asked(max_tokens=1))), "An answer of one token")
        last = limited[-1] if limited else None
        require(isinstance(last, Finished) and last.reason == "length", "An answer cut at its limit does not say so.")
        both = probe.interleave(engine.generate(_asked()), engine.generate(_asked()))
        for parts in await probe.within(both, "Two answers in turns"):
            require(bool(_text(parts)), "An answer is empty beside another.")
        await probe.together(lambda: _said(engine, _asked()), "One of several answers at once")
        nothing = Prompt("", (), False, Voice("alloy"), 8)
        await probe.refuses(_said(engine, nothing), "An empty prompt", must=False)
        odd = Prompt("", tuple(Message("user", (text,)) for text in ODD_TEXTS), False, Voice("alloy"), 8)
        await probe.refuses(_said(engine, odd), "An odd prompt", must=False)
        for truncation in ("auto", "disabled"):
            text = "word " * _ABSURD_WORDS
            absurd = Prompt("", (Message("user", (text,)),), False, Voice("alloy"), 8, truncation)
            what = f"A prompt of {_ABSURD_WORDS} words (truncation {truncation})"
            await probe.refuses(probe.take(engine.generate(absurd), 1), what, must=False)
            await probe.rest(f"after {what}")
        await probe.within(engine.warm(_asked()), "Warming")
        warming = asyncio.ensure_future(engine.warm(_asked()))
        await asyncio.sleep(0)
        warming.cancel()
        with suppress(asyncio.CancelledError):
            await warming
        await probe.rest("after warming was cancelled")
        await probe.stops(lambda: engine.generate(_asked()), "an answer")
        await check_hearing(probe, engine.features, engine.generate, _asked())
        if "tools" in engine.features:
            await check_calls(probe, engine.generate, _asked())
    return probe.report()


def _asked(*, spoken: bool = True, max_tokens: int | None = 24) -> Prompt:
    messages = (
        Message("user", ("Good morning.",)),
        Message("assistant", ("Good morning! What can I do for you?",)),
        Message("user", ("Tell me about the weather.",)),
    )
    return Prompt("You are a friendly assistant.", messages, spoken, Voice(OPENAI_VOICES[0]), max_tokens)


async def _said(engine: Llm, prompt: Prompt) -> str:
    return _text([part async for part in engine.generate(prompt)])


def _text(parts: Sequence[TextDelta | CallPart | Finished]) -> str:
    require(bool(parts) and isinstance(parts[-1], Finished), "An answer does not end in `Finished`.")
    require(sum(isinstance(part, Finished) for part in parts) == 1, "An answer has more than one `Finished`.")
    deltas = [part.text for part in parts if isinstance(part, TextDelta)]
    require(all(deltas), "A piece of text is empty.")
    return "".join(deltas)


async def check_tts(engine: Tts, *, bounds: Bounds = Bounds()) -> Report:  # noqa: B008 - frozen
    """Every voice, the paces, odd texts, several at once, and closing."""
    probe = Probe(engine, bounds)
    voice = Voice(OPENAI_VOICES[0])
    async with probe.examine():
        _check_offer(engine.voices, engine.speeds, engine.languages)
        require([info.name for info in engine.catalogue] == list(engine.voices), "The catalogue has other voices.")
        spoken = [code for info in engine.catalogue for code in info.languages or ("none",)]
        require(set(spoken) <= set(engine.languages), f"The voices' languages {spoken} are not the engine's.")
        for name in engine.voices:
            require(
                await probe.within(_spoken(engine, SHORT_TEXT, Voice(name)), f"The voice {name}") > 0,
                f"{name} is mute.",
            )
        short = await probe.within(_spoken(engine, SHORT_TEXT, voice), "A sentence")
        long = await probe.within(_spoken(engine, LONG_TEXT, voice), "A long sentence")
        require(long > short, f"A long sentence lasts {long:.0f} ms, a short one {short:.0f} ms.")
        both = probe.interleave(engine.speak(SHORT_TEXT, voice), engine.speak(LONG_TEXT, voice))
        parts = await probe.within(both, "Two sentences in turns")
        beside = [check_speech(each, text) for each, text in zip(parts, (SHORT_TEXT, LONG_TEXT), strict=True)]
        same = np.allclose(beside, [short, long], rtol=0.25)
        require(same, f"Alone, two sentences last {short:.0f} and {long:.0f} ms, together {beside}: they mix.")
        await probe.together(lambda: _spoken(engine, LONG_TEXT, voice), "One of several sentences at once")
        await _check_paces(probe, engine, voice.name)
        await probe.refuses(_spoken(engine, SHORT_TEXT, Voice("no such voice")), "An unknown voice", must=True)
        for text in ODD_TEXTS:
            taken = probe.take(engine.speak(text, voice), 20)
            await probe.refuses(taken, f"The text {text[:10]!r}", must=False)
            await probe.rest(f"after the text {text[:10]!r}")
        await probe.stops(lambda: engine.speak(LONG_TEXT, voice), "a sentence")
    return probe.report()


async def _spoken(engine: Tts, text: str, voice: Voice) -> float:
    return check_speech([part async for part in engine.speak(text, voice)], text)


async def _check_paces(probe: Probe, engine: Tts, name: str) -> None:
    low, high = max(engine.speeds[0], 0.7), min(engine.speeds[1], 1.4)
    slow = await probe.within(_spoken(engine, LONG_TEXT, Voice(name, low)), f"Speech at {low:g}")
    fast = await probe.within(_spoken(engine, LONG_TEXT, Voice(name, high)), f"Speech at {high:g}")
    if high / low > 1.2:
        sentence = f"Speech lasts {slow:.0f} ms at speed {low:g} and {fast:.0f} ms at {high:g}."
        require(slow > 1.05 * fast, sentence)


def _check_offer(voices: Sequence[str], speeds: tuple[float, float], languages: Sequence[str]) -> None:
    missing = [name for name in OPENAI_VOICES if name not in voices]
    require(not missing, f"Voices of OpenAI are missing: {', '.join(missing)}.")
    require(len(set(voices)) == len(voices), "A voice is listed twice.")
    require(0 < speeds[0] <= 1.0 <= speeds[1], f"The speeds {speeds} leave out 1.0.")
    codes = all(len(code) == 2 and code.isalpha() and code.islower() for code in languages)
    require(bool(languages) and codes, f"The languages {languages} are not ISO-639-1 codes.")


async def check_responder(engine: Responder, speech: Pcm, *, bounds: Bounds = Bounds()) -> Report:  # noqa: B008 - frozen
    """`speech` is a turn of the caller: half of the prompts hold it, the others hold text."""
    probe = Probe(engine, bounds)
    async with probe.examine():
        _check_offer(engine.voices, engine.speeds, engine.languages)
        for prompt in (_asked(), _with_voice(speech)):
            ms = await probe.within(_answered(engine, prompt), "A spoken answer")
            require(ms > 0, "A spoken answer has no audio.")
        dialogue = engine.open()
        written = await probe.within(probe.take(dialogue.respond(_asked(spoken=False))), "A written answer")
        require(_check_parts(written, spoken=False) == 0, "A written answer has audio.")
        other = engine.open()
        both = probe.interleave(dialogue.respond(_asked()), other.respond(_with_voice(speech)))
        for parts in await probe.within(both, "Two answers in turns"):
            require(_check_parts(parts, spoken=True) > 0, "An answer has no audio beside another.")
        await probe.together(lambda: _answered(engine, _asked()), "One of several answers at once")
        stranger = Prompt("", _asked().messages, True, Voice("no such voice"), 8)
        await probe.refuses(_answered(engine, stranger), "An unknown voice", must=True)
        nothing = Prompt("", (), True, Voice(OPENAI_VOICES[0]), 8)
        await probe.refuses(_answered(engine, nothing), "An empty prompt", must=False)
        await probe.within(other.aclose(), "The end of a session")
        await probe.within(dialogue.warm(_asked()), "Warming")
        await probe.stops(lambda: dialogue.respond(_asked()), "an answer")
        if "tools" in engine.features:
            await check_calls(probe, dialogue.respond, _asked())
            await check_calls(probe, dialogue.respond, _asked(spoken=False))
        await check_hearing(probe, engine.features, dialogue.respond, _asked())
        await probe.within(dialogue.aclose(), "The end of a session")
        await check_dialogues(probe, engine, _asked(spoken=False))
    return probe.report()


def _with_voice(speech: Pcm) -> Prompt:
    async def transcript() -> str:
        await asyncio.sleep(0)
        return "What is your name?"

    message = Message("user", (Speech(speech, transcript),))
    return Prompt("You are a friendly assistant.", (message,), True, Voice(OPENAI_VOICES[0]), 24)


async def _answered(engine: Responder, prompt: Prompt) -> float:
    """In a session of its own."""
    async with aclosing(engine.open()) as dialogue:
        return _check_parts([part async for part in dialogue.respond(prompt)], spoken=prompt.spoken)


def _check_parts(parts: Sequence[ResponsePart], *, spoken: bool) -> float:
    """The order of an answer's parts. Returns the milliseconds of its audio."""
    require(bool(parts) and isinstance(parts[-1], Finished), "An answer does not end in `Finished`.")
    require(sum(isinstance(part, Finished) for part in parts) == 1, "An answer has more than one `Finished`.")
    said = [part for part in parts if not isinstance(part, CallBegan | CallArguments | CallEnded)]
    require(not any(isinstance(part, Began) for part in said[1:]), "`Began` comes late or twice.")
    forbidden = TextDelta if spoken else (SpokenText, SpokenAudio, WordTimes)
    wrong = next((type(part).__name__ for part in parts if isinstance(part, forbidden)), None)
    require(wrong is None, f"A {'spoken' if spoken else 'written'} answer has a {wrong}.")
    words = next((i for i, part in enumerate(parts) if isinstance(part, SpokenText)), len(parts))
    audio = [part.audio for part in parts if isinstance(part, SpokenAudio)]
    early = any(isinstance(part, SpokenAudio | WordTimes) for part in parts[:words])
    require(not early, "Audio comes before the words that it says.")
    return check_chunks(audio, "an answer")

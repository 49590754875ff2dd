"""Engines that answer at once, without models: `instant`, for measuring the server and for trying clients.

They tell the truth about what they are: they hear whether somebody speaks but not what, say one fixed text,
and speak in soft tones, one a word, at a pitch of the voice's own.
"""

from __future__ import annotations

import asyncio
import math
import re
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace

import numpy as np

from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.engines import calls, window
from vivavoce.engines.made_up import made_up
from vivavoce.ports import (
    MAX_CHUNK_MS,
    OPENAI_VOICES,
    AsrFeature,
    AsrHint,
    CallArguments,
    CallBegan,
    CallEnded,
    CallPart,
    EngineError,
    Finished,
    LlmFeature,
    Message,
    Prompt,
    TextDelta,
    TokenUsage,
    Tool,
    ToolCall,
    ToolOutput,
    Transcript,
    Voice,
    VoiceCloner,
    VoiceInfo,
)

ASR_TEXT = "This is what an instant engine hears."
LLM_TEXT = "This answer comes at once. No model was asked."
SPEECH_RMS = 300.0
"""Root mean square of int16 samples above which audio counts as speech: about -41 dBFS."""
WORD_MS = 350
"""Length of a word at speed 1.0, its gap included."""

_GAP_MS = 60
_AMPLITUDE = 4000.0  # a soft tone: -18 dBFS
_LOWEST_HZ = 160.0
_SPEEDS = (0.25, 1.5)


def _rms(pcm: Pcm) -> float:
    return float(np.sqrt(np.mean(np.square(pcm.samples, dtype=np.float64)))) if len(pcm.samples) else 0.0


class _Instant:
    """What all of them share. `delay` is how long each call waits before its first result, in seconds."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._running = 0

    @property
    def name(self) -> str:
        """`instant`."""
        return "instant"

    @property
    def running(self) -> int:
        """Calls that have begun and not ended."""
        return self._running

    async def start(self) -> None:
        """There is nothing to load."""

    async def aclose(self) -> None:
        """There is nothing to free."""

    def __enter__(self) -> None:
        self._running += 1

    def __exit__(self, *_: object) -> None:
        self._running -= 1


class InstantVad(_Instant):
    """Voice activity by loudness: 0.5 at `threshold` (RMS of int16 samples), 0 in silence, near 1 in speech."""

    rate = 16_000
    frame_samples = 512
    lag_ms = 0

    def __init__(self, threshold: float = SPEECH_RMS) -> None:
        super().__init__(0.0)
        self._threshold = threshold

    def open(self) -> InstantVadStream:
        """A new caller."""
        return InstantVadStream(self._threshold)


class InstantVadStream:
    """One caller of an `InstantVad`."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold

    def probability(self, frame: Pcm) -> float:
        """By the loudness of this frame alone. Raises `EngineError` for a frame of another size or rate."""
        if len(frame.samples) != InstantVad.frame_samples or frame.rate != InstantVad.rate:
            raise EngineError(
                "invalid_audio",
                f"A frame is {InstantVad.frame_samples} samples at {InstantVad.rate} Hz, "
                f"not {len(frame.samples)} at {frame.rate} Hz.",
            )
        power = _rms(frame) ** 2
        return power / (power + self._threshold**2)


class InstantTurnDetector(_Instant):
    """Every pause ends the turn."""

    def __init__(self, delay: float = 0.0) -> None:
        super().__init__(delay)

    async def finished(self, turn: Pcm) -> float:
        """1.0."""
        with self:
            await asyncio.sleep(self._delay)
            return 1.0


class InstantAsr(_Instant):
    """Hears `text` in whatever is louder than silence."""

    def __init__(self, text: str = ASR_TEXT, delay: float = 0.0) -> None:
        super().__init__(delay)
        self._text = text

    @property
    def features(self) -> tuple[AsrFeature, ...]:
        """Nothing that it is told changes what it hears."""
        return ("delay",)

    @property
    def languages(self) -> tuple[str, ...]:
        """It hears the same in all."""
        return ()

    async def transcribe(self, speech: AsyncIterator[Pcm], hint: AsrHint) -> AsyncGenerator[Transcript, None]:
        """One final transcript at the end of the speech; an empty one when all of it was silent.

        A quick look hears one more word each `WORD_MS` that are loud.
        """
        with self:
            loudest = loud_ms = 0.0
            async for piece in speech:
                loudest = max(loudest, _rms(piece))
                loud_ms += sum(_rms(part) > SPEECH_RMS and part.ms for part in piece.chunks(MAX_CHUNK_MS))
            await asyncio.sleep(self._delay)
            heard = self._text.split()[: int(loud_ms / WORD_MS)]
            yield Transcript(" ".join(heard) if hint.quick else self._text if loudest > SPEECH_RMS else "")


class InstantLlm(_Instant):
    """Answers `text` to everything, and calls a tool where it must or where the user says its name, with arguments that
    it makes up. A token is a word, and its window has no end."""

    features: tuple[LlmFeature, ...] = ("window", "tools")

    def __init__(self, text: str = LLM_TEXT, delay: float = 0.0) -> None:
        super().__init__(delay)
        self._tokens = _tokens(text)

    async def generate(self, prompt: Prompt) -> AsyncGenerator[TextDelta | CallPart | Finished, None]:
        """A word at a time, up to `prompt.max_tokens`. Raises `EngineError` for a tool that is too much for it."""
        with self:
            messages = calls.shown(prompt.messages)
            seen = window.fit(replace(prompt, messages=messages), [_words(each) for each in messages], sys.maxsize)
            tool = _wanted(prompt)
            tokens = _tokens(made_up(tool.parameters)) if tool else self._tokens
            told = tokens[: prompt.max_tokens]
            await asyncio.sleep(self._delay)
            if tool:
                yield CallBegan(tool.name)
            for token in told:
                yield CallArguments(token) if tool else TextDelta(token)
                await asyncio.sleep(0)  # the others get their turn, as they would beside a model
            if tool and len(told) == len(tokens):
                yield CallEnded()
            usage = TokenUsage(
                input_tokens=len(prompt.instructions.split()) + sum(map(_words, seen.messages)),
                output_tokens=len(told),
            )
            yield Finished("stop" if len(told) == len(tokens) else "length", usage)

    async def warm(self, prompt: Prompt) -> None:
        """There is nothing to prefill."""

    def refused(self, tool: Tool) -> str | None:
        """A tool whose arguments it cannot make up."""
        try:
            made_up(tool.parameters)
        except EngineError as error:
            return error.message
        return None


def _tokens(text: str) -> list[str]:
    return re.findall(r"\s*\S+", text)


def _words(message: Message) -> int:
    texts = [_text(part) for part in message.content]
    return sum(len(text.split()) for text in texts)


def _text(part: object) -> str:
    match part:
        case ToolCall():
            return f"{part.name} {part.arguments}"
        case ToolOutput():
            return part.output
        case _:
            return part if isinstance(part, str) else ""


def _wanted(prompt: Prompt) -> Tool | None:
    """What is called now: what must be, or what the user names; None: nothing."""
    tools = calls.callable_tools(prompt)
    if prompt.tool_choice == "required":
        return next(iter(tools), None)
    last = prompt.messages[-1] if prompt.messages else None
    said = " ".join(map(_text, last.content)) if last and last.role == "user" else ""
    return next((tool for tool in tools if tool.name in said), None)


class InstantTts(_Instant):
    """A soft tone a word, 24 kHz, `WORD_MS` long at speed 1.0."""

    cloner: VoiceCloner | None = None

    def __init__(self, delay: float = 0.0) -> None:
        super().__init__(delay)

    @property
    def voices(self) -> tuple[str, ...]:
        """OpenAI's ten; each has a pitch of its own."""
        return OPENAI_VOICES

    @property
    def catalogue(self) -> tuple[VoiceInfo, ...]:
        """Tones, by their pitch."""
        return tuple(VoiceInfo(name, self.languages, f"a tone of {_hertz(name):.0f} Hz") for name in OPENAI_VOICES)

    @property
    def speeds(self) -> tuple[float, float]:
        """All that the wire allows."""
        return _SPEEDS

    @property
    def languages(self) -> tuple[str, ...]:
        """A few: tones sound alike in all of them."""
        return ("en", "de", "es", "fr")

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[Pcm, None]:
        """A tone for each word; nothing for an empty text. `EngineError` for unknown voices and speeds."""
        if voice.name not in OPENAI_VOICES:
            raise EngineError("unknown_voice", f"The instant engine has no voice {voice.name!r}.")
        if not _SPEEDS[0] <= voice.speed <= _SPEEDS[1]:
            raise EngineError("unsupported_speed", f"The instant engine speaks at {_SPEEDS}, not {voice.speed}.")
        with self:
            await asyncio.sleep(self._delay)
            pieces = _word(voice).chunks(MAX_CHUNK_MS)
            for _ in re.finditer(r"\S+", text):
                for piece in pieces:
                    yield piece
                    await asyncio.sleep(0)


def _word(voice: Voice) -> Pcm:
    """A tone that swells and fades, then a gap, in whole samples."""
    total = round(WIRE_RATE * WORD_MS / 1000 / voice.speed)
    sounding = round(total * (1 - _GAP_MS / WORD_MS))
    at = np.arange(sounding)
    tone = np.sin(2 * math.pi * _hertz(voice.name) * at / WIRE_RATE) * np.sin(math.pi * at / sounding) * _AMPLITUDE
    return Pcm(np.concatenate((tone, np.zeros(total - sounding))).astype(np.int16), WIRE_RATE)


def _hertz(voice: str) -> float:
    return float(_LOWEST_HZ * 2 ** (OPENAI_VOICES.index(voice) / 12))

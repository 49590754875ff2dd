"""The doors to those that answer: a language model, a voice, and both as one."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Literal, Protocol

from vivavoce.audio.pcm import Pcm
from vivavoce.ports.answer import CallPart, Finished, ResponsePart, TextDelta, WordTimes
from vivavoce.ports.engine import Engine
from vivavoce.ports.prompt import Prompt, Tool, Voice
from vivavoce.ports.voices import VoiceCloner, VoiceInfo

LlmFeature = Literal["window", "reasoning", "parallel_tool_calls", "tools", "images", "speech"]
"""What a language model may know beyond words: the size of its own window, so that `Retention` works without a limit
of the session's own; `Prompt.effort`; `Prompt.parallel_tool_calls`; `Prompt.tools`; what is on an `Image`; and what is
heard in a `Speech`, so that nobody need recognise the words for it."""


class Llm(Engine, Protocol):
    """A language model. It is given a `Speech` only with the feature "speech", an `Image` only with "images"."""

    @property
    def features(self) -> tuple[LlmFeature, ...]:
        """What it knows; it is not asked for anything else."""

    def generate(self, prompt: Prompt) -> AsyncGenerator[TextDelta | CallPart | Finished, None]:
        """Text as it comes, about a token at a time, and calls; then one `Finished`."""

    async def warm(self, prompt: Prompt) -> None:
        """Prefill what a coming answer will share with this prompt. A hint: cancelling it is always safe."""

    def refused(self, tool: Tool) -> str | None:
        """Why it cannot call this tool, as a sentence; None: it can. May take a while; called in any thread."""


class Tts(Engine, Protocol):
    """Speech synthesis."""

    @property
    def voices(self) -> tuple[str, ...]:
        """Every name it answers to, OpenAI's ten among them."""

    @property
    def catalogue(self) -> tuple[VoiceInfo, ...]:
        """What is known of each of `voices`, in that order."""

    @property
    def cloner(self) -> VoiceCloner | None:
        """Makes voices that it speaks in too, by names that begin with `CUSTOM_VOICE`; None: it cannot clone."""

    @property
    def speeds(self) -> tuple[float, float]:
        """Slowest and fastest pace it can speak at."""

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO-639-1 codes of those it speaks well enough to be understood; at least one."""

    def speak(self, text: str, voice: Voice) -> AsyncGenerator[Pcm | WordTimes, None]:
        """One clause or sentence as audio, any rate, in chunks of at most `MAX_CHUNK_MS`.

        A call takes one clause, not a stream of text, so that the caller knows which samples say which words. An
        engine that knows when each word ends says so with `WordTimes`; they count in this text and this audio.
        """


class Dialogue(Protocol):
    """The answers of one session. It may keep what makes the next one cheaper, such as a connection; what it answers
    depends on the prompt alone."""

    def respond(self, prompt: Prompt) -> AsyncGenerator[ResponsePart, None]:
        """The parts of one answer, then one `Finished`. `TextDelta` parts when `prompt.spoken` is false.

        Several may be made at once. Raises `EngineError`.
        """

    async def warm(self, prompt: Prompt) -> None:
        """Prepare what a coming answer will share with this prompt. A hint: cancelling it is always safe."""

    async def aclose(self) -> None:
        """The session is over. No answer is being made any more."""


class Answerer(Engine, Protocol):
    """What all that answer callers have in common: those that are asked for it, and those that are not (`Duplex`)."""

    @property
    def features(self) -> tuple[LlmFeature, ...]:
        """What its language model knows."""

    @property
    def voices(self) -> tuple[str, ...]:
        """Every voice name it answers to."""

    @property
    def speeds(self) -> tuple[float, float]:
        """Slowest and fastest pace."""

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO-639-1 codes of those that its voices speak."""

    def refused(self, tool: Tool) -> str | None:
        """Why its language model cannot call this tool, as a sentence; None: it can.

        Without the feature "tools" always None: sessions are refused all of them, by the name of the list.
        """


class Responder(Answerer, Protocol):
    """All that the runtime sees of answering: a cascade is one, a native speech-to-speech model another."""

    def open(self) -> Dialogue:
        """A new session. Nothing is waited for yet."""

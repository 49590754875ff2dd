"""The doors between the server and its engines: one small `Protocol` for each, and the plain data that passes through.

The contract of every engine, checked by `vivavoce.testing.conformance` against each of them, real or scripted:

- one loaded engine serves every session; a call keeps no state of a session between calls;
- audio leaves in chunks of at most `MAX_CHUNK_MS`;
- closing a generator (`aclose()`) stops the work within one chunk, native work included;
- the only exception raised on purpose is `EngineError`;
- nothing blocks the event loop: blocking work runs in threads behind a bounded bridge.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from vivavoce.audio.pcm import Pcm

MAX_CHUNK_MS = 100
"""The longest piece of audio an engine yields, in milliseconds: what a cancel may have to wait for."""


class EngineError(Exception):
    """An engine could not do its work: the response fails, the session lives.

    `code` is a short machine word (`engine_timeout`, `engine_unavailable`, `engine_failed`, `context_too_long`, ...),
    `message` a sentence for the caller.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Engine(Protocol):
    """What all engines share."""

    @property
    def name(self) -> str:
        """The name that chooses it in the configuration."""

    @property
    def running(self) -> int:
        """Calls that occupy the engine now, native work that has not stopped yet included."""

    async def start(self) -> None:
        """Load and warm up, so that the first call is as fast as the tenth. Raises `EngineError`."""

    async def aclose(self) -> None:
        """Stop what runs and free everything."""


# --- hearing ---


class VadStream(Protocol):
    """Voice activity of one caller; it carries that caller's state."""

    def probability(self, frame: Pcm) -> float:
        """How likely it is, 0 to 1, that this frame holds speech. Cheap (well under 1 ms), so synchronous."""


class Vad(Engine, Protocol):
    """Voice activity detection."""

    @property
    def rate(self) -> int:
        """Hz of the frames it takes."""

    @property
    def frame_samples(self) -> int:
        """Samples in each frame, neither more nor less."""

    @property
    def lag_ms(self) -> int:
        """How long the probability typically stays high after the voice has ended: a model that remembers lags.

        Every caller waits that long for nothing, so a pause counts from that much earlier.
        """

    def open(self) -> VadStream:
        """A new caller."""


NoiseKind = Literal["near_field", "far_field"]
"""Where the caller's microphone is: at the mouth (a headset), or somewhere in the room (PROTOCOL.md 3.5)."""


class NoiseReducerStream(Protocol):
    """One caller's voice without what is around it; it carries that caller's state. One call at a time.

    What comes out does not depend on how the input was cut. Sample n of it is sample n of the input: it is held back
    for a while, by 40 ms at most, but not moved.
    """

    async def push(self, pcm: Pcm, strength: float) -> Pcm:
        """What `pcm` (24 kHz, any length) completes, at 24 kHz. `strength` is 0, nothing is changed, to 1, full effect.

        Raises `EngineError`.
        """

    async def flush(self, strength: float) -> Pcm:
        """What was held back, so that as much has come out as went in. The next `push` begins a new piece of audio
        of the same caller."""


class NoiseReducer(Engine, Protocol):
    """Noise reduction, before voice activity detection and recognition."""

    def open(self, kind: NoiseKind) -> NoiseReducerStream:
        """A new caller."""


class TurnDetector(Engine, Protocol):
    """End of turn from the voice itself: has the caller finished, or only paused?"""

    async def finished(self, turn: Pcm) -> float:
        """How likely it is, 0 to 1, that the turn is over. `turn` ends in the pause; any rate, any length."""


@dataclass(frozen=True, slots=True)
class AsrHint:
    """What the session knows about the speech."""

    language: str | None = None
    """ISO-639-1; "auto" detects it whatever the engine's default is; None is that default."""
    prompt: str = ""
    """What may come before the speech, or words and names to expect."""
    keywords: tuple[str, ...] = ()
    """Words and names to expect, as they are spelt."""
    languages: tuple[str, ...] = ()
    """Where `language` is None: the speech is in one of these, to be detected."""
    logprobs: bool = False
    """Each token's log probability is wanted."""
    telephone: bool = False
    """The audio came over an 8 kHz line."""
    quick: bool = False
    """The caller is still speaking: an early look, where speed counts more than care."""


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token of a transcript as UTF-8, and the natural logarithm of its probability."""

    data: bytes
    logprob: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said so far. Each one replaces the one before; the last has `final` set."""

    text: str
    final: bool = True
    language: str | None = None
    """The language that was detected; None: it was named, or the engine does not say."""
    logprobs: tuple[TokenLogprob, ...] = ()
    """Where the hint asks for them: the tokens of `text`, one after the other."""


AsrFeature = Literal["prompt", "keywords", "languages", "delay", "logprobs"]
"""What of an `AsrHint` an engine heeds; `delay`: it is fast enough to be asked time and again during a turn."""


class Asr(Engine, Protocol):
    """Speech recognition."""

    @property
    def features(self) -> tuple[AsrFeature, ...]:
        """What it heeds beside the language; a session that asks for more is refused by name."""

    @property
    def languages(self) -> tuple[str, ...]:
        """Codes of the languages that it knows, once it is started; empty: it does not say, and is given any."""

    def transcribe(self, speech: AsyncIterator[Pcm], hint: AsrHint) -> AsyncGenerator[Transcript, None]:
        """Transcripts of one turn, the last one final. Silence and noise give an empty text, not an invented one."""


# --- thinking ---


@dataclass(frozen=True, slots=True, eq=False)
class Speech:
    """A caller's voice in a prompt: a native model hears `audio`, a cascade awaits `transcript()`.

    `transcript` raises `EngineError` when recognition failed.
    """

    audio: Pcm
    transcript: Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of the conversation."""

    role: Literal["system", "user", "assistant"]
    content: tuple[str | Speech, ...]


@dataclass(frozen=True, slots=True)
class Voice:
    """Who speaks, and how fast."""

    name: str
    speed: float = 1.0
    """1.0 is the voice's own pace; 0.25 to 1.5 on the wire (PROTOCOL.md 3.2)."""


@dataclass(frozen=True, slots=True)
class Retention:
    """When the conversation outgrows its limit, it is cut at once to `ratio` of the limit (PROTOCOL.md 5.3)."""

    ratio: float
    """0 to 1."""
    post_instructions: int | None = None
    """Tokens that all messages together may have at most; None: as many as the model's window holds."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """All that an answer is made from."""

    instructions: str
    messages: tuple[Message, ...]
    spoken: bool
    """The answer will be heard: whole short sentences, no markdown, no lists."""
    voice: Voice
    max_tokens: int | None = None
    """Upper bound on generated tokens; None is the engine's own limit."""
    truncation: Literal["auto", "disabled"] | Retention = "auto"
    """When the conversation outgrows the model's window: drop the oldest messages, or raise `context_too_long`."""
    effort: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None
    """How much a model that reasons may think; None: as it likes."""
    parallel_tool_calls: bool | None = None
    """Whether a model may call several tools at once; None: as it likes."""
    plain: bool = False
    """The instructions say everything, as for an interpreter: an engine adds nothing about the manner of an answer."""


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens by the model's own count. `cached_tokens` is the part of `input_tokens` that was not computed again."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of generated text."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The last part of every answer. `length`: it was cut off at the token limit; `content_filter`: by its provider."""

    reason: Literal["stop", "length", "content_filter"] = "stop"
    usage: TokenUsage = field(default_factory=TokenUsage)


LlmFeature = Literal["window", "reasoning", "parallel_tool_calls"]
"""What a language model may know beyond words: the size of its own window, so that `Retention` works without a limit of
the session's own; `Prompt.effort`; `Prompt.parallel_tool_calls`."""


class Llm(Engine, Protocol):
    """A language model. It is only given prompts whose content is text."""

    @property
    def features(self) -> tuple[LlmFeature, ...]:
        """What it knows; it is not asked for anything else."""

    def generate(self, prompt: Prompt) -> AsyncGenerator[TextDelta | Finished, None]:
        """Text as it comes, about a token at a time, then one `Finished`."""

    async def warm(self, prompt: Prompt) -> None:
        """Prefill what a coming answer will share with this prompt. A hint: cancelling it is always safe."""


# --- speaking ---


@dataclass(frozen=True, slots=True)
class WordTimes:
    """When words of a clause have been said: pairs of `chars` and `ms`, neither of which ever falls.

    The text up to the character `chars` is over `ms` milliseconds after the clause's audio began. An engine that knows
    them tells before the audio that they speak of, so that words whose audio is never sent are known to be unsaid.
    """

    ends: tuple[tuple[int, float], ...]


class Tts(Engine, Protocol):
    """Speech synthesis."""

    @property
    def voices(self) -> tuple[str, ...]:
        """Every name it answers to, OpenAI's ten among them."""

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


# --- answering ---


@dataclass(frozen=True, slots=True)
class Began:
    """The first token exists, though nothing can be heard or read yet. At most once, before all other parts."""


@dataclass(frozen=True, slots=True)
class SpokenText:
    """Words of a spoken answer; the audio that says them, and its `WordTimes`, follow before the next `SpokenText`."""

    text: str


@dataclass(frozen=True, slots=True, eq=False)
class SpokenAudio:
    """At most `MAX_CHUNK_MS` of a spoken answer."""

    audio: Pcm


ResponsePart = Began | TextDelta | SpokenText | WordTimes | SpokenAudio | Finished


class Responder(Engine, Protocol):
    """All that the runtime sees of an answer: a cascade is one, a native speech-to-speech model another."""

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

    def respond(self, prompt: Prompt) -> AsyncGenerator[ResponsePart, None]:
        """The parts of one answer, then one `Finished`. `TextDelta` parts when `prompt.spoken` is false."""

    async def warm(self, prompt: Prompt) -> None:
        """Prefill what a coming answer will share with this prompt."""

"""The doors to those that hear: voice activity, noise, the end of a turn, recognition."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Literal, Protocol

from vivavoce.audio.pcm import Pcm
from vivavoce.ports.engine import Engine


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
    named: str | None = None
    """The language that the engine's configuration names, where it was taken from there."""


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

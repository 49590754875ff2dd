"""Speech recognition with Whisper on CTranslate2.

Whisper was trained on 30 s windows, and most of its work is reading one. A shorter window is read four times
faster and hears ordinary speech as well; what comes out of it suspicious is read again in full, and telephone
audio is only read in full.
On silence and noise Whisper invents words, so three gates decide whether anybody spoke at all.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import ctranslate2
import numpy as np
from tokenizers import Tokenizer

from vivavoce.audio.level import levels, quiet_point
from vivavoce.audio.mel import MEL_RATE, log_mel
from vivavoce.audio.pcm import Pcm
from vivavoce.audio.resample import resample
from vivavoce.engines.bridge import Worker
from vivavoce.ports import AsrHint, EngineError, Transcript

FULL_S = 30.0
"""The window Whisper was trained on, in seconds."""
SHORT_S, MARGIN_S = 10.0, 2.0
"""The shortest window that does not make it loop, and the silence it needs after the speech."""
LONGEST_MS, EARLIEST_MS = 28_000, 18_000
"""Longer speech is cut at its quietest point between these two."""
QUIET_DB = -65.0
"""dBFS: when no 20 ms are louder, nobody spoke, and the model is not asked."""
PHANTOMS = frozenset(("", "you", "thank you", "thanks for watching", "bye", "so", "oh", "okay"))
"""What Whisper says most when it hears nothing: held to a stricter measure."""
LANGUAGES = (
    "en de es fr it pt nl pl ru uk cs sk ro hu tr el bg hr sr sl sv da no fi ca gl "
    "ar he fa hi ur bn ta th vi id ms tl zh ja ko"
)
"""What detection may answer. Short clips otherwise come out as Latin, Welsh or Nynorsk."""
_PROMPT_TOKENS = 223
_CONTEXT_TOKENS = 448
_TIMESTAMPS = 1501


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The model with the numbers of its special tokens."""

    model: ctranslate2.models.Whisper
    tokenizer: Tokenizer
    end: int
    """End of text; every special token is at or above it."""
    no_timestamps: int
    """The last token before the timestamps."""

    def token(self, name: str) -> int:
        """The number of `<|name|>`. Raises `EngineError` when this model has none, as for a rare language."""
        number = self.tokenizer.token_to_id(f"<|{name}|>")
        if number is None:
            raise EngineError("engine_failed", f"This Whisper model does not know {name!r}.")
        return number


@dataclass(frozen=True, slots=True)
class _Heard:
    """One reading of one window. `score` is a token's mean log probability, `no_speech` a probability."""

    text: str
    score: float
    no_speech: float
    tokens: int
    seconds: float

    @property
    def suspicious(self) -> bool:
        """Whether the full window may hear better. One or two words always score low, and read no better."""
        raw = self.text.encode()
        looping = bool(raw) and len(raw) / len(zlib.compress(raw)) > 1.6
        hurried = len(self.text.split()) > 5.5 * max(self.seconds, 1.0)
        return looping or hurried or self.score < (-0.6 if self.tokens >= 6 else -1.2)

    @property
    def spoken(self) -> bool:
        """Whether somebody spoke.

        The doubt about speech measured 0.52 at most for people, in noise as loud as themselves too, and 0.68 for
        hurried synthetic digits; about noise, tones, keys and silence 0.98 at least. Speech in another language
        than the one that was asked for lies between.
        """
        doubt = self.no_speech - self.score / 5
        phantom = re.sub(r"[^a-z ]", "", self.text.lower()).strip() in PHANTOMS
        return doubt < (0.65 if phantom else 0.8)


class WhisperAsr:
    """The `Asr` on a folder of a CTranslate2 Whisper model (`model`).

    `threads` per call (a second one gains nothing), `workers` calls at once; the model is in memory once for
    all. `language` is used where the session names none; None detects it.
    """

    def __init__(self, model: Path, threads: int = 1, workers: int = 1, language: str | None = "en") -> None:
        self._path = model
        self._threads = threads
        self._workers = workers
        self._language = language
        self._worker = Worker("whisper", workers)
        self._loaded: _Loaded | None = None

    @property
    def name(self) -> str:
        return "whisper"

    @property
    def running(self) -> int:
        return self._worker.running

    async def start(self) -> None:
        """Load and warm up, in about a second. Raises `EngineError` (`engine_unavailable`)."""
        self._loaded = await self._worker.run(_load, self._path, self._threads, self._workers)
        noise = np.random.default_rng(0).normal(0, 1000, MEL_RATE).astype(np.int16)
        await self._worker.run(_read, self._loaded, Pcm(noise, MEL_RATE), "en", (), False)

    async def aclose(self) -> None:
        await self._worker.aclose()
        self._loaded = None

    async def transcribe(self, speech: AsyncIterator[Pcm], hint: AsrHint) -> AsyncGenerator[Transcript, None]:
        """What was said, when `speech` ends; a long turn gives what is known so far after each 18 to 28 s.

        Closing returns at once; the window that is being read ends in its thread, and `running` counts it.
        Raises `EngineError`, also for a language that the model does not know.
        """
        if self._loaded is None:
            raise EngineError("engine_unavailable", "The engine whisper is not started.")
        loaded, texts = self._loaded, list[str]()
        language = (hint.language or self._language or "").lower().partition("-")[0] or None
        prompt = _prompt(loaded, hint.prompt)
        async with aclosing(_windows(speech)) as windows:
            async for window, last in windows:
                text, language = await self._worker.run(_hear, loaded, window, language, prompt, hint)
                texts += [text] if text else []
                yield Transcript(" ".join(texts), final=last)


async def _windows(speech: AsyncIterator[Pcm]) -> AsyncGenerator[tuple[Pcm, bool], None]:
    """The speech in pieces of at most `LONGEST_MS`, each with whether it is the last."""
    held: list[Pcm] = []
    held_ms = 0.0
    async for piece in speech:
        held.append(resample(piece, held[0].rate) if held else piece)
        held_ms += piece.ms
        while held_ms > LONGEST_MS:
            whole = Pcm.join(held)
            cut = quiet_point(whole, EARLIEST_MS, LONGEST_MS)
            yield Pcm(whole.samples[:cut], whole.rate), False
            held = [Pcm(whole.samples[cut:], whole.rate)]
            held_ms = held[0].ms
    yield Pcm.join(held), True


def _hear(
    loaded: _Loaded, speech: Pcm, language: str | None, prompt: tuple[int, ...], hint: AsrHint
) -> tuple[str, str | None]:
    """The text of one window, "" when nobody spoke, and the language that was named or found."""
    audio = resample(speech, MEL_RATE)
    if levels(audio).max(initial=QUIET_DB) <= QUIET_DB:
        return "", language
    try:
        heard, language = _read(loaded, audio, language, prompt, full=hint.telephone and not hint.quick)
        if heard.suspicious and heard.spoken and not (hint.telephone or hint.quick):
            again, language = _read(loaded, audio, language, prompt, full=True)
            heard = again if again.score >= heard.score or not again.suspicious else heard
    except (RuntimeError, ValueError) as error:
        raise EngineError("engine_failed", f"Speech recognition failed: {error}") from error
    return (heard.text if heard.spoken else ""), language


def _read(
    loaded: _Loaded, audio: Pcm, language: str | None, prompt: tuple[int, ...], full: bool
) -> tuple[_Heard, str | None]:
    """One reading in the short or the full window."""
    seconds = audio.ms / 1000
    window = FULL_S if full else min(FULL_S, max(SHORT_S, seconds + MARGIN_S))
    mel = log_mel(audio.to_float(), round(window * 50) * 2)  # the encoder halves the frames: an even number
    seen = loaded.model.encode(ctranslate2.StorageView.from_array(np.ascontiguousarray(mel[None])))
    language = language or _detect(loaded, seen)
    start = _start(loaded, language, prompt)
    # The longest text that can be said in this time; without it a loop would run to the end of the context.
    # CTranslate2 halves the number, or takes the prompt off it, whichever leaves less.
    new = int(seconds * 8) + 16
    result = loaded.model.generate(
        seen,
        [start],
        beam_size=1,
        max_length=min(_CONTEXT_TOKENS, max(2 * new, new + len(start))),
        return_scores=True,
        return_no_speech_prob=True,
        suppress_tokens=[-1, *range(loaded.no_timestamps + 1, loaded.no_timestamps + 1 + _TIMESTAMPS)],
    )[0]
    tokens = [token for token in result.sequences_ids[0] if token < loaded.end]
    text = str(loaded.tokenizer.decode(tokens)).strip()
    return _Heard(text, result.scores[0], result.no_speech_prob, len(tokens), seconds), language


def _prompt(loaded: _Loaded, words: str) -> tuple[int, ...]:
    """The tokens of words to expect, as what was said before; of many the last count."""
    if not words.strip():
        return ()
    return tuple(loaded.tokenizer.encode(" " + words.strip(), add_special_tokens=False).ids[-_PROMPT_TOKENS:])


def _start(loaded: _Loaded, language: str | None, prompt: tuple[int, ...]) -> list[int]:
    """The tokens that tell the model what to do; models for English alone have none for language and task."""
    before = [loaded.token("startofprev"), *prompt] if prompt else []
    start = [*before, loaded.token("startoftranscript")]
    if loaded.model.is_multilingual:
        start += [loaded.token(language or "en"), loaded.token("transcribe")]
    elif language not in (None, "en"):
        raise EngineError("engine_failed", f"This Whisper model knows English only, not {language!r}.")
    return [*start, loaded.token("notimestamps")]


def _detect(loaded: _Loaded, seen: ctranslate2.StorageView) -> str | None:
    """The most likely of `LANGUAGES`; English when none stands out."""
    if not loaded.model.is_multilingual:
        return "en"
    odds = {name.strip("<|>"): chance for name, chance in loaded.model.detect_language(seen)[0]}
    best = max(LANGUAGES.split(), key=lambda language: odds.get(language, 0.0))
    return best if odds.get(best, 0.0) >= 0.5 else "en"


def _load(path: Path, threads: int, workers: int) -> _Loaded:
    try:
        model = ctranslate2.models.Whisper(
            str(path), device="cpu", compute_type="int8", intra_threads=threads, inter_threads=workers
        )
        tokenizer: Tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
    except Exception as error:  # a missing, truncated or foreign file: each raises a class of its own
        raise EngineError(
            "engine_unavailable",
            f"The speech recognition model in {path} cannot be loaded. Run `vivavoce models pull` to get it.",
        ) from error
    end, last = (tokenizer.token_to_id(f"<|{name}|>") for name in ("endoftext", "notimestamps"))
    if end is None or last is None:
        raise EngineError("engine_unavailable", f"The tokenizer in {path} is not Whisper's.")
    return _Loaded(model, tokenizer, end, last)

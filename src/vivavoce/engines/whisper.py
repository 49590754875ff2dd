"""Speech recognition with Whisper on CTranslate2.

Whisper was trained on 30 s windows, and most of its work is reading one. A shorter window is read four times
faster and hears ordinary speech as well; what comes out of it suspicious is read again in full, and telephone
audio is only read in full.
On silence and noise Whisper invents words, so three gates decide whether anybody spoke at all.
"""

from __future__ import annotations

import re
import threading
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

import ctranslate2
import numpy as np
from tokenizers import Tokenizer

from vivavoce.audio.level import levels, quiet_point
from vivavoce.audio.mel import MEL_RATE, log_mel
from vivavoce.audio.pcm import Pcm
from vivavoce.audio.resample import resample
from vivavoce.engines.bridge import Worker
from vivavoce.languages import main_code
from vivavoce.ports import AsrFeature, AsrHint, EngineError, TokenLogprob, Transcript

FULL_S = 30.0
"""The window Whisper was trained on, in seconds."""
SHORT_S, MARGIN_S = 10.0, 2.0
"""The shortest window that does not make it loop, and the silence it needs after the speech."""
QUICK_S = 5.0
"""The shortest window of a look at a caller's first words, when nothing matters more than time."""
QUICK_TOKENS_PER_S, QUICK_TOKENS = 6, 6
"""A look is cut off when it has more tokens than people speak in the time ..."""
REPEATED_WORDS = 3
"""... and where it says so many words again: it has begun to loop, which people seldom do."""
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
    """The model with the numbers of its special tokens, and the languages that have one."""

    model: ctranslate2.models.Whisper
    tokenizer: Tokenizer
    end: int
    """End of text; every special token is at or above it."""
    no_timestamps: int
    """The last token before the timestamps."""
    languages: tuple[str, ...]

    def token(self, name: str) -> int:
        """The number of `<|name|>`. Raises `EngineError` when this model has none, as for a rare language."""
        number = self.tokenizer.token_to_id(f"<|{name}|>")
        if number is None:
            raise EngineError("engine_failed", f"This Whisper model does not know {name!r}.")
        return number

    def data(self, token: int) -> bytes:
        """The UTF-8 that a token stands for; it may be a part of a character."""
        return bytes(_BYTES[letter] for letter in str(self.tokenizer.id_to_token(token)))


@dataclass(frozen=True, slots=True)
class _Task:
    """What is to be found out about each window of a turn."""

    hint: AsrHint
    prompt: tuple[int, ...]
    among: tuple[str, ...]
    """Where the language must be detected: it is one of these, or any of `LANGUAGES`."""
    given_up: threading.Event = field(default_factory=threading.Event)
    """Nobody waits for it any more."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """One reading of one window. `score` is a token's mean log probability, `no_speech` a probability."""

    text: str
    score: float
    no_speech: float
    tokens: int
    seconds: float
    logprobs: tuple[TokenLogprob, ...] = ()
    detected: str | None = None
    """The language, where it was to be detected and one stood out."""

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

    @property
    def features(self) -> tuple[AsrFeature, ...]:
        """All there are."""
        return ("prompt", "keywords", "languages", "delay", "logprobs")

    @property
    def languages(self) -> tuple[str, ...]:
        """Those that the model has a token for; empty until it is loaded."""
        return self._loaded.languages if self._loaded else ()

    async def start(self) -> None:
        """Load and warm up, in about a second. Raises `EngineError` (`engine_unavailable`)."""
        # With several threads a call, those of a worker begin with its first call: nobody would know whose they are.
        with self._worker.crew.hiring(complete=self._threads == 1):
            self._loaded = await self._worker.run(_load, self._path, self._threads, self._workers)
        noise = np.random.default_rng(0).normal(0, 1000, MEL_RATE).astype(np.int16)
        await self._worker.run(_read, self._loaded, Pcm(noise, MEL_RATE), "en", _Task(AsrHint(), (), ()), False)

    async def aclose(self) -> None:
        await self._worker.aclose()
        self._loaded = None

    async def transcribe(self, speech: AsyncIterator[Pcm], hint: AsrHint) -> AsyncGenerator[Transcript, None]:
        """What was said, when `speech` ends; a long turn gives what is known so far after each 18 to 28 s.

        Closing returns at once; the step of the reading in progress ends in its thread, and `running` counts it.
        Raises `EngineError`, also for a language that the model does not know.
        """
        if self._loaded is None:
            raise EngineError("engine_unavailable", "The engine whisper is not started.")
        loaded, readings = self._loaded, list[_Heard]()
        language = self._named(hint)
        named = language if hint.language is None else None
        task = _Task(hint, _prompt(loaded, hint), tuple(map(main_code, hint.languages)))
        try:
            async with aclosing(_windows(speech)) as windows:
                async for window, last in windows:
                    heard, language = await self._worker.run(_hear, loaded, window, language, task)
                    readings += [heard] if heard else []
                    yield _transcript(readings, last, named)
        finally:
            task.given_up.set()

    def _named(self, hint: AsrHint) -> str | None:
        """The language that the speech is said to be in; None: it is to be detected."""
        if hint.language == "auto" or (hint.language is None and hint.languages):
            return None
        return main_code(hint.language or self._language or "") or None


def _transcript(readings: Sequence[_Heard], last: bool, named: str | None) -> Transcript:
    """Of all windows so far in which somebody spoke. The first one decides about the language."""
    text = " ".join(heard.text for heard in readings)
    logprobs = tuple(each for heard in readings for each in heard.logprobs)
    return Transcript(text, last, readings[0].detected if readings else None, logprobs, named if readings else None)


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


def _hear(loaded: _Loaded, speech: Pcm, language: str | None, task: _Task) -> tuple[_Heard | None, str | None]:
    """What is said in one window, None when nobody spoke, and the language that was named or found."""
    audio, hint = resample(speech, MEL_RATE), task.hint
    if levels(audio).max(initial=QUIET_DB) <= QUIET_DB:
        return None, language
    try:
        heard, language = _read(loaded, audio, language, task, full=hint.telephone and not hint.quick)
        if heard.suspicious and heard.spoken and not (hint.telephone or hint.quick or task.given_up.is_set()):
            again, language = _read(loaded, audio, language, task, full=True)
            heard = again if again.score >= heard.score or not again.suspicious else heard
    except (RuntimeError, ValueError) as error:
        raise EngineError("engine_failed", f"Speech recognition failed: {error}") from error
    return (heard if heard.spoken and heard.text else None), language


def _read(loaded: _Loaded, audio: Pcm, language: str | None, task: _Task, full: bool) -> tuple[_Heard, str | None]:
    """One reading in the short or the full window."""
    seconds, quick = audio.ms / 1000, task.hint.quick
    window = FULL_S if full else min(FULL_S, max(QUICK_S if quick else SHORT_S, seconds + MARGIN_S))
    mel = log_mel(audio.to_float(), round(window * 50) * 2)  # the encoder halves the frames: an even number
    seen = loaded.model.encode(ctranslate2.StorageView.from_array(np.ascontiguousarray(mel[None])))
    if task.given_up.is_set():
        return _Heard("", 0.0, 1.0, 0, seconds), language
    detected = None if language else _detect(loaded, seen, task.among)
    language = language or detected or "en"
    start = _start(loaded, language, task.prompt)
    # The longest text that can be said in this time; without it a loop would run to the end of the context.
    # CTranslate2 halves the number, or takes the prompt off it, whichever leaves less.
    new = int(seconds * QUICK_TOKENS_PER_S) + QUICK_TOKENS if quick else int(seconds * 8) + 16
    result = loaded.model.generate(
        seen,
        [start],
        beam_size=1,
        max_length=min(_CONTEXT_TOKENS, max(2 * new, new + len(start))),
        return_scores=True,
        return_no_speech_prob=True,
        return_logits_vocab=task.hint.logprobs,
        suppress_tokens=[-1, *range(loaded.no_timestamps + 1, loaded.no_timestamps + 1 + _TIMESTAMPS)],
    )[0]
    tokens = [token for token in result.sequences_ids[0] if token < loaded.end]
    text = str(loaded.tokenizer.decode(tokens)).strip()
    text = _before_loop(text) if quick else text
    logprobs = _logprobs(loaded, tokens, result.logits[0]) if task.hint.logprobs else ()
    return _Heard(text, result.scores[0], result.no_speech_prob, len(tokens), seconds, logprobs, detected), language


def _before_loop(text: str) -> str:
    """A text up to where it begins to repeat itself."""
    words = [(match.end(), match[0].casefold().strip(".,!?")) for match in re.finditer(r"\S+", text)]
    seen: set[tuple[str, ...]] = set()
    for i in range(len(words) - REPEATED_WORDS + 1):
        run = tuple(word for _, word in words[i : i + REPEATED_WORDS])
        if run in seen:
            return text[: words[i - 1][0]]
        seen.add(run)
    return text


def _logprobs(
    loaded: _Loaded, tokens: Sequence[int], logits: Sequence[ctranslate2.StorageView]
) -> tuple[TokenLogprob, ...]:
    """Of each token among all that the model could have chosen, by the logits that it chose from."""
    found: list[TokenLogprob] = []
    for token, chances in zip(tokens, logits, strict=False):  # after the last token comes the end
        values = np.asarray(chances, np.float64).ravel()
        top = values.max()
        logprob = values[token] - top - np.log(np.exp(values - top).sum())
        found.append(TokenLogprob(loaded.data(token), float(logprob)))
    return tuple(found)


def _prompt(loaded: _Loaded, hint: AsrHint) -> tuple[int, ...]:
    """The tokens of what is expected, as if it had been said before; of many the last count, so keywords do first."""
    words = f"{hint.prompt.strip()} {', '.join(hint.keywords)}".strip()
    if not words:
        return ()
    return tuple(loaded.tokenizer.encode(f" {words}", add_special_tokens=False).ids[-_PROMPT_TOKENS:])


def _start(loaded: _Loaded, language: str | None, prompt: tuple[int, ...]) -> list[int]:
    """The tokens that tell the model what to do; models for English alone have none for language and task."""
    before = [loaded.token("startofprev"), *prompt] if prompt else []
    start = [*before, loaded.token("startoftranscript")]
    if loaded.model.is_multilingual:
        start += [loaded.token(language or "en"), loaded.token("transcribe")]
    elif language not in (None, "en"):
        raise EngineError("engine_failed", f"This Whisper model knows English only, not {language!r}.")
    return [*start, loaded.token("notimestamps")]


def _detect(loaded: _Loaded, seen: ctranslate2.StorageView, among: Sequence[str]) -> str | None:
    """The most likely of `among`, or that of `LANGUAGES` which stands out, if one does."""
    if not loaded.model.is_multilingual:
        return None
    odds = {name.strip("<|>"): chance for name, chance in loaded.model.detect_language(seen)[0]}
    best = max(among or LANGUAGES.split(), key=lambda language: odds.get(language, 0.0))
    return best if among or odds.get(best, 0.0) >= 0.5 else None


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
    return _Loaded(model, tokenizer, end, last, _languages(tokenizer) if model.is_multilingual else ("en",))


def _languages(tokenizer: Tokenizer) -> tuple[str, ...]:
    """Their tokens lie between those for the start and for translating."""
    first, last = (tokenizer.token_to_id(f"<|{name}|>") for name in ("startoftranscript", "translate"))
    if first is None or last is None:
        return ()
    return tuple(sorted(str(tokenizer.id_to_token(token)).strip("<|>") for token in range(first + 1, last)))


def _byte_of() -> dict[str, int]:
    """What each character of a token's name stands for.

    The vocabulary is one of bytes. Those that print, in Latin-1, are written as themselves, and the others, in their
    order, as the characters from U+0100 on (the byte-level encoding of GPT-2).
    """
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(0x100 + i): byte for i, byte in enumerate(others)}


_BYTES = _byte_of()

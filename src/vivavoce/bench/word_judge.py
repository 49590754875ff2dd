"""Who hears when each word of a known text is over, from the audio alone: Whisper, by what it attends to.

Whisper writes a text token by token, and looks, for each, at a place in the audio. Dynamic time warping makes these
places one way through both (Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak Supervision"; the
heads that attend to time are the model's own). A word is over where the way leaves its last token that is not a mark.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import ctranslate2
import msgspec
import numpy as np
from tokenizers import Tokenizer

from vivavoce.audio.mel import MEL_RATE, log_mel
from vivavoce.audio.pcm import Pcm
from vivavoce.audio.resample import resample

WINDOW_MS = 30_000
"""What Whisper hears at once; longer audio cannot be judged."""
_MEL_FRAMES = 3000
_FRAME_MS = 20
_START = ("<|startoftranscript|>", "<|en|>", "<|transcribe|>")


class Calibration(msgspec.Struct, frozen=True):
    """How well the judge hears, on words that were spoken one by one; times in ms."""

    words: int
    early: int
    """By how much it hears the end of a word too early, in the median. It is taken into account."""
    error: int
    """What remains, in the median."""
    error_p95: int


class TooLong(Exception):
    """Audio that the judge cannot hear at once."""


class Judge:
    """`model`: the folder of a multilingual CTranslate2 Whisper model."""

    def __init__(self, model: Path) -> None:
        self._model = ctranslate2.models.Whisper(str(model), device="cpu", compute_type="int8", intra_threads=1)
        self._tokenizer: Tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
        self._known: dict[tuple[str, bytes], list[float]] = {}
        self._early_ms = 0.0

    def word_ends(self, audio: Pcm, text: str) -> list[float]:
        """The milliseconds at which each word of `text` is over. Raises `TooLong`."""
        key = text, audio.to_bytes()
        if key not in self._known:
            self._known[key] = self._heard(audio, text)
        return [min(end + self._early_ms, audio.ms) for end in self._known[key]]

    def calibrate(self, examples: Sequence[tuple[Pcm, str, Sequence[float]]]) -> Calibration:
        """Learn from audio in which it is plain when each word of a text is over (see `sound_ends`).

        Whisper looks ahead to the next token while a word still sounds: it is early by much the same time always.
        """
        late = [
            heard - end
            for audio, text, ends in examples
            for heard, end in zip(self._heard(audio, text), ends, strict=True)
        ]
        self._early_ms = -float(np.median(late))
        left = np.abs(np.asarray(late) + self._early_ms)
        return Calibration(len(late), round(self._early_ms), *(round(float(np.percentile(left, q))) for q in (50, 95)))

    def _heard(self, audio: Pcm, text: str) -> list[float]:
        if audio.ms > WINDOW_MS:
            raise TooLong(f"a text takes {audio.ms / 1000:.0f} s, and the judge hears {WINDOW_MS // 1000} s at once")
        tokens, last_tokens = self._tokens(text)
        samples = resample(audio, MEL_RATE).to_float()
        mel = log_mel(samples, _MEL_FRAMES)
        features = ctranslate2.StorageView.from_array(np.ascontiguousarray(mel[None]))
        start = [self._tokenizer.token_to_id(name) for name in _START]
        frames = int(audio.ms / _FRAME_MS) * 2  # of 10 ms, of which the encoder makes one of two
        (found,) = self._model.align(features, start, [tokens], [frames])
        reached: dict[int, int] = {}
        for token, frame in found.alignments:
            reached.setdefault(token, frame)
        return [float(reached[last + 1] * _FRAME_MS) if last + 1 in reached else audio.ms for last in last_tokens]

    def _tokens(self, text: str) -> tuple[list[int], list[int]]:
        """The text's tokens, and for each word which of them is its last that is not a mark."""
        tokens: list[int] = []
        last_tokens: list[int] = []
        for word in re.findall(r"\S+", text):
            ids = self._tokenizer.encode(f" {word}", add_special_tokens=False).ids
            sounded = [i for i, token in enumerate(ids) if re.search(r"\w", self._tokenizer.decode([token]))]
            last_tokens.append(len(tokens) + (sounded[-1] if sounded else len(ids) - 1))
            tokens += ids
        return tokens, last_tokens


def sound_ends(clips: Sequence[Pcm], pause_ms: float) -> tuple[Pcm, list[float]]:
    """Clips with a pause behind each, and the milliseconds at which each one's sound is over.

    That is where its last 5 ms end that are not 40 dB below its loudest.
    """
    pieces, ends, at = list[Pcm](), list[float](), 0.0
    for clip in clips:
        step = clip.rate // 200
        level = np.sqrt(np.square(clip.to_float()[: len(clip.samples) // step * step].reshape(-1, step)).mean(axis=1))
        ends.append(at + 5.0 * (np.flatnonzero(level > level.max() / 100)[-1] + 1))
        pieces += [clip, Pcm.silence(pause_ms, clip.rate)]
        at += clip.ms + pause_ms
    return Pcm.join(pieces), ends

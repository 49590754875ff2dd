"""Speech in languages that no engine here speaks: espeak-ng says how words sound, and a voice of Kokoro says them.

The voices of espeak-ng itself are made of so few sounds that small recognisers mishear every other word.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cache

import numpy as np
import onnxruntime
import pytest
from tests.live import model_folder

from vivavoce.audio.pcm import Pcm

VOICES = {"de": "im_nicola", "es": "em_alex", "fr": "ff_siwis"}
"""Kokoro has no German voice; an Italian one is understood best."""


def spoken_in(language: str, text: str) -> Pcm:
    """`text` at 24 kHz; skips the test where espeak-ng or the model is missing."""
    if shutil.which("espeak-ng") is None:
        pytest.skip("Debian's package espeak-ng is not installed")
    folder = model_folder("kokoro")
    if not (folder / "model.onnx").exists():
        pytest.skip("the model kokoro is not in the cache: run `vivavoce models pull kokoro`")
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))["vocab"]
    ids = [vocabulary[c] for c in _phonemes(language, text) if c in vocabulary]
    styles = np.fromfile(folder / "voices" / f"{VOICES[language]}.bin", dtype="<f4").reshape(-1, 256)
    inputs = {
        "tokens": np.asarray([[0, *ids, 0]], np.int64),
        "style": styles[len(ids) - 1][None],
        "speed": np.ones(1, np.float32),
    }
    samples = _kokoro().run(None, inputs)[0]
    return Pcm.from_float(np.asarray(samples, np.float32).reshape(-1), 24_000)


@cache
def _kokoro() -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(model_folder("kokoro") / "model.onnx"), providers=["CPUExecutionProvider"])


def _phonemes(language: str, text: str) -> str:
    """Clause by clause, since espeak-ng leaves out the marks between them, and the voice needs them."""
    clauses = re.findall(r"([^.,;:!?¿¡]+)([.,;:!?]*)", text)
    return " ".join(_clause(language, words.strip()) + mark for words, mark in clauses if words.strip())


def _clause(language: str, words: str) -> str:
    command = ["espeak-ng", "-v", language, "-q", "--ipa", words]
    ipa = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return " ".join(re.sub(r"\([a-z-]+\)", "", ipa).split())  # it marks words of other languages: "(en)"

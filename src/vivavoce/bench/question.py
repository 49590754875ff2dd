"""The question that all callers ask, spoken by the default voice, so that there is nothing to bring along."""

from __future__ import annotations

import numpy as np

from vivavoce.audio.pcm import Pcm

QUESTION = "What is the capital of France?"


def spoken_question(text: str = QUESTION) -> Pcm:
    """The question as audio; the same each time."""
    from hibari import SAMPLE_RATE, Hibari

    return Pcm.from_float(np.asarray(Hibari()(text, seed=1), np.float32), SAMPLE_RATE)

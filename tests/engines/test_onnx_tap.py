"""An inner tensor of a model, as its last output."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from hibari.voices import DEFAULT, voice_path

from vivavoce.engines.onnx_tap import tapped

MODEL = Path(voice_path(DEFAULT))
INPUTS = {"ids": np.asarray([[0, 50, 51, 0]], np.int64), "speed": np.asarray([1.0], np.float32)}


def test_the_tensor_is_the_last_output_and_the_others_stay_as_they_were() -> None:
    plain = onnxruntime.InferenceSession(str(MODEL))
    with tapped(MODEL, "/Clip_output_0") as path:
        session = onnxruntime.InferenceSession(str(path))
    assert not path.exists()
    *outputs, durations = session.run(None, INPUTS)
    for output, expected in zip(outputs, plain.run(None, INPUTS), strict=True):
        np.testing.assert_array_equal(output, expected)
    assert durations.shape == (4,)
    assert durations.sum() * 2 == outputs[0].shape[2]  # two frames of sound for each unit


def test_a_model_without_that_tensor_does_not_load() -> None:
    with tapped(MODEL, "nothing") as path, pytest.raises(Exception, match="nothing"):
        onnxruntime.InferenceSession(str(path))


def test_a_name_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="100 bytes"), tapped(MODEL, "x" * 101):
        pass

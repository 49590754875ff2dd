"""`vivavoce bench noise` with the local engines, on a recording."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.helpers import question, vivavoce
from tests.engines.speech import synthetic

from vivavoce.audio.wav import write_wav


@pytest.mark.models
def test_a_quiet_line_is_heard_the_same_with_and_without(tmp_path: Path, model_dir: Callable[[str], Path]) -> None:
    for model in ("gtcrn", "silero-vad", "whisper-base"):
        model_dir(model)
    text = "What is the weather like today?"
    write_wav(tmp_path / "a.wav", synthetic(text))
    (tmp_path / "a.txt").write_text(text)
    figures = tmp_path / "figures.json"
    result = vivavoce("bench", "noise", "--speech", tmp_path, "--noise", "none", "--gap", "2", "--json", figures)
    assert result.exit_code == 0, result.output
    assert "6 words of the caller" in result.output
    found = json.loads(figures.read_text())["figures"]
    assert [each["reduction"] for each in found] == ["off", "near_field", "far_field"]
    for each in found:
        assert (each["false_starts"], each["good_turns"], each["turn_errors"], each["hand_errors"]) == (0, 1, 0, 0)


def test_recordings_without_words_are_named(tmp_path: Path) -> None:
    result = vivavoce("bench", "noise", "--speech", tmp_path)
    assert result.exit_code == 1
    assert "there are no WAV files" in result.output
    question(tmp_path / "a.wav")
    result = vivavoce("bench", "noise", "--speech", tmp_path)
    assert result.exit_code == 1
    assert "a.txt: No such file" in result.output


def test_a_file_that_is_no_recording_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"no sound")
    (tmp_path / "a.txt").write_text("Hello.")
    result = vivavoce("bench", "noise", "--speech", tmp_path)
    assert result.exit_code == 1
    assert "a.wav:" in result.output

"""`vivavoce bench voices`: what it says of a voice that does not exist, and of two that do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from vivavoce.bench.voices import VoicesReport
from vivavoce.cli import app

pytestmark = pytest.mark.models


def test_two_voices_of_the_default_engine(model_dir: Callable[[str], Path], tmp_path: Path) -> None:
    model_dir("speaker-embedder")
    file = tmp_path / "voices.json"
    arguments = ["bench", "voices", "--voice", "ash", "--voice", "coral", "--sentences", "2", "--json", str(file)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "hibari, 2 voices, 2 sentences each" in result.output
    report = msgspec.json.decode(file.read_bytes(), type=VoicesReport)
    assert [(each.name, each.nearest) for each in report.voices] == [("ash", "coral"), ("coral", "ash")]
    assert report.passed
    assert all(each.words == 25 for each in report.voices)


def test_a_voice_that_does_not_exist(model_dir: Callable[[str], Path]) -> None:
    model_dir("speaker-embedder")
    result = CliRunner().invoke(app, ["bench", "voices", "--voice", "nobody"])
    assert result.exit_code == 1
    assert "There is no voice 'nobody'. There are: heart, alloy" in result.output.replace("\n", " ")

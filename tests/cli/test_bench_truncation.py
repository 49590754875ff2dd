"""`vivavoce bench truncation`: the whole measurement, once, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.helpers import vivavoce

pytestmark = pytest.mark.models


def test_a_cut_answer_is_measured(tmp_path: Path, model_dir: Callable[[str], Path]) -> None:
    model_dir("whisper-base")
    figures = tmp_path / "figures.json"
    result = vivavoce("bench", "truncation", "--times", "2", "--seed", "3", "--json", figures)
    assert result.exit_code == 0, result.output
    assert "hibari, voice marin at speed 1, 2 cuts, seed 3" in result.output
    assert "of the cuts, 95% wanted" in result.output
    assert "words with pauses between" in result.output
    found = json.loads(figures.read_text())
    assert [cut["text"] for cut in found["cuts"]] == [0, 1]
    assert sum(found["remembered"]["off"].values()) == 2


@pytest.mark.parametrize(
    ("options", "sentence"), [(("--voice", "nobody"), "There is no voice 'nobody'"), (("--speed", "2"), "--speed")]
)
def test_what_the_voice_cannot_do_is_refused(
    model_dir: Callable[[str], Path], options: tuple[str, ...], sentence: str
) -> None:
    model_dir("whisper-base")
    result = vivavoce("bench", "truncation", "--times", "1", *options)
    assert result.exit_code != 0
    assert sentence in result.output

"""`vivavoce bench phone`, with one interruption."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.helpers import vivavoce


@pytest.mark.models
def test_an_interruption_is_measured(tmp_path: Path) -> None:
    """How soon there is silence is not asked here: that is for a machine that does nothing else."""
    figures = tmp_path / "figures.json"
    result = vivavoce("bench", "phone", "--times", "1", "--json", figures)
    found = json.loads(figures.read_text())
    assert (found["codec"], found["silences"]["times"], found["silences"]["missed"]) == ("pcmu", 1, 0), result.output
    assert found["silences"]["spread"]["median"] > 0
    assert "interruption to silence, pcmu" in result.output

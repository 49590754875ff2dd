"""`vivavoce bench barge-in --upstream`: a second server is started, whose engine is the first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.helpers import server, vivavoce
from tests.cli.storyteller import Storyteller


@pytest.mark.models
def test_both_are_interrupted_and_compared(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    with server(llm=Storyteller()) as live:
        given: list[str | Path] = ["--url", live.ws, "--engines", "instant", "--times", "1", "--json", figures]
        result = vivavoce("bench", "barge-in", "--upstream", *given)
    assert "through another" in result.output, result.output
    found = json.loads(figures.read_text())
    ((direct, through),) = found["results"]
    assert (direct["problem"], through["problem"]) == ("", "")
    assert through["caught"]
    assert found["later"] == pytest.approx(through["silent"] - direct["silent"], abs=0.1)
    assert found["late"] == 0

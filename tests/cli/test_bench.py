"""`vivavoce bench turn` against a running server: what counts, and what is no figure."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.helpers import question, server, vivavoce

from vivavoce.engines.instant import InstantLlm


def test_a_running_server(tmp_path: Path) -> None:
    path, figures = question(tmp_path / "q.wav", 300), tmp_path / "turns.json"
    with server() as live:
        options = ["--question", str(path), "--turns", "1"]
        result = vivavoce("bench", "turn", "--url", live.ws, "--json", figures, *options)
    # A machine too busy to call in real time is said to be one; what was measured is there all the same.
    assert result.exit_code == (1 if "not trustworthy" in result.output else 0), result.output
    assert "first audio" in result.output
    assert "0 of 1" in result.output
    found = json.loads(figures.read_text())
    assert len(found["results"]) == 1
    assert found["server"] is None  # somebody else's process


def test_turns_without_an_answer_are_counted(tmp_path: Path) -> None:
    path = question(tmp_path / "q.wav", 300)
    with server(llm=InstantLlm(delay=60)) as live:
        options = ["--question", str(path), "--turns", "1", "--timeout", "0.5"]
        result = vivavoce("bench", "turn", "--url", live.ws, *options)
    assert result.exit_code == 1
    assert "1 of 1" in result.output
    assert "did not send a whole answer" in result.output


def test_without_a_server_there_is_no_measurement(tmp_path: Path) -> None:
    result = vivavoce("bench", "turn", "--url", "127.0.0.1:9", "--question", question(tmp_path / "q.wav"))
    assert result.exit_code == 1
    assert "No server answers" in result.output


def test_options_that_do_not_go_together() -> None:
    result = vivavoce("bench", "turn", "--config", "some.toml")
    assert result.exit_code == 1
    assert "--engines configured" in result.output

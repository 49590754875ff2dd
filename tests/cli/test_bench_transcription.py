"""`vivavoce bench transcription` against a running server: a transcription session over the wire."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.helpers import question, server, vivavoce

from vivavoce.engines.instant import ASR_TEXT


def test_words_come_before_the_end_and_add_up(tmp_path: Path) -> None:
    folder, figures = tmp_path / "said", tmp_path / "figures.json"
    folder.mkdir()
    question(folder / "a.wav", 1500)
    (folder / "a.txt").write_text(ASR_TEXT)
    with server() as live:
        given = ["--url", live.ws, "--times", "1", "--silence-ms", "200", "--delay", "low"]
        result = vivavoce("bench", "transcription", *given, "--speech", folder, "--json", figures)
    # A machine too busy to call in real time is said to be one; what was measured is there all the same.
    busy = "not trustworthy" in result.output
    assert result.exit_code == (1 if busy else 0), result.output
    found = json.loads(figures.read_text())
    (dictated,) = found["results"]
    assert dictated["transcript"] == ASR_TEXT
    assert 0 <= dictated["early"] <= dictated["told"] == 7
    if not busy:
        assert dictated["early"] > 0
        assert dictated["first_delta"] < 1500 + 200
        assert dictated["final"] > 200
    assert (found["errors"], found["revised"], found["delay"]) == (0, 0, "low")


def test_without_a_delay_all_words_come_at_the_end(tmp_path: Path) -> None:
    question(tmp_path / "a.wav", 600)
    (tmp_path / "a.txt").write_text("Something else")
    with server() as live:
        given = ["--url", live.ws, "--times", "1", "--silence-ms", "200", "--delay", "none"]
        result = vivavoce("bench", "transcription", *given, "--speech", tmp_path)
    assert "0 % of the words that were told came before the end of the speech" in result.output
    assert "7 of 2 words (350.0 %)" in result.output


def test_what_cannot_be_said(tmp_path: Path) -> None:
    missing = vivavoce("bench", "transcription", "--speech", tmp_path, "--url", "127.0.0.1:1")
    assert (missing.exit_code, "there are no WAV files" in missing.output) == (1, True)
    question(tmp_path / "a.wav")
    wordless = vivavoce("bench", "transcription", "--speech", tmp_path, "--url", "127.0.0.1:1")
    assert (wordless.exit_code, "a.txt: No such file" in wordless.output.replace("\n", " ")) == (1, True)

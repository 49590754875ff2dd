"""`vivavoce replay` on a session that a real server has recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.helpers import question, server, vivavoce

from vivavoce.config import Config
from vivavoce.config.tree import Trace
from vivavoce.engines.instant import ASR_TEXT


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One spoken turn, as a trace."""
    folder = tmp_path_factory.mktemp("traces")
    with server(Config(trace=Trace(folder=str(folder)))) as live:
        result = vivavoce("talk", question(folder / "q.wav", 300), "--url", live.ws)
    assert result.exit_code == 0, result.output
    (trace,) = folder.glob("*.jsonl")
    return trace.read_text()


@pytest.fixture
def trace(recorded: str, tmp_path: Path) -> Path:
    path = tmp_path / "trace.jsonl"
    path.write_text(recorded)
    return path


def test_a_session_comes_out_the_same_again(trace: Path) -> None:
    result = vivavoce("replay", trace)
    assert result.exit_code == 0, result.output
    assert result.output == f"{len(trace.read_text().splitlines()) - 1} steps, all outputs the same.\n"


def test_each_step_can_be_seen_but_not_what_was_said(trace: Path) -> None:
    result = vivavoce("replay", trace, "--events")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert len(lines) == len(trace.read_text().splitlines())  # a line for each step, and the last word
    assert lines[0].split() == ["2", "0.000", "s", "session.update", "->", "session.updated"]
    assert any("audio_in -> listen" in line for line in lines)
    assert any("speech_likelihood -> input_audio_buffer.speech_started, warm" in line for line in lines)
    assert any("answer_audio -> response.output_audio.delta" in line for line in lines)
    assert ASR_TEXT not in result.output
    assert max(map(len, lines)) < 400


def test_the_first_step_that_differs_is_named(trace: Path) -> None:
    lines = trace.read_text().splitlines(keepends=True)
    step = json.loads(lines[2])
    lines[2] = json.dumps({**step, "outputs": "0" * 16}) + "\n"
    trace.write_text("".join(lines))
    result = vivavoce("replay", trace)
    assert result.exit_code == 1
    told, verdict = result.output.splitlines()
    assert told.split()[0] == "3"
    assert "Step 2, above, comes out differently" in verdict


def test_what_is_no_trace(trace: Path, tmp_path: Path) -> None:
    (tmp_path / "song.wav").write_bytes(b"RIFF\xff\xfe\0\0")
    (tmp_path / "newer.jsonl").write_text(trace.read_text().replace('"version":1', '"version":2', 1))
    broken = trace.read_text().splitlines(keepends=True)
    (tmp_path / "broken.jsonl").write_text("".join([*broken[:3], "nonsense\n", *broken[3:]]))
    for name, complaint in {
        "none.jsonl": "No such file",
        ".": "Is a directory",
        "song.wav": "no header of a trace",
        "newer.jsonl": "version 2, and this is version 1",
        "broken.jsonl": "line 4 is no step",
    }.items():
        result = vivavoce("replay", tmp_path / name)
        assert result.exit_code == 1
        assert complaint in result.output
        assert result.output.count("\n") == 1
        assert result.output.count(name) == 1 or name == "."

"""The benches of calls over WebRTC, with few calls: that they measure, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.helpers import question, vivavoce

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.wav import write_wav

linux = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks into a process through /proc")


@linux
def test_both_paths_are_measured(tmp_path: Path) -> None:
    """Whether one is cheaper is not asked here: that is for a machine that does nothing else."""
    figures = tmp_path / "figures.json"
    said = question(tmp_path / "q.wav", 1500)
    few = ["--calls", "2", "--rounds", "1", "--seconds", "1.5", "--settle", "0.5"]
    result = vivavoce("bench", "webrtc", *few, "--speech", said, "--json", figures)
    found = json.loads(figures.read_text())
    assert found["paths"].keys() == {"ours", "aiortc"}
    for path in found["paths"].values():
        assert path["cpu_percent"] > 0
        assert path["packets"] > 0
        # A machine too busy to call in real time is said to be one.
        assert path["level_db"] > -45 or "not trustworthy" in result.output, result.output
    assert found["share"] > 0
    assert "of stock aiortc's" in result.output


@linux
@pytest.mark.models
def test_calls_over_webrtc_leave_nothing_behind(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    result = vivavoce(
        "bench", "calls", "--webrtc", "--warm-up", "5", "--cycles", "5", "--together", "5", "--json", figures
    )
    found = json.loads(figures.read_text())
    assert found["failed"] == 0, result.output
    assert list(found["endings"].values()) == [1] * 5
    kinds = {each["name"]: each for each in found["growth"]}
    assert all(
        kinds[each]["after"] <= kinds[each]["before"] for each in ("sessions", "tasks", "threads", "file descriptors")
    )


@pytest.mark.parametrize(
    "command",
    [
        ["webrtc", "--speech", "silence.wav"],
        ["long-call", "--question", "silence.wav"],
        ["calls", "--question", "silence.wav"],
    ],
)
def test_silence_is_nothing_to_say(tmp_path: Path, command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_wav(tmp_path / "silence.wav", Pcm.silence(500))
    result = vivavoce("bench", *command)
    assert result.exit_code == 1
    assert "this audio is silent" in result.output

"""`vivavoce bench calls`: a server of its own with instant engines, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.helpers import question, vivavoce


@pytest.mark.models
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks into a process through /proc")
def test_calls_leave_nothing_behind(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    result = vivavoce("bench", "calls", "--warm-up", "5", "--cycles", "5", "--json", figures)
    found = json.loads(figures.read_text())
    assert found["failed"] == 0, result.output
    assert sum(found["endings"].values()) == 5
    kinds = {each["name"]: each for each in found["growth"]}
    assert kinds.keys() == {"sessions", "tasks", "threads", "file descriptors", "memory, MB"}
    assert kinds["tasks"]["before"] > 0
    assert all(
        kinds[each]["after"] <= kinds[each]["before"] for each in ("sessions", "tasks", "threads", "file descriptors")
    )
    assert "5 calls, 4 at a time" in result.output


def test_a_running_server_needs_its_process_too(tmp_path: Path) -> None:
    result = vivavoce("bench", "calls", "--url", "127.0.0.1:9", "--question", question(tmp_path / "q.wav"))
    assert result.exit_code == 1
    assert "--url and --pid go together" in result.output

"""The benches of telephone calls, with few calls: that they measure, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.helpers import vivavoce

linux = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks into a process through /proc")


@linux
@pytest.mark.models
def test_calls_and_echoes_are_measured(tmp_path: Path) -> None:
    """Whether they are cheap is not asked here: that is for a machine that does nothing else."""
    figures = tmp_path / "figures.json"
    few = ["--calls", "2", "--seconds", "8", "--pulses", "6"]
    result = vivavoce("bench", "sip", *few, "--json", figures)
    found = json.loads(figures.read_text())
    cost = found["cost"]
    assert (cost["sessions"], cost["spoken_to"]) == (2, 2), result.output
    assert cost["cpu_percent"] > 0
    assert cost["received"] > 0
    assert [each["codec"] for each in found["echoes"]] == ["opus", "pcmu", "pcma"]
    assert all(each["came_back"] > 0 for each in found["echoes"])
    assert "2 at once, by the server's count" in result.output


@linux
@pytest.mark.models
def test_telephone_calls_leave_nothing_behind(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    result = vivavoce("bench", "calls", "--sip", "--warm-up", "10", "--cycles", "10", "--json", figures)
    found = json.loads(figures.read_text())
    assert found["failed"] == 0, result.output
    assert sum(found["endings"].values()) == 10
    kinds = {each["name"]: each for each in found["growth"]}
    assert all(
        kinds[each]["after"] <= kinds[each]["before"] for each in ("sessions", "tasks", "threads", "file descriptors")
    )


def test_broken_messages_are_counted() -> None:
    result = vivavoce("bench", "sip", "--fuzz", "400")
    assert result.exit_code == 0
    assert "200 SIP messages, 200 descriptions" in result.output


def test_telephone_calls_go_to_a_server_of_its_own() -> None:
    result = vivavoce("bench", "calls", "--sip", "--url", "ws://127.0.0.1:9", "--pid", "1")
    assert result.exit_code == 1
    assert "--sip calls a server of its own" in result.output

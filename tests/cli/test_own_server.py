"""The commands without `--url`: they start a server of their own, and leave nothing behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.helpers import question, vivavoce

INSTANT = {f"VIVAVOCE_ENGINES__{role}__NAME": "instant" for role in ("VAD", "TURN", "ASR", "LLM", "TTS")}
INSTANT |= {f"VIVAVOCE_ENGINES__{role}__NAME": "none" for role in ("NOISE", "IMAGES")}


def test_talk_brings_its_own_server(tmp_path: Path) -> None:
    config = tmp_path / "keys.toml"
    config.write_text('[server]\nhost = "0.0.0.0"\nkeys = ["sk-secret"]\n')  # neither is in its way
    result = vivavoce("talk", question(tmp_path / "q.wav"), "--config", config, env=INSTANT)
    assert result.exit_code == 0, result.output
    assert "The server was ready after" in result.output
    assert "No model was asked." in result.output


def test_a_server_that_cannot_start_speaks_for_itself(tmp_path: Path) -> None:
    config = tmp_path / "wrong.toml"
    config.write_text("[server]\nporto = 1\n")
    result = vivavoce("talk", question(tmp_path / "q.wav"), "--config", config)
    assert result.exit_code == 1
    assert "The server ended with status" in result.output
    assert "server.porto" in result.output


@pytest.mark.models
def test_bench_measures_the_server_alone(tmp_path: Path) -> None:
    figures = tmp_path / "turns.json"
    configured = {"VIVAVOCE_CONFIG": str(tmp_path / "none.toml"), "VIVAVOCE_ENGINES__LLM__MODEL": "nonsense"}
    result = vivavoce(
        "bench", "turn", "--sessions", "2", "--turns", "1", "--client-processes", "2", "--json", figures, env=configured
    )
    # A machine too busy to call in real time is said to be one; what was measured is there all the same.
    assert result.exit_code == (1 if "not trustworthy" in result.output else 0), result.output
    assert "0 of 2" in result.output
    found = json.loads(figures.read_text())
    assert found["failed"] == 0
    assert {turn["session"] for turn in found["results"]} == {0, 1}
    assert found["stages"]["first_audio"]["min"] > 150  # the silence that was asked for, but for the VAD's own error

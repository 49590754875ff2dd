"""`vivavoce check` shows the settings in force, or what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from vivavoce.cli import app

INSTANT = "[engines]\n" + "".join(f'{role} = {{ name = "instant" }}\n' for role in ("vad", "turn", "asr", "llm", "tts"))


def check(*arguments: str, **environ: str) -> Result:
    return CliRunner(env=environ).invoke(app, ["check", *arguments])


@pytest.fixture
def instant(tmp_path: Path) -> str:
    path = tmp_path / "instant.toml"
    path.write_text(INSTANT, encoding="utf-8")
    return str(path)


def test_the_settings_in_force_are_shown(instant: str) -> None:
    result = check("--config", instant, "--port", "9000", VIVAVOCE_SERVER__KEYS='["sk-abcdefghijklmnopqrst"]')
    assert result.exit_code == 0, result.output
    assert "port = 9000" in result.stdout
    assert 'keys = ["sk-ab***st"]' in result.stdout
    assert "[engines.llm]" in result.stdout


def test_options_stand_over_the_environment(instant: str) -> None:
    result = check("--config", instant, "--host", "localhost", VIVAVOCE_SERVER__HOST="0.0.0.0")
    assert result.exit_code == 0, result.output
    assert 'host = "localhost"' in result.stdout


def test_the_file_may_be_named_by_the_environment(instant: str) -> None:
    assert check(VIVAVOCE_CONFIG=instant).exit_code == 0


def test_every_mistake_is_named(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text('[server]\nprot = 1\n[engines.asr]\nmodel = "whispr-base"\n', encoding="utf-8")
    result = check("--config", str(path))
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "server.prot: there is no such setting. Did you mean 'port'?" in result.stderr
    assert "Did you mean 'whisper-base'?" in result.stderr


def test_models_that_are_not_in_the_cache_are_named(tmp_path: Path) -> None:
    result = check(VIVAVOCE_CACHE=str(tmp_path))
    assert result.exit_code == 1
    assert "[server]" in result.stdout
    assert "The model whisper-base is missing. Fetch it with `vivavoce models pull whisper-base`." in result.stderr


def test_the_model_of_a_remote_engine_is_not_looked_for(instant: str) -> None:
    result = check(
        "--config",
        instant,
        VIVAVOCE_ENGINES__LLM__NAME="openai",
        VIVAVOCE_ENGINES__LLM__BASE_URL="http://localhost:1/v1",
        VIVAVOCE_ENGINES__LLM__MODEL="far-away",
    )
    assert result.exit_code == 0, result.output


def test_an_engine_that_answers_by_itself_needs_no_models_of_a_cascade(tmp_path: Path) -> None:
    path = tmp_path / "upstream.toml"
    path.write_text('[engines.responder]\nname = "realtime"\nurl = "ws://far/v1/realtime"\nmodel = "far-away"\n')
    result = check("--config", str(path), VIVAVOCE_CACHE=str(tmp_path))
    assert "far-away" not in result.stderr
    assert "qwen" not in result.stderr
    assert "The model whisper-base is missing." in result.stderr

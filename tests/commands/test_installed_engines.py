"""The commands with engines of other packages: what `check` shows, and how a server ends that cannot have one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engines.packages import Install, installing
from typer.testing import CliRunner

from vivavoce.cli import app

INSTANT = {f"VIVAVOCE_ENGINES__{role}__NAME": "instant" for role in ("VAD", "TURN", "ASR", "LLM")}
INSTANT |= {f"VIVAVOCE_ENGINES__{role}__NAME": "none" for role in ("NOISE", "IMAGES")}
MINE = INSTANT | {"VIVAVOCE_ENGINES__TTS__NAME": "mine"}


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    with installing(tmp_path, monkeypatch) as ready:
        yield ready


def test_check_shows_its_options_and_asks_for_no_model_of_its(install: Install) -> None:
    install(
        "speech_shop",
        "class Mine:\n    def __init__(self, model: str = 'big') -> None: ...",
        tts="mine = speech_shop:Mine",
    )
    result = CliRunner(env=MINE).invoke(app, ["check"])
    assert result.exit_code == 0, result.output
    assert 'name = "mine"\nmodel = "big"\n' in result.stdout


def test_check_says_what_keeps_it_from_being_had(install: Install) -> None:
    install("broken_shop", "import no_such_driver", tts="mine = broken_shop:Mine")
    result = CliRunner(env=MINE).invoke(app, ["check"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "The engine mine, of the package broken_shop (broken_shop:Mine), cannot be loaded: "
        "ModuleNotFoundError: No module named 'no_such_driver'.\n"
    )


@pytest.mark.parametrize(
    ("role", "code", "told"),
    [
        (
            "tts",
            "from vivavoce.engines.instant import InstantTts\n"
            "class Mine(InstantTts):\n"
            "    def __init__(self) -> None: super().__init__()\n"
            "    name = 'mine'\n"
            "    async def start(self): raise RuntimeError('there is no card')\n",
            "The engine mine could not be started: RuntimeError: there is no card.",
        ),
        (
            "llm",
            "from vivavoce.engines.instant import InstantLlm\n"
            "class Mine(InstantLlm):\n"
            "    def __init__(self) -> None: super().__init__()\n"
            "    async def warm(self, prompt): raise RuntimeError('there is no card')\n",
            "could not be started: RuntimeError: there is no card.",
        ),
        ("tts", "def Mine(): raise OSError('it is busy')", "cannot be used: OSError: it is busy."),
    ],
)
def test_a_server_that_cannot_have_it_ends_and_says_why(
    install: Install, tmp_path: Path, role: str, code: str, told: str
) -> None:
    install("sad_shop", code, **{role: "mine = sad_shop:Mine"})
    chosen = {**INSTANT, "VIVAVOCE_ENGINES__TTS__NAME": "instant", f"VIVAVOCE_ENGINES__{role.upper()}__NAME": "mine"}
    environ = {**os.environ, **chosen, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "vivavoce", "serve", "--port", "0"]
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert ended.stderr.rstrip().endswith(told)
    assert "ready" not in ended.stdout

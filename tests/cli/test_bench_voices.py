"""`vivavoce bench voices`: what it says of a voice that does not exist, and of two that do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from tests.engines.packages import Install, installing
from typer.testing import CliRunner

from vivavoce.bench.voices import VoicesReport
from vivavoce.cli import app

pytestmark = pytest.mark.models
MINE = {"VIVAVOCE_ENGINES__TTS__NAME": "mine"}
SHOP = """
from vivavoce.engines.instant import InstantTts
from vivavoce.ports import VoiceInfo

class Mine(InstantTts):
    def __init__(self): super().__init__()
    name = "mine"
    catalogue = (VoiceInfo("ash", ("en",)), VoiceInfo("echo", ("{language}",)))
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    with installing(tmp_path, monkeypatch) as ready:
        yield ready


def test_two_voices_of_the_default_engine(model_dir: Callable[[str], Path], tmp_path: Path) -> None:
    model_dir("speaker-embedder")
    file = tmp_path / "voices.json"
    arguments = ["bench", "voices", "--voice", "ash", "--voice", "coral", "--sentences", "2", "--json", str(file)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "hibari, 2 voices, 2 sentences each" in result.output
    report = msgspec.json.decode(file.read_bytes(), type=VoicesReport)
    assert [(each.name, each.nearest) for each in report.voices] == [("ash", "coral"), ("coral", "ash")]
    assert report.passed
    assert all(each.words == 25 for each in report.voices)


def test_a_voice_that_does_not_exist(model_dir: Callable[[str], Path]) -> None:
    model_dir("speaker-embedder")
    result = CliRunner().invoke(app, ["bench", "voices", "--voice", "nobody"])
    assert result.exit_code == 1
    assert "There is no voice 'nobody'. There are: heart, alloy" in result.output.replace("\n", " ")


def test_an_engine_of_another_package_that_has_two_of_the_ten(
    model_dir: Callable[[str], Path], install: Install
) -> None:
    model_dir("speaker-embedder")
    install("voice_shop", SHOP.format(language="en"), tts="mine = voice_shop:Mine")
    result = CliRunner(env=MINE).invoke(app, ["bench", "voices", "--sentences", "2"])
    assert "mine, 2 voices, 2 sentences each" in result.output
    assert result.exit_code == 1  # nobody understands its tones


def test_a_voice_whose_language_has_no_sentences(model_dir: Callable[[str], Path], install: Install) -> None:
    model_dir("speaker-embedder")
    install("voice_shop", SHOP.format(language="xx"), tts="mine = voice_shop:Mine")
    result = CliRunner(env=MINE).invoke(app, ["bench", "voices", "--voice", "echo"])
    assert result.exit_code == 1
    assert "echo: there are no sentences in xx." in result.output
    assert "voices, " not in result.output

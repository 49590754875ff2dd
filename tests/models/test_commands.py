"""`vivavoce models`: what it prints, and how it ends."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from vivavoce.models import catalogue
from vivavoce.models.cli import create


def run(cache: Path, *arguments: str) -> Result:
    return CliRunner().invoke(create({"VIVAVOCE_CACHE": str(cache)}), arguments)


def test_list_shows_every_model(cache: Path) -> None:
    output = run(cache, "list").output
    for asset in catalogue().assets:
        assert asset.name in output


def test_path_is_one_line_for_scripts(cache: Path) -> None:
    result = run(cache, "path", "whisper-base")
    assert result.stdout == f"{cache}/models/whisper-base\n"


@pytest.mark.parametrize("command", ["pull", "verify", "path"])
def test_an_unknown_name_is_one_sentence(command: str, cache: Path) -> None:
    result = run(cache, command, "nonsense")
    assert result.exit_code == 1
    assert result.stderr.startswith("There is no model called 'nonsense'; the catalogue has: whisper-base, ")


def test_verify_names_what_is_missing(cache: Path) -> None:
    result = run(cache, "verify", "silero-vad")
    assert result.exit_code == 1
    assert "silero_vad.onnx is missing" in result.stderr


def test_what_ships_in_a_package_is_right_without_a_pull(cache: Path) -> None:
    assert run(cache, "pull", "hibari").exit_code == 0
    result = run(cache, "verify", "hibari")
    assert result.exit_code == 0
    assert "Every byte is right." in result.output

"""The engine of the examples: its page runs as written, from an empty folder to a server that speaks with it."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from tests.cli.helpers import vivavoce
from tests.examples.running import EXAMPLES

from vivavoce.audio.pcm import Pcm
from vivavoce.testing.client import connect
from vivavoce.testing.client import text as text_at

ENGINE = EXAMPLES / "engine"
PAGE = (EXAMPLES.parent / "docs" / "write-an-engine.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"`([\w.]+)`[^\n]*:\n\n```\w+\n(.*?)```", PAGE, re.DOTALL))
INSTALL, SERVE = (
    [line for line in block.splitlines() if line] for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
)
# The engines beside it, which need no models; and a port that is free.
ENVIRON = {f"VIVAVOCE_ENGINES__{role}__NAME": "instant" for role in ("VAD", "TURN", "ASR", "LLM")}
ENVIRON |= {f"VIVAVOCE_ENGINES__{role}__NAME": "none" for role in ("NOISE", "IMAGES")}
ENVIRON |= {"VIVAVOCE_SERVER__PORT": "0"}
WPM = 25


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What makes `pip install` put things into a folder of the test's, out of nothing but what is here already."""
    site = tmp_path_factory.mktemp("site")
    # NO_BUILD_ISOLATION means what its value says of isolation: there is none, so nothing is fetched to build with.
    pip = {"TARGET": str(site), "NO_INDEX": "1", "NO_DEPS": "1", "NO_BUILD_ISOLATION": "0", "QUIET": "1"}
    return {
        **os.environ,
        **ENVIRON,
        **{f"PIP_{option}": value for option, value in pip.items()},
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(site),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, environ: dict[str, str]) -> Path:
    """The page's files in a folder of their own, with the package installed and tested as it says."""
    folder = tmp_path_factory.mktemp("empty")
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    for command in INSTALL:
        print(run(command, folder, environ))
    return folder


def run(command: str, folder: Path, environ: dict[str, str]) -> str:
    """What it prints."""
    ended = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environ, capture_output=True, text=True, timeout=100, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture
def url(folder: Path, environ: dict[str, str]) -> Iterator[str]:
    """Where the server that the page starts listens."""
    command, pipe = ["bash", "-c", f"exec {SERVE[1]}"], subprocess.PIPE
    with subprocess.Popen(
        command, cwd=folder, env=environ, stdout=pipe, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield next(line for line in process.stdout if "ready" in line).split()[4]
        finally:
            process.kill()


def test_the_page_shows_the_files_of_the_example() -> None:
    files = {path.name: path.read_text(encoding="utf-8") for path in ENGINE.iterdir() if path.is_file()}
    assert files == FILES


def test_it_is_an_engine_in_50_lines() -> None:
    assert len([line for line in FILES["vivavoce_morse.py"].splitlines() if line.strip()]) <= 50


def test_the_commands_of_the_page() -> None:
    assert INSTALL == ["pip install .", "python -m pytest"]
    assert SERVE == ["vivavoce check --config vivavoce.toml", "vivavoce serve --config vivavoce.toml"]


def test_check_shows_its_option(folder: Path, environ: dict[str, str]) -> None:
    assert f'name = "morse"\n# Words a minute, at speed 1.\nwpm = {WPM}\n' in run(SERVE[0], folder, environ)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("row", re.findall(r"^\| `(\w+ = [^`]+)` \| (.*?) \|$", PAGE, re.MULTILINE))
def test_mistakes_are_told_as_the_page_says(
    tmp_path: Path, environ: dict[str, str], row: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    setting, told = row
    monkeypatch.syspath_prepend(environ["PYTHONPATH"])
    wrong = tmp_path / "wrong.toml"
    name = "" if setting.startswith("name") else 'name = "morse"\n'
    wrong.write_text(f"[engines.tts]\n{name}{setting}\n", encoding="utf-8")
    ended = vivavoce("check", "--config", wrong)
    assert ended.exit_code == 2
    sentences = re.findall(r"`([^`]+)`", told)
    assert sentences
    assert all(sentence in ended.stderr for sentence in sentences), ended.stderr


def test_a_session_is_answered_in_morse_code(url: str) -> None:
    async def scenario() -> tuple[str, Pcm]:
        async with connect(f"{url.replace('http', 'ws', 1)}/v1/realtime") as client:
            content = [{"type": "input_text", "text": "Hello."}]
            message = {"type": "message", "role": "user", "content": content}
            await client.send({"type": "conversation.item.create", "item": message})
            await client.send({"type": "response.create"})
            said = await client.expect("response.output_audio_transcript.done")
            await client.expect("response.done")
            deltas = [each.event for each in client.arrivals if each.event["type"] == "response.output_audio.delta"]
        audio = b"".join(b64decode(text_at(delta, "delta")) for delta in deltas)
        return text_at(said.event, "transcript"), Pcm.from_bytes(audio)

    words, audio = asyncio.run(scenario())
    assert words == "This answer comes at once. No model was asked."
    assert heard(audio) == re.sub(r"\W", "", words.lower())


def heard(audio: Pcm) -> str:
    """The letters of Morse code, by the lengths of its tones and pauses."""
    dot = audio.rate * 1.2 / WPM
    step = audio.rate // 500  # 2 ms: less than a tone takes to swell
    loud = [bool(np.abs(piece.samples).max() > 300) for piece in audio.chunks(2)]
    letter, letters = "", list[str]()
    for sounding, run_of in groupby(loud):
        dots = len(list(run_of)) * step / dot
        if sounding:
            letter += "." if dots < 2 else "-"
        elif dots > 2:
            letter, letters = "", [*letters, letter]
    return "".join(CODE[letter] for letter in letters if letter)


MARKS = {
    "abcdefghijklm": ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. --",
    "nopqrstuvwxyz": "-. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --..",
}
"""ITU-R M.1677-1."""
CODE = {mark: letter for letters, marks in MARKS.items() for letter, mark in zip(letters, marks.split(), strict=True)}

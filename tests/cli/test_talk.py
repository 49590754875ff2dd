"""`vivavoce talk` against a server with instant engines: what it plays, what it prints, what it refuses."""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest
from tests.cli.helpers import question, server, sine, vivavoce, wav
from tests.live import Live

from vivavoce.audio.level import levels
from vivavoce.audio.pcm import Pcm
from vivavoce.audio.wav import read_wav, write_wav
from vivavoce.config import Config
from vivavoce.config.tree import Server
from vivavoce.engines.instant import ASR_TEXT, InstantLlm

ANSWER = "One two three four."
"""1400 ms of tones."""
LONG, LONG_MS = "One two three four five six seven eight nine ten eleven twelve.", 4200
"""So long that there is something to interrupt even if the machine stands still for a moment."""
STAGES = ("turn end decided", "transcript", "first token", "first audio")


@pytest.fixture(scope="module")
def running() -> Generator[Live]:
    with server(llm=InstantLlm(ANSWER)) as live:
        yield live


def stage(output: str, name: str) -> list[int]:
    """What the time lines say of a stage, turn by turn."""
    return [int(found) for found in re.findall(rf"{name} (-?\d+)", output)]


@pytest.mark.parametrize(
    "command", ["", "talk", "replay", "bench", "bench turn", "bench barge-in", "bench calls", "serve", "check"]
)
def test_every_command_explains_itself(command: str) -> None:
    result = vivavoce(*command.split(), "--help")
    assert result.exit_code == 0
    assert "Usage" in result.output


def test_two_turns_are_answered_and_heard(running: Live, tmp_path: Path) -> None:
    heard = tmp_path / "heard.wav"
    result = vivavoce(
        "talk", question(tmp_path / "a.wav"), question(tmp_path / "b.wav"), "-o", heard, "--url", running.ws
    )
    assert result.exit_code == 0, result.output
    assert result.output.count(ASR_TEXT) == 2
    assert result.output.count(ANSWER) == 2
    for turn in zip(*(stage(result.output, name) for name in STAGES), strict=True):
        assert turn[0] >= 0  # how soon is the bench's to say
        assert list(turn) == sorted(turn)
    assert len(stage(result.output, STAGES[0])) == 2
    # The second answer comes only after the first was heard and a question was asked.
    loud = np.flatnonzero(levels(read_wav(heard)) > -40) * 20
    pauses = np.diff(loud)
    assert loud[0] > 900  # the calm at the beginning, the question, the pause that ended it
    assert loud[-1] > 900 + 2 * 1300
    assert sum(pauses > 800) >= 1


@pytest.mark.parametrize("kind", ["u8 at 8 kHz", "stereo at 44.1 kHz", "float at 48 kHz"])
def test_any_wav_will_do(running: Live, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "question.wav"
    if kind == "u8 at 8 kHz":
        data = (sine(8000, 300) * 127 + 128).astype(np.uint8).tobytes()
        path.write_bytes(wav(data, kind=1, channels=1, rate=8000, bits=8))
    elif kind == "stereo at 44.1 kHz":
        data = np.repeat(sine(44_100, 300) * 32767, 2).astype("<i2").tobytes()
        path.write_bytes(wav(data, kind=1, channels=2, rate=44_100, bits=16))
    else:
        path.write_bytes(wav(sine(48_000, 300).astype("<f4").tobytes(), kind=3, channels=1, rate=48_000, bits=32))
    result = vivavoce("talk", path, "--url", running.ws)
    assert result.exit_code == 0, result.output
    assert ASR_TEXT in result.output
    assert "0.3 s of speech" in result.output


def test_push_to_talk_over_g711(running: Live, tmp_path: Path) -> None:
    path, heard = question(tmp_path / "q.wav"), tmp_path / "heard.wav"
    result = vivavoce("talk", path, "--vad", "manual", "--format", "pcma", "-o", heard, "--url", running.ws)
    assert result.exit_code == 0, result.output
    assert len(stage(result.output, "turn end decided")) == 1
    assert read_wav(heard).rate == 8000


@pytest.mark.parametrize("vad", ["server", "manual"])
def test_an_interrupted_answer_falls_silent(tmp_path: Path, vad: str) -> None:
    first, second, heard = question(tmp_path / "a.wav"), question(tmp_path / "b.wav"), tmp_path / "heard.wav"
    with server(llm=InstantLlm(LONG)) as live:
        options = ["--barge-in", "500", "--vad", vad, "-o", str(heard), "--url", live.ws]
        result = vivavoce("talk", first, second, *options)
    assert result.exit_code == 0, result.output
    found = re.search(r"Interrupted after (\d+) ms", result.output)
    assert found
    assert 400 < int(found[1]) < LONG_MS
    assert "The server sent an error" not in result.output
    audio = read_wav(heard)
    sounding = np.count_nonzero(levels(audio) > -40) * 20
    assert sounding < LONG_MS + int(found[1])  # one answer whole, the other cut


def test_the_key_and_the_model_are_the_servers_to_refuse(tmp_path: Path) -> None:
    path = question(tmp_path / "q.wav")
    with server(Config(server=Server(keys=("sk-right",)))) as live:
        wrong = vivavoce("talk", path, "--url", live.ws, "--key", "sk-wrong")
        assert wrong.exit_code == 1
        assert "invalid_api_key" in wrong.output
        model = vivavoce("talk", path, "--url", live.ws, "--key", "sk-right", "--model", "gpt-9")
        assert model.exit_code == 1
        assert "gpt-9" in model.output


def test_a_setting_that_the_server_refuses_ends_the_call(running: Live, tmp_path: Path) -> None:
    result = vivavoce("talk", question(tmp_path / "q.wav"), "--url", running.ws, "--voice", "gollum")
    assert result.exit_code == 1
    assert "session.audio.output.voice" in result.output


def test_an_answer_that_does_not_come_is_given_up(tmp_path: Path) -> None:
    path = question(tmp_path / "q.wav", 300)
    with server(llm=InstantLlm(delay=60)) as live:
        result = vivavoce("talk", path, "--url", live.ws, "--timeout", "0.5")
    assert result.exit_code == 1
    assert "No answer came within 0.5 s" in result.output


def test_what_cannot_be_played_is_named(tmp_path: Path) -> None:
    text, silent = tmp_path / "notes.txt", tmp_path / "silent.wav"
    text.write_text("no audio")
    write_wav(silent, Pcm.silence(500))
    for path, why in ((tmp_path / "none.wav", "No such file"), (text, "not a WAV file"), (silent, "silent")):
        result = vivavoce("talk", path, "--url", "127.0.0.1:9")
        assert result.exit_code == 1
        assert str(path) in result.output
        assert why in result.output


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--url", "127.0.0.1:9"], "No server answers at ws://127.0.0.1:9/v1/realtime: connection refused"),
        (["--url", "ftp://example.org"], "not the address of a server"),
        (["--vad", "semantic", "--silence-ms", "300"], "--silence-ms is for --vad server"),
        (["--eagerness", "high"], "--eagerness is for --vad semantic"),
        (["-o", "/nowhere/at/all.wav"], "no such folder"),
        (["--url", "127.0.0.1:9", "--config", "some.toml"], "leave one of them out"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(tmp_path: Path, options: list[str], why: str) -> None:
    result = vivavoce("talk", question(tmp_path / "q.wav"), *options)
    assert result.exit_code == 1
    assert why in result.output
    assert "Traceback" not in result.output


def test_a_web_server_is_no_realtime_server(running: Live, tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{running.port}/elsewhere"
    result = vivavoce("talk", question(tmp_path / "q.wav"), "--url", address)
    assert result.exit_code == 1
    assert "is no realtime server" in result.output

"""A recorded session runs again to the same outputs, and a trace that was changed does not."""

from __future__ import annotations

import json
import logging
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from tests.core.caller import CAN, SETTINGS, b64
from tests.properties.world import MAKERS, World
from tests.runtime.hosting import Echo, engines, hosted

from vivavoce.audio.pcm import Pcm
from vivavoce.core import effects as fx
from vivavoce.core.session import Session
from vivavoce.observe.trace import TraceError, TraceWriter, first_difference, replay
from vivavoce.protocol import server as wire
from vivavoce.protocol.client import ResponseCreate
from vivavoce.protocol.session import SessionObject
from vivavoce.runtime.ids import RandomIds
from vivavoce.testing.clock import START, run_virtual
from vivavoce.testing.fakes import ScriptedAsr, sound


def begun(ids: RandomIds) -> SessionObject:
    return SessionObject(
        id=ids("sess"),
        model="gpt-realtime",
        instructions=SETTINGS.instructions,
        expires_at=0,
        audio=SETTINGS.audio,
    )


def conversation(path: Path) -> list[str]:
    """Records two spoken turns, a recording and a few mistakes; returns what the client saw."""

    async def main() -> list[str]:
        ids = RandomIds("a seed")
        settings = begun(ids)
        core = Session(settings, CAN, ids, START, 3600.0)
        with TraceWriter(path, seed=ids.seed, settings=settings, can=CAN, now=START, expires_in=3600.0) as recorder:
            async with hosted(engines(ScriptedAsr("One.", "Two.", "Three."), Echo()), core, recorder=recorder) as live:
                for _ in range(2):
                    await live.turn()
                    await live.client.expect("response.done")
                live.client.frame("{")
                live.client.say("response.cancel", event_id="mine")
                content = [{"type": "input_audio", "audio": b64(Pcm.join(sound(200)).to_bytes())}]
                item = {"type": "message", "role": "user", "content": content}
                live.client.say("conversation.item.create", item=item)
                live.client.say("response.create", response={"metadata": {"a": "b"}})
                await live.client.expect("response.done")
                return [event["event_id"] for event in live.client.events]

    return run_virtual(main())


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "new folder" / "trace.jsonl"
    conversation(path)
    return path


def test_a_conversation_replays_to_the_same_outputs(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    seen = conversation(path)
    steps = list(replay(path))
    assert all(step.same for step in steps)
    outputs = [output for step in steps for output in step.outputs]
    replayed = [output.event_id for output in outputs if isinstance(output, wire.ServerEvent)]
    assert replayed == seen[1:]  # session.created comes before the first step
    assert first_difference(path) is None


def test_steps_name_their_line_their_time_and_their_input(trace: Path) -> None:
    steps = list(replay(trace))
    assert [step.line for step in steps] == list(range(2, len(trace.read_text().splitlines()) + 1))
    assert isinstance(steps[0].event, fx.AudioIn)
    assert all(earlier.now <= later.now for earlier, later in pairwise(steps))


def change(path: Path, number: int, **fields: object) -> None:
    lines = path.read_text().splitlines(keepends=True)
    lines[number - 1] = json.dumps({**json.loads(lines[number - 1]), **fields}) + "\n"
    path.write_text("".join(lines))


def test_a_changed_input_is_found_at_the_first_step_that_differs(trace: Path) -> None:
    (bad,) = [step.line for step in replay(trace) if isinstance(step.event, fx.BadFrame)]
    change(trace, bad, input={"type": "bad_frame", "code": None, "message": "Another."})
    difference = first_difference(trace)
    assert difference is not None
    assert difference.line == bad


def test_a_changed_digest_is_found(trace: Path) -> None:
    change(trace, 7, outputs="0" * 16)
    difference = first_difference(trace)
    assert difference is not None
    assert difference.line == 7


def test_a_last_line_that_is_cut_off_is_left_out_with_a_word(trace: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = len(list(replay(trace)))
    trace.write_bytes(trace.read_bytes()[:-20])
    with caplog.at_level(logging.WARNING):
        steps = list(replay(trace))
    assert len(steps) == whole - 1
    assert all(step.same for step in steps)
    assert f"line {whole + 1}, the last one, is cut off" in caplog.text


def test_a_line_in_the_middle_that_is_no_step_is_an_error(trace: Path) -> None:
    lines = trace.read_text().splitlines(keepends=True)
    lines[3] = "nonsense\n"
    trace.write_text("".join(lines))
    with pytest.raises(TraceError, match="line 4 is no step"):
        list(replay(trace))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"version": 99}, "version 99"),
        ({"seed": "another"}, "does not come from the seed"),
        ({"now": "soon"}, "no header"),
    ],
)
def test_a_header_that_does_not_fit_is_an_error(trace: Path, fields: dict[str, object], message: str) -> None:
    change(trace, 1, **fields)
    with pytest.raises(TraceError, match=message):
        list(replay(trace))


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with pytest.raises(TraceError, match="no header"):
        list(replay(tmp_path / "empty"))


def test_any_input_can_be_recorded_and_replayed(tmp_path: Path) -> None:
    ids = RandomIds("another seed")
    settings = begun(ids)
    session = Session(settings, CAN, ids, 0.0, None)
    session.start()
    random, world, path = Random(3), World(), tmp_path / "trace.jsonl"
    with TraceWriter(path, seed=ids.seed, settings=settings, can=CAN, now=0.0, expires_in=None) as writer:
        for step in range(2000):
            event = MAKERS[random.choice(sorted(MAKERS))](world, random)
            writer.record(float(step), event, session.handle(event, float(step)))
    assert first_difference(path) is None


class Buggy(Session):
    """A core with a bug that is met at `response.create`."""

    def handle(self, event: fx.Input, now: float) -> list[fx.Output]:
        if isinstance(event, ResponseCreate):
            raise KeyError("a bug")
        return super().handle(event, now)


def test_the_input_that_broke_the_core_is_in_the_trace(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"

    async def main() -> None:
        ids = RandomIds("a seed")
        settings = begun(ids)
        core = Buggy(settings, CAN, ids, START, None)
        with TraceWriter(path, seed=ids.seed, settings=settings, can=CAN, now=START, expires_in=None) as recorder:
            async with hosted(engines(), core, recorder=recorder) as live:
                live.client.say("response.create")
                await live.task

    run_virtual(main())
    assert isinstance(list(replay(path))[-1].event, ResponseCreate)


def test_a_folder_that_cannot_be_written_costs_the_trace_and_not_the_session(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    conversation(tmp_path / "file" / "trace.jsonl")
    assert "ends here" in caplog.text


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_costs_the_trace_and_not_the_session(caplog: pytest.LogCaptureFixture) -> None:
    conversation(Path("/dev/full"))
    assert "No space left" in caplog.text

"""Log lines for people and for machines, without secrets."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator

import pytest

from vivavoce.observe.log import LONGEST_CHARS, setup

KEY = "sk-abcdefghijklmnopqrstuvwxyz"


@pytest.fixture(autouse=True)
def untouched_logging() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("vivavoce")
    before = (root.level, ours.level, list(root.handlers))
    yield
    root.setLevel(before[0])
    ours.setLevel(before[1])
    root.handlers[:] = before[2]


def logged(level: str = "info", *, as_json: bool = False) -> io.StringIO:
    stream = io.StringIO()
    setup(level, as_json=as_json, secrets=[KEY, ""], stream=stream)
    return stream


def test_a_line_for_people() -> None:
    stream = logged()
    logging.getLogger("vivavoce.runtime.runner").info("session started", extra={"session": "sess_1", "n": 2})
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d\.\d{3} INFO    runtime\.runner: session started  session=sess_1  n=2\n",
        stream.getvalue(),
    )


def test_a_line_for_machines() -> None:
    stream = logged(as_json=True)
    logging.getLogger("vivavoce.app").warning("slow %s", "disk", extra={"seconds": 1.5, "level": "mine"})
    entry = json.loads(stream.getvalue())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry.pop("time"))
    assert entry == {"level": "warning", "logger": "vivavoce.app", "message": "slow disk", "seconds": 1.5}


def test_a_message_stays_on_its_line() -> None:
    stream = logged()
    logging.getLogger("vivavoce").info("one\ntwo", extra={"field": "three\nfour"})
    assert stream.getvalue().count("\n") == 1


@pytest.mark.parametrize("as_json", [False, True])
def test_a_traceback_goes_along(as_json: bool) -> None:
    stream = logged(as_json=as_json)
    try:
        raise RuntimeError(f"no entry with {KEY}")
    except RuntimeError:
        logging.getLogger("vivavoce").exception("failed")
    assert "RuntimeError: no entry with sk-ab***yz" in stream.getvalue()


@pytest.mark.parametrize(
    "message",
    [
        f"key {KEY}",
        "Authorization: Bearer sk-zyxwvutsrqponmlkjihgfedcba",
        "protocols realtime, openai-insecure-api-key.sk-zyxwvutsrqponmlkjihgfedcba, openai-project.p",
    ],
)
def test_keys_are_masked(message: str) -> None:
    stream = logged()
    logging.getLogger("vivavoce").info("%s", message, extra={"field": message})
    assert KEY not in stream.getvalue()
    assert "sk-zyxwvutsrqponmlkjihgfedcba" not in stream.getvalue()
    assert stream.getvalue().count("***") == 2


def test_what_is_as_long_as_audio_is_cut() -> None:
    stream = logged()
    logging.getLogger("vivavoce").info("A" * 1_000_000)
    assert len(stream.getvalue()) < LONGEST_CHARS + 200
    assert "(1000000 characters)" in stream.getvalue()


def test_libraries_are_heard_from_warnings_on() -> None:
    stream = logged("debug")
    logging.getLogger("websockets").debug("> TEXT '...'")
    logging.getLogger("vivavoce").debug("ours")
    logging.getLogger("websockets").warning("theirs")
    assert "TEXT" not in stream.getvalue()
    assert "ours" in stream.getvalue()
    assert "theirs" in stream.getvalue()


def test_the_level_and_the_latest_setup_count() -> None:
    first = logged()
    second = logged("error")
    logging.getLogger("vivavoce").warning("not loud enough")
    logging.getLogger("vivavoce").error("loud")
    assert first.getvalue() == ""
    assert second.getvalue().count("\n") == 1

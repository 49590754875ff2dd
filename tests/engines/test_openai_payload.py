"""Complaints in the forms of many servers, and pauses they ask for."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from vivavoce.engines.openai.payload import Complaint, Json, count, find, parse, read_complaint, retry_after

SHAPES: list[tuple[Json, Complaint]] = [
    ({"error": {"message": "Bad.", "code": "c", "type": "t"}}, Complaint("Bad", "c")),
    ({"error": {"message": "Bad.", "code": 400, "type": "t"}}, Complaint("Bad", "t")),
    ({"error": "model not found"}, Complaint("model not found")),
    (
        {"object": "error", "message": "Bad", "type": "BadRequestError", "code": 400},
        Complaint("Bad", "BadRequestError"),
    ),
    ({"detail": "Not Found"}, Complaint("Not Found")),
    ({"detail": [{"loc": ["body"], "msg": "missing"}]}, Complaint()),
    ([1, 2], Complaint()),
    (None, Complaint()),
]


@pytest.mark.parametrize(("body", "complaint"), SHAPES)
def test_complaints_are_found(body: Json, complaint: Complaint) -> None:
    assert read_complaint(json.dumps(body), None) == complaint


@pytest.mark.parametrize("body", [b"", b"<html>502</html>", b"\xff\xfe", b"[" * 100_000])
def test_other_bodies_hold_no_complaint(body: bytes) -> None:
    assert read_complaint(body, None) == Complaint()


def test_a_complaint_is_short_one_line_and_without_the_key() -> None:
    body = json.dumps({"error": {"message": "No  key\nsk-1! " + "x" * 1000}})
    complaint = read_complaint(body, "sk-1")
    assert complaint.message.startswith("No key ***! xx")
    assert len(complaint.message) == 301


@pytest.mark.parametrize(
    "complaint",
    [
        Complaint("", "context_length_exceeded"),
        Complaint("This model's maximum context length is 4096 tokens. However, you requested 5000 tokens"),
        Complaint("the request exceeds the available context size, try increasing it", "exceed_context_size_error"),
        Complaint("Prompt is too long"),
    ],
)
def test_a_context_that_is_too_long_is_recognised(complaint: Complaint) -> None:
    assert complaint.context_too_long
    assert not Complaint("The model is unknown", "model_not_found").context_too_long


def test_find_never_fails() -> None:
    document = parse('{"a": [{"b": 1}], "n": -3, "t": "x"}')
    assert find(document, "a", 0, "b") == 1
    for path in (("a", 1), ("a", "b"), ("t", 0), ("a", 0, "b", "c"), ("zzz",)):
        assert find(document, *path) is None
    assert (count(document, "a", 0, "b"), count(document, "n"), count(document, "t")) == (1, 0, 0)


def test_pauses_come_as_seconds_or_as_dates() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    assert retry_after("1.5") == 1.5
    assert retry_after(later) == pytest.approx(100, abs=5)
    for useless in ("", "soon", "-4", "nan", format_datetime(datetime.now(UTC) - timedelta(hours=1))):
        assert retry_after(useless) == 0.0

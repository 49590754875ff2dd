"""What people read: shortened events, and the counts."""

from __future__ import annotations

import io
import json

from rich.console import Console

from vivavoce.conformance.report import Report, as_json, document, failed
from vivavoce.conformance.verdict import Result, Verdict

RESULTS = [
    Result("cancel", "it is [cancelled]", Verdict.holds),
    Result("cancel", "it says why", Verdict.fails, "It should say why.", {"type": "x", "delta": "A" * 4000}),
    Result("tools", "tools show", Verdict.not_offered, "No tools here."),
]


def test_long_strings_are_shortened() -> None:
    shown = json.loads(as_json({"a": ["B" * 500, 7], "c": {"d": "short", "e": "E" * 401}}))
    assert shown == {
        "a": ["B" * 80 + "... (500 characters)", 7],
        "c": {"d": "short", "e": "E" * 80 + "... (401 characters)"},
    }


def test_results_stand_under_their_sections() -> None:
    printed = io.StringIO()
    report = Report(Console(file=printed, width=300))
    for result in RESULTS:
        report.tell(result)
    report.end(RESULTS)
    assert printed.getvalue().splitlines() == [
        "",
        "Cancel (cancel)",
        "  holds        it is [cancelled]",
        "  fails        it says why",
        "               It should say why.",
        f'               {{"type":"x","delta":"{"A" * 80}... (4000 characters)"}}',
        "",
        "Function calls (tools)",
        "  not offered  tools show",
        "               No tools here.",
        "",
        "1 holds, 1 fails, 1 is not offered.",
    ]


def test_only_a_failure_fails() -> None:
    assert failed(RESULTS)
    assert not failed([RESULTS[0], RESULTS[2]])


def test_the_document_counts_every_verdict() -> None:
    report = json.loads(document("ws://here", "some-model", RESULTS))
    assert report["summary"] == {"holds": 1, "fails": 1, "not offered": 1, "left out": 0}
    assert (report["url"], report["model"]) == ("ws://here", "some-model")
    assert report["checks"][1]["event"]["delta"].endswith("(4000 characters)")

"""What the checks found, for people and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec
from rich.console import Console
from rich.markup import escape

from vivavoce.conformance.run import titles
from vivavoce.conformance.verdict import Result, Verdict
from vivavoce.testing.client import Event

_COLOURS = {Verdict.holds: "green", Verdict.fails: "bold red", Verdict.not_offered: "yellow", Verdict.left_out: "dim"}
_LONGEST = 400
_SHOWN = 80
_WIDTH = max(len(verdict) for verdict in Verdict)
_SUMMARY = {
    Verdict.holds: ("holds", "hold"),
    Verdict.fails: ("fails", "fail"),
    Verdict.not_offered: ("is not offered", "are not offered"),
    Verdict.left_out: ("is left out", "are left out"),
}


class Report:
    """Prints each result as it comes, under the heading of its section."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._titles = titles()
        self._section = ""

    def tell(self, result: Result) -> None:
        """One more result."""
        if result.section != self._section:
            self._section = result.section
            self._say(f"\n[bold]{escape(self._titles[result.section])}[/] [dim]({result.section})[/]")
        self._say(f"  [{_COLOURS[result.verdict]}]{result.verdict:<{_WIDTH}}[/]  {escape(result.name)}")
        margin = " " * (_WIDTH + 4)
        if result.detail:
            self._say(f"{margin}{escape(result.detail)}")
        if result.event is not None:
            self._say(f"{margin}{escape(as_json(result.event))}")

    def end(self, results: Sequence[Result]) -> None:
        """How many of each."""
        counted = Counter(result.verdict for result in results)
        said = [f"{counted[each]} {_SUMMARY[each][counted[each] != 1]}" for each in Verdict if counted[each]]
        self._say(f"\n{', '.join(said)}.")

    def _say(self, line: str) -> None:
        self._console.print(line, highlight=False, soft_wrap=True)


def failed(results: Sequence[Result]) -> bool:
    """Whether anything fails."""
    return any(result.verdict is Verdict.fails for result in results)


def as_json(event: Event) -> str:
    """An event in one line, long strings such as audio shortened."""
    return msgspec.json.encode(shortened(event)).decode()


def shortened(value: object) -> object:
    """The same with long strings cut, and their lengths said."""
    if isinstance(value, str) and len(value) > _LONGEST:
        return f"{value[:_SHOWN]}... ({len(value)} characters)"
    if isinstance(value, dict):
        return {name: shortened(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [shortened(inner) for inner in value]
    return value


def document(url: str, model: str, results: Sequence[Result]) -> str:
    """Everything as one JSON object: `url`, `model`, `summary` (a count for each verdict) and `checks`."""
    counted = Counter(str(result.verdict) for result in results)
    checks = [
        {
            "section": result.section,
            "name": result.name,
            "verdict": str(result.verdict),
            "detail": result.detail,
            "event": None if result.event is None else shortened(result.event),
        }
        for result in results
    ]
    summary = {str(verdict): counted[str(verdict)] for verdict in Verdict}
    whole = {"url": url, "model": model, "summary": summary, "checks": checks}
    return msgspec.json.format(msgspec.json.encode(whole), indent=2).decode()

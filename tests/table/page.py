"""Makes docs/protocol-table.md of `proofs.toml`: `python -m tests.table.page`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "protocol-table.md"
Row = str | dict[str, Any]
"""A test's id, or a refusal."""

_HEAD = """\
# Every event and every field

The rule: what is accepted takes effect, and what is not served is refused by name, with an `error` event after which
the session goes on. This page says of each event and each field which of the two it is, and which test proves it.
It is made from [`tests/table/proofs.toml`](../tests/table/proofs.toml) by `python -m tests.table.page`. A test
compares its rows with the types of the `openai` package, looks for each test it names, and tries out each refusal.

Some fields take effect where the configured engine can do what they ask for, and are refused with
`unsupported_value` and their name where it cannot: reasoning effort, parallel tool calls, noise reduction, tracing,
`semantic_vad`, keywords, languages, delay and log probabilities of the transcription. [protocol.md](protocol.md)
says what the default engines can do.
"""


def rows() -> dict[str, dict[str, Row]]:
    """By section, then by name."""
    return tomllib.loads((HERE / "proofs.toml").read_text(encoding="utf-8"))


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(line for section, of in rows().items() for line in _section(section, of))])


def _section(name: str, of: dict[str, Row]) -> Iterator[str]:
    yield from (f"## {name}", "", "| | | |", "|---|---|---|")
    for row, proof in of.items():
        yield f"| `{row}` | {_proof(proof)} |"
    yield ""


def _proof(proof: Row) -> str:
    if isinstance(proof, str):
        return f"effective | {_link(proof)}"
    how = f"{proof['how']}: " if "how" in proof else ""
    named = f", `{proof['param']}`" if "param" in proof else ""
    return f"refused | {how}`{proof['code']}`{named}"


def _link(test: str) -> str:
    file, _, name = test.partition("::")
    return f"[{name.rpartition('::')[2].removeprefix('test_').replace('_', ' ')}](../tests/{file})"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

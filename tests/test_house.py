"""The house keeps its own rules: sizes, the generated diagram, and examples that run as written."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.live import live

from vivavoce.core.response import diagram

ROOT = Path(__file__).parent.parent
FUNCTION_LINES, FILE_LINES, CLASS_LINES, CLASS_METHODS = 50, 400, 300, 15


def sources() -> list[Path]:
    """Every module of the package."""
    return sorted((ROOT / "src").rglob("*.py"))


EXCEPTIONS = {
    "Conversation": "a method for each thing that the protocol does to an item",
    "Hearing": "an entry for each event on the caller's side, a helper for each event of a turn",
    "LlamaLlm": "one library object, whose calls, prefills and waits must know of each other",
    "talk": "its signature is its options",
    "Responding": "an entry for each thing that begins, changes or ends an answer",
    "Runner": "an entry for each command; what has a life of its own (answers, transcripts) has a class of its own",
    "UserAgent": "an entry for each thing that a telephone does",
}
"""What may be a little larger, and why."""
MORE_METHODS, MORE_LINES = 3, 5


def overweight(path: Path) -> Iterator[str]:
    """What in a module is over the budget: it is the tail that hurts, not the median."""
    text = path.read_text()
    where = path.relative_to(ROOT)
    if text.count("\n") > FILE_LINES:
        yield f"{where}: {text.count(chr(10))} lines"
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        # What `--help` prints is written as a docstring: text, not code.
        lines = (node.end_lineno or 0) - node.lineno + 1 - (ast.get_docstring(node) or "").count("\n")
        allowed = FUNCTION_LINES + (MORE_LINES if node.name in EXCEPTIONS else 0)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and lines > allowed:
            yield f"{where}: {node.name} has {lines} lines"
        if isinstance(node, ast.ClassDef):
            methods = sum(isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) for each in node.body)
            allowed = CLASS_METHODS + (MORE_METHODS if node.name in EXCEPTIONS else 0)
            if lines > CLASS_LINES or methods > allowed:
                yield f"{where}: {node.name} has {lines} lines and {methods} methods"


def test_nothing_is_larger_than_it_should_be() -> None:
    assert [fault for path in sources() for fault in overweight(path)] == []


def test_the_diagram_in_the_architecture_is_the_code_s() -> None:
    block = re.search(r"```mermaid\n(.*?)\n```", (ROOT / "ARCHITECTURE.md").read_text(), re.DOTALL)
    assert block is not None
    assert block[1] == diagram()


# The SDK's own use of the websockets package, which this project cannot change.
@pytest.mark.filterwarnings("ignore:connect\\(\\) must be used as a context manager:DeprecationWarning")
@pytest.mark.parametrize("document", ["README.md"])
def test_the_client_in_the_documents_runs_as_written(document: str) -> None:
    block = re.search(r"```python\n(.*?)```", (ROOT / document).read_text(), re.DOTALL)
    assert block is not None
    assert "http://127.0.0.1:8700/v1" in block[1]

    async def scenario() -> str:
        async with live() as server:
            program = block[1].replace("http://127.0.0.1:8700/v1", server.http)
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                await asyncio.to_thread(exec, compile(program, document, "exec"), {})
            return printed.getvalue()

    assert asyncio.run(scenario()) == "This answer comes at once. No model was asked."

"""The programs in docs/clients.md run as written, against a server with keys, and print what the text says."""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
from pathlib import Path
from types import CodeType

import pytest
from openai import OpenAI
from tests.live import live

from vivavoce.config import Config
from vivavoce.config.tree import Server

DOCUMENT = Path(__file__).parents[2] / "docs" / "clients.md"
PROGRAMS = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
PRINTED = ("Be a pirate.\n", "None\nparameter_locked\n", "session.created\nBe brief.\n")
KEY = "sk-documented"


# The SDK's own use of the websockets package, which this project cannot change.
@pytest.mark.filterwarnings("ignore:connect\\(\\) must be used as a context manager:DeprecationWarning")
@pytest.mark.parametrize(("program", "printed"), list(zip(PROGRAMS, PRINTED, strict=True)))
def test_a_program_of_the_document(program: str, printed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert "http://127.0.0.1:8700/v1" in program

    async def scenario() -> str:
        async with live(Config(server=Server(keys=(KEY,)))) as server:
            here = program.replace("http://127.0.0.1:8700/v1", server.http)
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                await asyncio.to_thread(_run, compile(here, "clients.md", "exec"))
            return output.getvalue()

    assert asyncio.run(scenario()) == printed


def _run(program: CodeType) -> None:
    names: dict[str, object] = {}
    exec(program, names)
    # A program's clients end with it; here they would live on.
    for client in names.values():
        if isinstance(client, OpenAI):
            client.close()

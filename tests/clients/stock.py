"""Runs a stock client of the Realtime API, as a program of its own, against a live server with scripted engines.

Every program holds the same conversation through its client's own interface and prints what the client saw as JSON
lines, one a step. It is told an address, a key and a file of speech (24 kHz, mono, 16 bits), and changes nothing else.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.certificates import Certificate, certificate
from tests.clients.almanac import almanac
from tests.clients.bursts import in_bursts
from tests.clients.clerk import SPOKEN_WISH, Clerk
from tests.clients.parrot import HEARD, Parrot
from tests.live import spoken
from tests.patience import WHOLE_S
from tests.responders.duplex import ParrotDuplex
from tests.responders.kinds import Kind, answered_by

from vivavoce.config import Config
from vivavoce.config.mcp import Mcp
from vivavoce.config.tree import Server
from vivavoce.engines.instant import InstantAsr, InstantTts
from vivavoce.ports import Voice
from vivavoce.serving import tls_context

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
LONGEST_S = WHOLE_S
"""For one program from its start to its end; on a quiet machine it takes a few seconds."""
KEY = "sk-stock-client"
VOICE = "cedar"


@dataclass(frozen=True)
class Program:
    """A client: what starts it, and what must be installed for that."""

    client: str
    command: tuple[str, ...]
    installed: str
    """Below the repository's root; `make test` puts it there."""
    tls: bool = False
    """This client speaks to `https://` addresses only."""
    bursts: bool = False
    """What the server says comes to it in bursts."""


def python(client: str, script: str) -> Program:
    """In the environment of the clients."""
    return Program(client, (str(ROOT / ".venv-clients/bin/python"), str(HERE / script)), ".venv-clients/.done")


def node(client: str, script: str, *, tls: bool = False, bursts: bool = False) -> Program:
    """With its packages beside it."""
    command = ("node", str(HERE / "node" / script))
    return Program(client, command, "tests/clients/node/node_modules/.done", tls, bursts)


PROGRAMS = (
    python("openai-agents for Python", "agents_client.py"),
    python("livekit-plugins-openai", "livekit_client.py"),
    python("pipecat-ai", "pipecat_client.py"),
    node("openai for Node.js", "openai.mjs", tls=True),
    node("@openai/agents-realtime", "agents.mjs"),
)
TOOL_PROGRAMS = (
    python("openai-agents for Python", "agents_tools_client.py"),
    python("livekit-plugins-openai", "livekit_tools_client.py"),
    python("pipecat-ai", "pipecat_tools_client.py"),
    node("openai for Node.js", "openai_tools.mjs", tls=True),
    node("@openai/agents-realtime", "agents_tools.mjs"),
)
"""With a function tool."""
MCP_PROGRAMS = (
    python("openai-agents for Python", "agents_mcp_client.py"),
    node("@openai/agents-realtime", "agents_mcp.mjs"),
    # Here it asks for an answer to a call only when it has had that answer.
    node("@openai/agents-realtime, in bursts", "agents_mcp.mjs", bursts=True),
)
"""With an MCP server."""
VOICE_PROGRAMS = (node("@openai/agents-realtime", "agents_voice.mjs"),)
"""By voice alone, and with nothing to read or to write for the model."""


@dataclass(frozen=True)
class Seen:
    """What a program printed and how it ended."""

    steps: Mapping[str, Mapping[str, object]]
    status: int | None
    """None: it took longer than `LONGEST_S`."""
    output: str
    asked: tuple[tuple[str, str], ...]
    """What the MCP server was: names of tools, and cities."""

    def step(self, name: str) -> Mapping[str, object]:
        """What it printed for this step. Fails where it did not come to it."""
        assert name in self.steps, f"It did not come to this step; it printed:\n{self.output}"
        return self.steps[name]


def spoken_as(words: str) -> str:
    """The digest of what the scripted voice says for these words."""

    async def speak() -> bytes:
        return b"".join([piece.to_bytes() async for piece in InstantTts().speak(words, Voice(VOICE))])

    return hashlib.sha256(asyncio.run(speak())).hexdigest()


@cache
def seen(program: Program, kind: Kind = "cascade") -> Seen:
    """What this client saw with this kind of responder; it is run once. Skips where it is not installed, which in CI is
    a failure."""
    if shutil.which(program.command[0]) is None or not (ROOT / program.installed).exists():
        reason = f"{program.client} is not installed; `make test` does it, for Node.js clients where there is npm."
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    with TemporaryDirectory() as folder:
        speech = Path(folder, "speech.pcm")
        speech.write_bytes(spoken(after=0).to_bytes())
        files = certificate(Path(folder)) if program.tls else None
        return asyncio.run(_converse(program, kind, speech, files))


async def _converse(program: Program, kind: Kind, speech: Path, files: Certificate | None) -> Seen:
    told = program in PROGRAMS or program in VOICE_PROGRAMS
    async with (
        almanac() as book,
        answered_by(
            kind,
            llm=Parrot() if told else Clerk(),
            ears=InstantAsr(HEARD if told else SPOKEN_WISH),
            duplex=ParrotDuplex(story=2),
            config=Config(server=Server(keys=(KEY,)), mcp=Mcp(allow=("127.0.0.1",))),
            tls=tls_context(files.cert, files.key) if files else None,
        ) as server,
        in_bursts(server.port) if program.bursts else nullcontext(server.port) as port,
    ):
        address = f"{'https' if files else 'http'}://127.0.0.1:{port}/v1"
        trusted = {"NODE_EXTRA_CA_CERTS": files.authority} if files else {}
        environ = {**os.environ, "LOGURU_LEVEL": "INFO", "NO_PROXY": "127.0.0.1", **trusted}
        servers = (book.url,) if program in MCP_PROGRAMS else ()
        ended = await _run((*program.command, address, KEY, str(speech), *servers), environ)
    printed, said, status = ended
    steps = [json.loads(line) for line in printed.splitlines() if line.startswith('{"step"')]
    return Seen({step["step"]: step for step in steps}, status, f"{printed}\n{said}", tuple(book.asked))


async def _run(command: tuple[str, ...], environ: Mapping[str, str]) -> tuple[str, str, int | None]:
    """What it printed, what it said besides, and how it ended."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environ,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    talking = asyncio.create_task(process.communicate())
    try:
        _, late = await asyncio.wait([talking], timeout=LONGEST_S)
    finally:
        if process.returncode is None:
            process.kill()
    printed, said = (stream.decode(errors="replace") for stream in await talking)
    return printed, said, None if late else process.returncode

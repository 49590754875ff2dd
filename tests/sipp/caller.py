"""Calls made by sipp, a program that others wrote and that this server has never seen the inside of."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.sipp.messages import pieces
from tests.transports.sip.handset import HOST

FOLDER = Path(__file__).parent
PATIENCE_S = 150
"""For fifty calls on a busy machine; alone they take twelve seconds. Less than a test has, so that sipp says why."""


def needs_sipp() -> None:
    """Skips where it is not installed, which in CI is a failure."""
    if shutil.which("sipp") is None:
        _missing("sipp is not installed (Debian: sip-tester)")


def needs_raw_sockets() -> None:
    """sipp writes single RTP packets, unlike streams of them, through a raw socket, which not everybody may have; in CI
    that is a failure."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP).close()
    except PermissionError:
        _missing("sipp needs raw sockets (CAP_NET_RAW) for keys")


def _missing(what: str) -> None:
    (pytest.fail if os.environ.get("CI") else pytest.skip)(what)


async def sipp(
    name: str,
    port: int,
    folder: Path,
    *,
    calls: int = 1,
    called: str = "100",
    codec: int = 0,
    audio_ports: Sequence[int] = (),
    options: Sequence[str] = (),
    **values: object,
) -> None:
    """Run the scenario `name` so often at once; raises `AssertionError` unless every call went by it.

    `values` are what stands in braces in it, beside the messages; `audio_ports` has one for each call.
    """
    scenario = (FOLDER / f"{name}.xml").read_text()
    known = pieces(name, codec) | {key: str(value) for key, value in values.items()}
    run = folder / f"{name}-{called}"
    run.mkdir()
    (run / "scenario.xml").write_text(re.sub(r"\{(\w+)\}", lambda found: known[found[1]], scenario))
    command = ["sipp", f"{HOST}:{port}", "-sf", "scenario.xml", "-i", HOST, "-mi", HOST, "-s", called, "-nostdin"]
    command += ["-m", str(calls), "-l", str(calls), "-r", "50"]
    command += ["-timeout", str(PATIENCE_S), "-timeout_error", "-trace_err", "-error_file", "errors.log", *options]
    if audio_ports:
        (run / "ports.csv").write_text("\n".join(["SEQUENTIAL", *map(str, audio_ports), ""]))
        command += ["-inf", "ports.csv"]
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *command, cwd=run, stdin=quiet, stdout=quiet, stderr=asyncio.subprocess.PIPE
    )
    try:
        _, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    log = run / "errors.log"
    problems = said.decode(errors="replace") + (log.read_text(errors="replace") if log.exists() else "")
    assert process.returncode == 0, f"sipp ended with {process.returncode}:\n{problems[:4000]}"

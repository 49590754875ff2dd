"""A server of one's own for the length of a command: started on a free port, in a process of its own."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx

READY_S = 180.0
"""How long a server may load. A cold disk and the large model take most of a minute."""
_POLL_S = 0.1
_STOP_S = 10.0
_LAST_LINES = 12
_MOST_OUTPUT = 1 << 20


class ServerFailed(Exception):
    """No server came up; the message says why, in the server's own words."""


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A server that is ready."""

    url: str
    key: str
    pid: int
    ready_after: float
    """Seconds from its start to ready."""


@contextmanager
def local_server(
    environ: Mapping[str, str], config: Path | None, progress: Callable[[str], None]
) -> Generator[LocalServer]:
    """`vivavoce serve` on a free port of this machine; stopped at the end. Raises `ServerFailed`.

    `environ` is the process's whole environment. `progress` gets the server's newest line while it loads.
    """
    key = f"sk-{secrets.token_urlsafe(12)}"
    port = _free_port()
    command = [sys.executable, "-m", "vivavoce", "serve", "--host", "127.0.0.1", "--no-tls"]
    command += ["--port", str(port)]
    command += ["--config", str(config)] if config else []
    # A key of its own: nobody else on this machine can call it, and a configuration that wants keys is content.
    environ = {**environ, "VIVAVOCE_SERVER__KEYS": f'["{key}"]'}
    with tempfile.TemporaryFile() as output:
        started = time.monotonic()
        # No terminal on its input: Ctrl-C is for this program, which then ends the server.
        process = subprocess.Popen(
            command, env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            _wait_until_ready(process, port, output, progress)
            yield LocalServer(f"ws://127.0.0.1:{port}", key, process.pid, time.monotonic() - started)
        finally:
            _stop(process)


def _wait_until_ready(
    process: subprocess.Popen[bytes], port: int, output: IO[bytes], progress: Callable[[str], None]
) -> None:
    deadline = time.monotonic() + READY_S
    with httpx.Client(trust_env=False, timeout=2.0) as http:
        while not _healthy(http, port):
            lines = _lines(output)
            if process.poll() is not None:
                said = "\n".join(lines[-_LAST_LINES:]) or "It said nothing."
                raise ServerFailed(f"The server ended with status {process.returncode} before it was ready:\n{said}")
            if time.monotonic() > deadline:
                said = "\n".join(lines[-_LAST_LINES:])
                raise ServerFailed(f"The server was not ready within {READY_S:g} s:\n{said}")
            if lines:
                progress(lines[-1])
            time.sleep(_POLL_S)  # a process that starts has no other way to tell us


def _healthy(http: httpx.Client, port: int) -> bool:
    try:
        return http.get(f"http://127.0.0.1:{port}/health").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _lines(output: IO[bytes]) -> list[str]:
    """What the server has written. It shares this file's offset, so that is left where it is."""
    text = os.pread(output.fileno(), _MOST_OUTPUT, 0).decode(errors="replace")
    return [line for line in text.splitlines() if line.strip()]


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

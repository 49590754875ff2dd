"""baresip, a telephone that others have made: it says what is in a WAV file, and writes down what it hears.

It has no microphone and no loudspeaker. Where it is not installed tests are skipped, which in CI is a failure.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from tests.patience import PATIENCE_S

from vivavoce.audio.level import levels
from vivavoce.audio.pcm import Pcm
from vivavoce.audio.wav import write_wav

HOST = "127.0.0.1"
SILENT_MS = 3000
"""An answer is over when nothing sounds for so long."""
LOUD_DB = -45.0
AFTER_S = 120
"""Of silence behind what it says: a microphone that ends ends the call."""
_HEADER = 44
_RATES = {"PCMU/8000/1": 8_000, "PCMA/8000/1": 8_000, "opus/48000/2": 48_000}


@dataclass(frozen=True)
class Dialling:
    """How it calls: `transport` as in a SIP URI, `codec` as baresip writes it, `secret`: SRTP or nothing.

    This release of it checks no certificates.
    """

    transport: str
    codec: str
    port: int
    secret: bool = False

    @property
    def rate(self) -> int:
        """Hz of what it says and records."""
        return _RATES[self.codec]

    @property
    def channels(self) -> int:
        """Of what it records."""
        return int(self.codec[-1])


class Baresip:
    """One that runs, reached by its control port: JSON in netstrings."""

    def __init__(self, folder: Path, dialling: Dialling, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._folder = folder
        self._dialling = dialling
        self._listening: asyncio.Task[None] | None = None
        self._events: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        self._writer: asyncio.StreamWriter | None = None

    async def connect(self, port: int) -> None:
        """As soon as it listens."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                with suppress(OSError):
                    reader, self._writer = await asyncio.open_connection(HOST, port)
                    break
                assert self._process.poll() is None, (self._folder / "log").read_text()
                await asyncio.sleep(0.05)  # a process that starts has no other way to tell us
        self._listening = asyncio.create_task(self._listen(reader))

    async def dial(self) -> None:
        """Call the server; the microphone opens when it has answered."""
        there = self._dialling
        await self._command("dial", f"sip:100@{HOST}:{there.port};transport={there.transport}")
        await self._until("CALL_ESTABLISHED")

    async def answer(self) -> Pcm:
        """What it hears, once it has heard something and then nothing for a while."""
        async with asyncio.timeout(PATIENCE_S):
            while not _is_over(heard := self.heard()):  # noqa: ASYNC110  # a file that grows sets no event
                await asyncio.sleep(0.2)
        return heard

    async def hang_up(self) -> None:
        """End the call."""
        await self._command("hangup")
        await self._until("CALL_CLOSED")

    def heard(self) -> Pcm:
        """All that was written down so far, mono."""
        there = self._dialling
        files = list(self._folder.glob("dump-*-dec.wav"))
        if not files:
            return Pcm.silence(0, there.rate)
        data = files[0].read_bytes()[_HEADER:]
        samples = np.frombuffer(data[: len(data) // (2 * there.channels) * 2 * there.channels], np.int16)
        return Pcm(samples.reshape(-1, there.channels)[:, 0].copy(), there.rate)

    async def aclose(self) -> None:
        """Let go of its control port."""
        if self._listening is not None:
            self._listening.cancel()
        if self._writer is not None:
            self._writer.close()

    async def _command(self, command: str, parameter: str = "") -> None:
        assert self._writer is not None
        text = json.dumps({"command": command, "params": parameter}).encode()
        self._writer.write(b"%d:%s," % (len(text), text))
        await self._writer.drain()

    async def _until(self, kind: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                event = await self._events.get()
                if event["type"] == kind:
                    return
                assert event["type"] != "CALL_CLOSED", event

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        with suppress(asyncio.IncompleteReadError):
            while True:
                length = int((await reader.readuntil(b":"))[:-1])
                said = json.loads((await reader.readexactly(length + 1))[:-1])
                if said.get("event"):
                    self._events.put_nowait(said)


@asynccontextmanager
async def baresip(folder: Path, dialling: Dialling, said: Pcm) -> AsyncIterator[Baresip]:
    """One that will say `said`, 16-bit mono at `dialling.rate`. `folder` must be empty."""
    assert said.rate == dialling.rate
    write_wav(folder / "said.wav", Pcm.join([said, Pcm.silence(AFTER_S * 1000, said.rate)]))
    control = _free_port()
    (folder / "config").write_text(_config(folder, dialling, control))
    (folder / "accounts").write_text(_account(dialling))
    (folder / "contacts").write_text("")
    with _process(folder) as process:
        running = Baresip(folder, dialling, process)
        try:
            await running.connect(control)
            yield running
        finally:
            await running.aclose()


def _config(folder: Path, dialling: Dialling, control: int) -> str:
    lines = [
        "poll_method epoll",
        f"sip_listen {HOST}:0",
        f"audio_source aufile,{folder}/said.wav",
        # It needs a loudspeaker to hear anything: this one is a bridge to a microphone that is not there.
        "audio_player aubridge,nobody",
        "audio_alert aubridge,nobody",
        f"ausrc_srate {dialling.rate}",
        "ausrc_channels 1",
        "jitter_buffer_delay 1-10",
        f"net_interface {HOST}",
        "module_path /usr/lib/baresip/modules",
        *(f"module {name}.so" for name in ("g711", "opus", "aufile", "aubridge", "sndfile", "srtp")),
        "module_tmp account.so",
        *(f"module_app {name}.so" for name in ("menu", "ctrl_tcp")),
        f"snd_path {folder}",
        f"ctrl_tcp_listen {HOST}:{control}",
        "ringback_disabled yes",
    ]
    return "\n".join([*lines, ""])


def _account(dialling: Dialling) -> str:
    secret = ";mediaenc=srtp-mand" if dialling.secret else ""
    address = f"<sip:alice@{HOST};transport={dialling.transport}>"
    return f"{address};regint=0;audio_codecs={dialling.codec}{secret}\n"


@contextmanager
def _process(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    program = shutil.which("baresip")
    if program is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(
            "The program `baresip` is not installed. What needs a telephone of others is not tested."
        )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "-v", "-f", str(folder)], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _is_over(heard: Pcm) -> bool:
    loud = np.flatnonzero(levels(heard) > LOUD_DB)
    return bool(loud.size) and (len(levels(heard)) - int(loud[-1])) * 20 > SILENT_MS


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port

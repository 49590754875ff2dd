"""What the tests of the commands share: a server in another thread, since a command has an event loop of its own."""

from __future__ import annotations

import asyncio
import struct
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tests.live import Live, live, tone
from tests.patience import PATIENCE_S
from typer.testing import CliRunner, Result

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.wav import write_wav
from vivavoce.cli import app
from vivavoce.config import Config
from vivavoce.ports import Llm


def vivavoce(*arguments: str | Path, env: dict[str, str] | None = None) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, [str(each) for each in arguments], env={"COLUMNS": "200", **(env or {})})


@contextmanager
def server(config: Config | None = None, llm: Llm | None = None) -> Generator[Live]:
    """A server with instant engines that runs while the caller's own thread does something else."""
    started: list[Live] = []
    up, over = threading.Event(), threading.Event()

    async def serve() -> None:
        async with live(config, llm=llm) as running:
            started.append(running)
            up.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert up.wait(PATIENCE_S)
    try:
        yield started[0]
    finally:
        over.set()
        thread.join()


def question(path: Path, ms: int = 500) -> Path:
    """A tone, which instant engines take for speech, and a little silence after it."""
    write_wav(path, Pcm.join([tone(ms), Pcm.silence(100)]))
    return path


def wav(data: bytes, *, kind: int, channels: int, rate: int, bits: int) -> bytes:
    """A WAV file of any format."""
    frame = channels * bits // 8
    fmt = struct.pack("<HHIIHH", kind, channels, rate, rate * frame, frame, bits)
    chunks = b"fmt " + struct.pack("<I", 16) + fmt + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def sine(rate: int, ms: int = 500) -> NDArray[np.float64]:
    """-1 to 1."""
    return np.sin(np.arange(rate * ms // 1000) * 2 * np.pi * 300 / rate) * 0.3

"""What a server process takes of its machine, from /proc: Linux only, elsewhere there is nothing to report."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_SAMPLE_S = 0.25


@dataclass(slots=True)
class Usage:
    """Over one measurement, the server's children included."""

    cpu_s: float = 0.0
    idle_bytes: int = 0
    """Resident memory before the first caller."""
    peak_bytes: int = 0
    others_cores: float | None = None
    """What programs other than the server and the callers took, in cores: they disturb a measurement."""


@contextmanager
def watched(pid: int | None) -> Generator[Usage | None]:
    """The usage of `pid` inside the block, complete at its end; None where it cannot be had."""
    if pid is None or not Path("/proc/self/stat").exists():
        yield None
        return
    usage = Usage(idle_bytes=resident(pid))
    usage.peak_bytes = usage.idle_bytes
    began, before, busy = time.monotonic(), _cpu(pid), _busy()
    over = threading.Event()

    def sample() -> None:
        while not over.wait(_SAMPLE_S):
            usage.peak_bytes = max(usage.peak_bytes, resident(pid))

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    try:
        yield usage
    finally:
        over.set()
        sampler.join()
        usage.cpu_s = _cpu(pid) - before
        if busy is not None and (now := _busy()) is not None:
            usage.others_cores = max(0.0, now - busy - usage.cpu_s) / (time.monotonic() - began)


def _family(pid: int) -> list[int]:
    """The process and its descendants."""
    found = [pid]
    for parent in found:  # grows while it is walked
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            found += map(int, _read(task).split())
    return found


def _cpu(pid: int) -> float:
    """Seconds, user and system."""
    ticks = 0
    for member in _family(pid):
        fields = _read(Path(f"/proc/{member}/stat")).rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _busy() -> float | None:
    """CPU seconds of the whole machine, this program's own not counted; None where only a part of it is shown."""
    lines = [line.split() for line in _read(Path("/proc/stat")).splitlines() if line.startswith("cpu")]
    if len(lines) - 1 != os.cpu_count():
        return None
    user, nice, system, _, _, irq, softirq, *_ = map(int, lines[0][1:])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK") - sum(os.times()[:4])


def resident(pid: int) -> int:
    """Bytes of memory of the process and its descendants."""
    pages = (_read(Path(f"/proc/{member}/statm")).split() for member in _family(pid))
    return sum(int(each[1]) for each in pages if each) * os.sysconf("SC_PAGE_SIZE")


def _read(path: Path) -> str:
    """Empty for a process that has just ended."""
    try:
        return path.read_text()
    except OSError:
        return ""

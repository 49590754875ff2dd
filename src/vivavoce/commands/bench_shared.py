"""What the benches have in common: the engines that they measure, and the file that they write."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

import msgspec

from vivavoce.audio.pcm import WIRE_RATE
from vivavoce.audio.resample import resample
from vivavoce.audio.wav import read_wav
from vivavoce.bench.noise import Said
from vivavoce.bench.sip_calls import telephone
from vivavoce.commands.shared import CommandError


class EngineSet(StrEnum):
    """Which engines the server that is started runs."""

    instant = "instant"
    local = "local"
    configured = "configured"


def environment(engines: EngineSet, sessions: int) -> Mapping[str, str]:
    """For the server: what the user has configured would blur what `instant` and `local` mean."""
    room = {"VIVAVOCE_LIMITS__MAX_SESSIONS": str(sessions + 1)}
    if engines is EngineSet.configured:
        return {**os.environ, **room}
    plain = {name: value for name, value in os.environ.items() if "__" not in name or not name.startswith("VIVAVOCE_")}
    plain.pop("VIVAVOCE_CONFIG", None)
    if engines is EngineSet.instant:
        room |= {f"VIVAVOCE_ENGINES__{role}__NAME": "instant" for role in ("TURN", "ASR", "LLM", "TTS")}
        room |= {f"VIVAVOCE_ENGINES__{role}__NAME": "none" for role in ("NOISE", "IMAGES")}
    return {**plain, **room}


@contextmanager
def telephone_config() -> Generator[tuple[Path, int]]:
    """A configuration file of a server with a telephone, and the UDP port where it rings."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "telephone.toml"
        path.write_text(telephone(port))
        yield path, port


def needs_proc() -> None:
    """Raises `CommandError` where a process cannot be looked into."""
    if not Path("/proc/self/stat").exists():
        raise CommandError("This looks into a process through /proc, which is on Linux only.")


def recordings(folder: Path) -> list[Said]:
    """WAV files, each with its words in a .txt file of the same name. Raises `CommandError`."""
    found: list[Said] = []
    for path in sorted(folder.glob("*.wav")):
        words = path.with_suffix(".txt")
        try:
            found.append(Said(words.read_text().strip(), resample(read_wav(path), WIRE_RATE)))
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}.") from None
        except ValueError as error:
            raise CommandError(f"{path}: {error}.") from None
    if not found:
        raise CommandError(f"{folder}: there are no WAV files.")
    return found


def write(path: Path, found: msgspec.Struct) -> None:
    """A report, as JSON. Raises `CommandError`."""
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}.") from None

"""What the benches have in common: the engines that they measure, and the file that they write."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

import msgspec

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
        room["VIVAVOCE_ENGINES__NOISE__NAME"] = "none"
    return {**plain, **room}


def write(path: Path, found: msgspec.Struct) -> None:
    """A report, as JSON. Raises `CommandError`."""
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}.") from None

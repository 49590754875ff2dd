"""Scripted engines that see, and pictures to show them."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from vivavoce.testing.script import Scripted, Timing


def png(width: int, height: int, colour: tuple[int, int, int] = (255, 255, 255)) -> bytes:
    """A PNG of one colour."""
    rows = (b"\0" + bytes(colour) * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def data_uri(picture: bytes, media_type: str = "image/png") -> str:
    """The picture as a client sends it."""
    return f"data:{media_type};base64,{base64.b64encode(picture).decode()}"


@dataclass(frozen=True, slots=True)
class Shown:
    """What an image reader was given."""

    image: bytes
    detail: Literal["auto", "low", "high"]


class ScriptedImageReader(Scripted[Shown, str]):
    """Each script is a description, or steps before one: `"A red box."`, or `[Wait(0.5), "A red box."]`."""

    def __init__(self, *scripts: str | Sequence[str | Timing]) -> None:
        super().__init__([[script] if isinstance(script, str) else script for script in scripts])

    async def describe(self, image: bytes, detail: Literal["auto", "low", "high"]) -> str:
        """The script's description."""
        parts = [part async for part in self._play(*self._call(Shown(image, detail)))]
        return "".join(parts)


class ScriptedFetcher(Scripted[str, bytes]):
    """Each script is what is at an address, or steps before that."""

    def __init__(self, *scripts: bytes | Sequence[bytes | Timing]) -> None:
        super().__init__([[script] if isinstance(script, bytes) else script for script in scripts])

    async def fetch(self, url: str, most: int) -> bytes:
        """The script's bytes, whatever `most` is."""
        parts = [part async for part in self._play(*self._call(url))]
        return b"".join(parts)

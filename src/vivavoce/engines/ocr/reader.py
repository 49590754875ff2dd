"""What is on a picture, for a language model that cannot see: its text by PP-OCR, and what can be measured.

The decoders are given no more than the server has checked: one of three formats, and as many pixels as the header says.
A JPEG is decoded at a fraction of its size where it is far larger than what is read.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageOps

from vivavoce.engines.bridge import Worker
from vivavoce.engines.ocr.facts import facts
from vivavoce.engines.ocr.lines import LONGEST_SIDE, TextReader
from vivavoce.ports import EngineError

MAX_PIXELS = 32_000_000
"""A picture of that many takes 100 MB, while it is being read."""
LOW_DETAIL_SIDE = 512
"""Pixels of the longest side of what is read of a picture with detail "low": faster, and small print is lost."""
_FORMATS = ("PNG", "JPEG", "WEBP")


class OcrImageReader:
    """The `ImageReader` on PP-OCR's models in the folder `models`, one picture at a time, with `threads` threads.

    On two cores of 2.5 GHz a screenshot of 900 x 500 pixels takes 0.5 s. It needs 250 MB.
    """

    def __init__(self, models: Path, threads: int = 2) -> None:
        self._models = models
        self._threads = threads
        self._worker = Worker("ocr", 1)
        self._reader: TextReader | None = None

    @property
    def name(self) -> str:
        return "ocr"

    @property
    def running(self) -> int:
        return self._worker.running

    async def start(self) -> None:
        """Load and warm up, in about 0.5 s. Raises `EngineError` (`engine_unavailable`)."""
        with self._worker.crew.hiring():
            self._reader = await self._worker.run(TextReader, self._models, self._threads)
        blank = io.BytesIO()
        Image.new("RGB", (64, 64), "white").save(blank, "PNG")
        await self.describe(blank.getvalue(), "low")

    async def aclose(self) -> None:
        await self._worker.aclose()
        self._reader = None

    async def describe(self, image: bytes, detail: Literal["auto", "low", "high"]) -> str:
        """The text on a PNG, JPEG or WebP with places and colours. Of several frames the first counts.

        Raises `EngineError`: `image_unreadable` for what cannot be decoded.
        """
        if self._reader is None:
            raise EngineError("engine_unavailable", "The engine ocr is not started.")
        return await self._worker.run(_describe, self._reader, image, detail)


def _describe(reader: TextReader, data: bytes, detail: str) -> str:
    side = LOW_DETAIL_SIDE if detail == "low" else LONGEST_SIDE
    picture, size = _decoded(data, side)
    return facts(picture, reader.lines(picture), size)


def _decoded(data: bytes, side: int) -> tuple[Image.Image, tuple[int, int]]:
    """A picture in RGB as people see it, its sides at most `side`, and the size that it had."""
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise EngineError("image_unreadable", f"The picture has more than {MAX_PIXELS} pixels.")
            size = image.size
            image.draft("RGB", (2 * side, 2 * side))
            picture = _flat(image)
    except EngineError:
        raise
    except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error and more
        raise EngineError("image_unreadable", "The picture cannot be decoded.") from error
    upright = ImageOps.exif_transpose(picture)
    if upright.size != picture.size:
        size = size[::-1]
    upright.thumbnail((side, side), Image.Resampling.LANCZOS)
    return upright, size


def _flat(image: Image.Image) -> Image.Image:
    """RGB, over white where it is transparent."""
    if image.mode.startswith("I"):  # 16 bits of grey, which Pillow would cut off at 255
        return Image.fromarray((np.asarray(image) >> 8).clip(0, 255).astype(np.uint8)).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    ground = Image.new("RGBA", image.size, "white")
    ground.alpha_composite(image.convert("RGBA"))
    return ground.convert("RGB")

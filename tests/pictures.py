"""Screens and papers that the tests draw, to ask questions about."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
INK: Colour = (30, 30, 30)


class Screen:
    """A picture of text and boxes."""

    def __init__(self, width: int, height: int, colour: Colour = (255, 255, 255)) -> None:
        self.image = Image.new("RGB", (width, height), colour)
        self._draw = ImageDraw.Draw(self.image)

    def text(self, x: int, y: int, words: str, size: int = 20, colour: Colour = INK) -> Screen:
        """Words whose top left corner is at (`x`, `y`)."""
        self._draw.text((x, y), words, font=ImageFont.load_default(size), fill=colour)
        return self

    def box(self, x: int, y: int, width: int, height: int, colour: Colour) -> Screen:
        """A box of one colour."""
        self._draw.rounded_rectangle((x, y, x + width, y + height), 8, fill=colour)
        return self

    def saved(self, kind: str = "PNG", **options: Any) -> bytes:
        """As a file."""
        return saved(self.image, kind, **options)


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """A picture as a file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def error_dialog() -> Screen:
    """A dialog of an installer that has failed: a red title bar, three lines, a blue and a grey button."""
    screen = Screen(960, 540, (225, 228, 232)).box(180, 100, 600, 330, (255, 255, 255))
    screen.box(180, 100, 600, 56, (178, 24, 24)).text(205, 114, "Update failed", 26, (255, 255, 255))
    screen.text(215, 190, "There is not enough space on the disk.")
    screen.text(215, 228, "Error number 7312")
    screen.text(215, 266, "Free at least 25 gigabytes and start again.")
    screen.box(530, 350, 210, 52, (0, 98, 214)).text(560, 364, "Clean up now", 22, (255, 255, 255))
    return screen.box(300, 350, 190, 52, (205, 205, 205)).text(355, 364, "Not now", 22)


def invoice() -> Screen:
    """A bill on white paper."""
    screen = Screen(700, 900).text(60, 60, "Harbour Bicycle Repair", 32).text(60, 130, "Invoice 2041")
    for row, (what, price) in enumerate([("New chain", "34.00"), ("Brake pads", "18.50"), ("Labour", "45.00")]):
        screen.text(60, 240 + 50 * row, what).text(520, 240 + 50 * row, price)
    return screen.text(60, 430, "Total", 26).text(520, 430, "97.50 EUR", 26).text(60, 520, "Please pay before 30 June.")


def meadow() -> Image.Image:
    """Greens without any text."""
    rng = np.random.default_rng(1)
    return Image.fromarray((rng.random((12, 16, 3)) * 60 + [30, 110, 30]).astype(np.uint8)).resize((640, 480))

"""Lines of text on a picture with PP-OCR: one model finds them, another reads each of them.

Finding (Liao et al., "Real-time Scene Text Detection with Differentiable Binarization", 2020): the model gives for
each pixel how likely it belongs to the shrunk middle of a line; each region of likely pixels is grown back to the line.
Reading: a line of 48 pixels in height becomes scores of every character at every 8th column (CTC).

The models see blue first and red last, from -1 to 1, as they were trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from vivavoce.engines import onnx
from vivavoce.engines.ocr.regions import Rectangle, regions, smallest_rectangle

LONGEST_SIDE = 1600
"""Pixels of what is looked through: finding needs about 200 MB for 1600 x 1100, and 450 for 2000 x 1300."""
SHORTEST_SIDE = 736
"""A smaller one is made larger, so that small print is found."""
MOST_LINES = 200
_STEP = 32
"""The sides of what the finder takes are multiples of it."""
_LIKELY = 0.3
_CERTAIN = 0.5
"""Mean likelihood that makes a region a line."""
_WELL_READ, _READ = 0.85, 0.6
"""Mean score of the characters of what is certainly right, and of what is no text at all."""
_GROW = 1.6
"""A line's rectangle grows by this part of its area over its circumference."""
_MIN_SIDE = 3
_LINE_HEIGHT = 48
_WIDEST_LINE = 3200
_UPRIGHT_RATIO = 1.5
"""What is so many times as high as it is wide is a line that runs upwards."""

Rgb = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text, and where it is, in pixels of the picture that was read."""

    text: str
    place: Rectangle


class TextReader:
    """Finds and reads lines. `folder` holds both models, `threads` is for each call. Blocking, not for two at once."""

    def __init__(self, folder: Path, threads: int) -> None:
        self._finder = onnx.load(folder / "PP-OCRv6_det_small.onnx", "text detection", threads, keep=False)
        self._reader = onnx.load(folder / "PP-OCRv6_rec_small.onnx", "text recognition", threads, keep=False)
        characters = self._reader.get_modelmeta().custom_metadata_map["character"].splitlines()
        self._characters = np.array(["", *characters, " "])  # CTC's blank comes first

    def lines(self, picture: Image.Image) -> list[Line]:
        """The lines of an RGB picture, top to bottom."""
        found = [(place, self._either_way(_cut(picture, place))) for place in self._find(picture)]
        return [Line(text, place) for place, text in found if text]

    def _find(self, picture: Image.Image) -> list[Rectangle]:
        scale = max(1.0, SHORTEST_SIDE / min(picture.size))
        scale = min(scale, LONGEST_SIDE / max(picture.size))
        width, height = (max(_STEP, round(side * scale / _STEP) * _STEP) for side in picture.size)
        likely = self._run(self._finder, picture.resize((width, height), Image.Resampling.BILINEAR))[0, 0]
        mask = likely > _LIKELY
        mask[1:] |= mask[:-1]
        mask[:, 1:] |= mask[:, :-1]
        places = []
        for region in regions(mask):
            place = smallest_rectangle(region)
            if min(place.width, place.height) < _MIN_SIDE or region.mean(likely) < _CERTAIN:
                continue
            grown = place.grown(_GROW * place.width * place.height / (2 * (place.width + place.height)))
            places.append(grown.scaled(picture.width / width, picture.height / height))
        return places[:MOST_LINES]

    def _either_way(self, line: Image.Image) -> str:
        """The text, also where it stands on its head; empty where nothing is read with certainty."""
        text, certainty = self._read(line)
        if certainty < _WELL_READ:
            text, certainty = max((text, certainty), self._read(line.rotate(180)), key=lambda each: each[1])
        return text if certainty >= _READ else ""

    def _read(self, line: Image.Image) -> tuple[str, float]:
        width = min(max(_LINE_HEIGHT, round(line.width * _LINE_HEIGHT / line.height)), _WIDEST_LINE)
        scores = self._run(self._reader, line.resize((width, _LINE_HEIGHT), Image.Resampling.BILINEAR))[0]
        best, certain = scores.argmax(axis=1), scores.max(axis=1)
        kept = (best > 0) & np.concatenate([[True], best[1:] != best[:-1]])
        if not kept.any():
            return "", 0.0
        return "".join(self._characters[best[kept]]).strip(), float(certain[kept].mean())

    def _run(self, model: onnxruntime.InferenceSession, picture: Image.Image) -> NDArray[np.float32]:
        pixels = np.asarray(picture, np.float32)[:, :, ::-1].transpose(2, 0, 1) / np.float32(127.5) - np.float32(1)
        scores: NDArray[np.float32] = model.run(None, {"x": pixels[None]})[0]
        return scores


def _cut(picture: Image.Image, place: Rectangle) -> Image.Image:
    """The line, turned upright."""
    size = max(1, round(place.width)), max(1, round(place.height))
    corners = [each for corner in place.corners for each in corner]
    line = picture.transform(size, Image.Transform.QUAD, corners, Image.Resampling.BICUBIC)
    return line.transpose(Image.Transpose.ROTATE_90) if line.height >= line.width * _UPRIGHT_RATIO else line

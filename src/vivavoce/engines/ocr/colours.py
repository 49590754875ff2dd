"""What colours are called, and which of them a picture is made of: measured, not guessed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]

_PALETTE = {
    "black": ((0, 0, 0), (28, 28, 28)),
    "dark grey": ((64, 64, 64), (85, 85, 85)),
    "grey": ((128, 128, 128), (150, 150, 150)),
    "light grey": ((211, 211, 211), (190, 190, 190), (225, 228, 232)),
    "white": ((255, 255, 255), (245, 247, 250)),
    "red": ((255, 0, 0), (214, 40, 40), (230, 70, 70), (200, 0, 0)),
    "dark red": ((128, 0, 0), (100, 15, 20)),
    "pink": ((255, 192, 203), (255, 105, 180), (240, 98, 146)),
    "orange": ((255, 140, 0), (255, 165, 0), (240, 110, 30)),
    "brown": ((121, 72, 40), (92, 58, 33), (150, 95, 55)),
    "beige": ((245, 222, 179), (230, 215, 190)),
    "yellow": ((255, 235, 0), (250, 210, 50), (255, 245, 120)),
    "green": ((0, 160, 0), (25, 135, 84), (40, 167, 69), (0, 200, 83), (100, 180, 60), (0, 255, 0)),
    "dark green": ((0, 80, 0), (20, 70, 40)),
    "light green": ((160, 230, 160), (190, 240, 170)),
    "turquoise": ((0, 190, 190), (0, 150, 136), (64, 224, 208)),
    "light blue": ((173, 216, 230), (130, 190, 245), (200, 225, 250)),
    "blue": ((0, 90, 220), (0, 0, 255), (33, 120, 240), (60, 100, 180), (25, 60, 180)),
    "dark blue": ((0, 0, 110), (25, 45, 95), (15, 25, 60)),
    "purple": ((128, 0, 128), (103, 58, 183), (140, 80, 200), (170, 0, 255)),
}
"""Each name with the colours that people would call so."""
_NEAR = 12.0
"""A distance in CIELAB below which two colours look alike."""


def lab(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """CIELAB (D65) of sRGB pixels; the last axis is red, green, blue. Distances in it are those that eyes see."""
    linear = np.where(pixels <= 10, pixels / 3294.6, ((pixels / 255 + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _TO_XYZ
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    light, a, b = 116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])
    return np.stack([light, a, b], axis=-1).astype(np.float32)


_TO_XYZ = np.array([[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]]) / [
    0.9505,
    1.0,
    1.089,
]
_NAMES = [name for name, samples in _PALETTE.items() for _ in samples]
_SAMPLES = lab(np.array([sample for samples in _PALETTE.values() for sample in samples], np.uint8))


def name(colour: NDArray[np.uint8]) -> str:
    """What one colour (red, green, blue) is called."""
    return _NAMES[int(np.argmin(np.linalg.norm(_SAMPLES - lab(colour), axis=1)))]


def shares(pixels: Rgb) -> list[tuple[str, float]]:
    """Names of the colours of pixels, each with the part of them that it has; the most frequent first."""
    flat = pixels.reshape(-1, 3)
    # Of every 4 levels one will do: 64 of each primary instead of 256.
    levels, counts = np.unique(flat >> 2, axis=0, return_counts=True)
    found: dict[str, int] = {}
    nearest = np.argmin(np.linalg.norm(lab(levels << 2 | 2)[:, None] - _SAMPLES, axis=2), axis=1)
    for sample, count in zip(nearest.tolist(), counts.tolist(), strict=True):
        found[_NAMES[sample]] = found.get(_NAMES[sample], 0) + count
    return sorted(((which, count / len(flat)) for which, count in found.items()), key=lambda each: -each[1])


def prevailing(pixels: Rgb) -> Rgb:
    """The most frequent colour; of colours that hardly differ, their mean."""
    flat = pixels.reshape(-1, 3)
    levels, which, counts = np.unique(flat >> 4, axis=0, return_inverse=True, return_counts=True)
    del levels
    most: Rgb = flat[which.reshape(-1) == int(np.argmax(counts))].mean(axis=0).round().astype(np.uint8)
    return most


def alike(pixels: Rgb, colour: Rgb) -> NDArray[np.bool_]:
    """Which pixels look like this colour."""
    near: NDArray[np.bool_] = np.linalg.norm(lab(pixels) - lab(colour), axis=-1) < _NEAR
    return near


def most_unlike(pixels: Rgb, colour: Rgb) -> Rgb:
    """The colour of what stands out most: the ink of a text, where `colour` is its paper."""
    flat = pixels.reshape(-1, 3)
    distance = np.linalg.norm(lab(flat) - lab(colour), axis=1)
    ink: Rgb = np.median(flat[distance >= np.quantile(distance, 0.97)], axis=0).astype(np.uint8)
    return ink

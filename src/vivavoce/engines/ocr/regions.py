"""Connected regions of a mask, and the smallest rectangle around one: what finding text and coloured boxes needs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ANGLES = np.radians(np.arange(-45.0, 45.0, 1.0))
_UPRIGHT_BONUS = 1.05
"""A tilted rectangle must be that much smaller than the upright one: most text is upright."""


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A connected region as its runs: `rows[i]` holds pixels from `starts[i]` to before `ends[i]`."""

    rows: NDArray[np.intp]
    starts: NDArray[np.intp]
    ends: NDArray[np.intp]

    @property
    def area(self) -> int:
        """Pixels of it."""
        return int(np.sum(self.ends - self.starts))

    @property
    def box(self) -> tuple[int, int, int, int]:
        """The upright rectangle around it: left, top, right, bottom; right and bottom are just outside."""
        return int(self.starts.min()), int(self.rows.min()), int(self.ends.max()), int(self.rows.max()) + 1

    def mean(self, values: NDArray[np.float32]) -> float:
        """The mean of `values`, which has the mask's shape, over the region."""
        runs = zip(self.rows.tolist(), self.starts.tolist(), self.ends.tolist(), strict=True)
        return float(sum(values[row, start:end].sum() for row, start, end in runs)) / self.area


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A rectangle around (`x`, `y`), turned clockwise by `angle` radians from upright."""

    x: float
    y: float
    width: float
    height: float
    angle: float

    def grown(self, by: float) -> Rectangle:
        """With sides moved out by this much."""
        return Rectangle(self.x, self.y, self.width + 2 * by, self.height + 2 * by, self.angle)

    def scaled(self, x: float, y: float) -> Rectangle:
        """In an image whose sides are so many times as long."""
        return Rectangle(self.x * x, self.y * y, self.width * x, self.height * y, self.angle)

    @property
    def corners(self) -> list[tuple[float, float]]:
        """Top left, bottom left, bottom right, top right: as it stands when turned back."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        half_w, half_h = self.width / 2, self.height / 2
        offsets = ((-half_w, -half_h), (-half_w, half_h), (half_w, half_h), (half_w, -half_h))
        return [(self.x + dx * cos - dy * sin, self.y + dx * sin + dy * cos) for dx, dy in offsets]


def regions(mask: NDArray[np.bool_]) -> list[Region]:
    """The regions of a mask (rows x columns), connected by sides or corners, from top to bottom."""
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(edges == 1)
    ends = np.nonzero(edges == -1)[1]
    roots = _joined(rows.tolist(), starts.tolist(), ends.tolist())
    order = np.argsort(roots, kind="stable")
    cuts = np.flatnonzero(np.diff(roots[order])) + 1
    return [Region(rows[part], starts[part], ends[part]) for part in np.split(order, cuts) if len(part)]


def _joined(rows: list[int], starts: list[int], ends: list[int]) -> NDArray[np.intp]:
    """For each run the first run of its region."""
    parents = list(range(len(rows)))

    def root(run: int) -> int:
        while parents[run] != run:
            parents[run] = parents[parents[run]]
            run = parents[run]
        return run

    above = 0
    for run in range(len(rows)):
        while rows[above] < rows[run] - 1 or (rows[above] == rows[run] - 1 and ends[above] < starts[run]):
            above += 1
        other = above
        while rows[other] == rows[run] - 1 and starts[other] <= ends[run]:
            first, second = sorted((root(other), root(run)))
            parents[second] = first
            other += 1
    return np.array([root(run) for run in range(len(rows))], dtype=np.intp)


def smallest_rectangle(region: Region) -> Rectangle:
    """The rectangle of the least area around a region, turned by less than 45 degrees."""
    x = np.concatenate([region.starts, region.ends])
    y = np.concatenate([region.rows, region.rows])
    x = np.concatenate([x, x]).astype(np.float64)
    y = np.concatenate([y, y + 1]).astype(np.float64)
    cos, sin = np.cos(_ANGLES)[:, None], np.sin(_ANGLES)[:, None]
    along, across = x * cos + y * sin, y * cos - x * sin
    widths, heights = np.ptp(along, axis=1), np.ptp(across, axis=1)
    areas = widths * heights
    upright = int(np.argmin(np.abs(_ANGLES)))
    best = int(np.argmin(areas))
    if areas[upright] <= areas[best] * _UPRIGHT_BONUS:
        best = upright
    middle, height = (along[best].max() + along[best].min()) / 2, (across[best].max() + across[best].min()) / 2
    angle = float(_ANGLES[best])
    return Rectangle(
        x=float(middle * math.cos(angle) - height * math.sin(angle)),
        y=float(middle * math.sin(angle) + height * math.cos(angle)),
        width=float(widths[best]),
        height=float(heights[best]),
        angle=angle,
    )

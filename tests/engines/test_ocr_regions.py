"""Regions of a mask, and rectangles around them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from vivavoce.engines.ocr.regions import Rectangle, regions, smallest_rectangle


def mask(*rows: str) -> np.ndarray:
    return np.array([[mark == "#" for mark in row] for row in rows])


def test_what_touches_by_a_side_or_a_corner_is_one_region() -> None:
    found = regions(mask("##..#", "..#.#", "....#", "#...."))
    assert sorted((region.box, region.area) for region in found) == [
        ((0, 0, 3, 2), 3),
        ((0, 3, 1, 4), 1),
        ((4, 0, 5, 3), 3),
    ]


def test_branches_that_meet_below_are_one_region() -> None:
    (region,) = regions(mask("#.#.#", "#.#.#", "#####"))
    assert (region.box, region.area) == ((0, 0, 5, 3), 11)


def test_nothing_has_no_regions() -> None:
    assert regions(mask("...", "...")) == []


@given(st.lists(st.lists(st.booleans(), min_size=7, max_size=7), min_size=1, max_size=7))
def test_every_pixel_is_in_one_region_and_neighbours_are_in_the_same(rows: list[list[bool]]) -> None:
    marks = np.array(rows)
    owner = np.zeros(marks.shape, int)
    for number, region in enumerate(regions(marks), 1):
        for row, start, end in zip(region.rows, region.starts, region.ends, strict=True):
            assert not owner[row, start:end].any()
            owner[row, start:end] = number
    assert ((owner > 0) == marks).all()
    for y, x in np.argwhere(marks):
        around = owner[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
        assert set(around[around > 0].tolist()) == {owner[y, x]}


def test_the_mean_over_a_region() -> None:
    (region,) = regions(mask("##", "#."))
    assert region.mean(np.array([[1, 2], [6, 100]], np.float32)) == 3.0


@pytest.mark.parametrize("angle", [-30, -10, 0, 20])
def test_the_smallest_rectangle_is_turned_as_the_region_is(angle: float) -> None:
    image = Image.new("L", (300, 300))
    place = Rectangle(150, 150, 160, 30, np.radians(angle))
    ImageDraw.Draw(image).polygon(place.corners, fill=255)
    (region,) = regions(np.asarray(image) > 0)
    found = smallest_rectangle(region)
    assert (found.x, found.y) == pytest.approx((150, 150), abs=2)
    assert (found.width, found.height) == pytest.approx((160, 30), abs=4)
    assert np.degrees(found.angle) == pytest.approx(angle, abs=1.5)

"""Colours by name, and which of them pixels have."""

from __future__ import annotations

import numpy as np
import pytest

from vivavoce.engines.ocr import colours


def rgb(*colour: int) -> np.ndarray:
    return np.array(colour, np.uint8)


@pytest.mark.parametrize(
    ("colour", "name"),
    [
        ((5, 5, 8), "black"),
        ((250, 250, 252), "white"),
        ((120, 122, 125), "grey"),
        ((220, 53, 69), "red"),
        ((13, 110, 253), "blue"),
        ((25, 135, 84), "green"),
        ((255, 193, 7), "yellow"),
        ((253, 126, 20), "orange"),
        ((111, 66, 193), "purple"),
        ((32, 201, 151), "turquoise"),
        ((13, 20, 70), "dark blue"),
    ],
)
def test_colours_that_pages_use_have_the_names_that_people_use(colour: tuple[int, int, int], name: str) -> None:
    assert colours.name(rgb(*colour)) == name


def test_black_and_white_are_the_ends_of_lightness() -> None:
    assert colours.lab(rgb(0, 0, 0)) == pytest.approx((0, 0, 0), abs=0.1)
    assert colours.lab(rgb(255, 255, 255)) == pytest.approx((100, 0, 0), abs=0.1)


def test_shares_say_what_a_picture_is_made_of() -> None:
    pixels = np.full((10, 10, 3), 255, np.uint8)
    pixels[:3] = (200, 0, 0)
    assert colours.shares(pixels) == [("white", 0.7), ("red", 0.3)]


def test_the_ink_is_what_differs_most_from_the_paper() -> None:
    pixels = np.full((20, 20, 3), 250, np.uint8)
    pixels[5:15, 9] = (128, 128, 140)
    pixels[5:15, 10] = (10, 10, 120)
    paper = colours.prevailing(pixels)
    assert paper.tolist() == [250, 250, 250]
    assert colours.name(colours.most_unlike(pixels, paper)) == "dark blue"


def test_alike_is_what_the_eye_cannot_tell_apart() -> None:
    pixels = np.array([[[0, 98, 214], [4, 100, 210], [120, 160, 230]]], np.uint8)
    assert colours.alike(pixels, rgb(0, 98, 214)).tolist() == [[True, True, False]]

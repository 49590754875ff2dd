"""Pictures in a request, and what they cost."""

from __future__ import annotations

import base64
import math

from vivavoce.engines.openai.payload import Json
from vivavoce.ports import Image

BASE_TOKENS = 85
TILE_TOKENS = 170
TILE = 512
"""Pixels of a tile's side."""
LONGEST_SIDE = 2048
SHORTEST_SIDE = 768


def part(image: Image) -> dict[str, Json]:
    """A part of a message's content."""
    url = f"data:{image.media_type};base64,{base64.b64encode(image.data).decode()}"
    return {"type": "image_url", "image_url": {"url": url, "detail": image.detail}}


def tokens(image: Image) -> int:
    """About what a picture takes of the prompt: no server says it, so by the formula that OpenAI published for GPT-4o.

    A base, and something for each tile of 512 pixels after it was made to fit 2048x2048 and then to have a short side
    of 768. "low" is the base alone; "auto" counts as "high".
    """
    if image.detail == "low":
        return BASE_TOKENS
    scale = min(1.0, LONGEST_SIDE / max(image.width, image.height, 1))
    scale = min(scale, SHORTEST_SIDE / max(min(image.width, image.height), 1))
    across, down = (math.ceil(max(round(side * scale), 1) / TILE) for side in (image.width, image.height))
    return BASE_TOKENS + TILE_TOKENS * across * down

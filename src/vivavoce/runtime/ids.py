"""Random ids in the shapes of PROTOCOL.md 2.0, from a seed, so that a recorded session can be run again."""

from __future__ import annotations

import random
import secrets
import string

_ALPHABET = string.digits + string.ascii_letters
LENGTH = 21
"""Characters after the prefix: 125 bits, nobody guesses one."""


class RandomIds:
    """Ids that nobody can guess without the seed."""

    def __init__(self, seed: str | None = None) -> None:
        self.seed = seed or secrets.token_hex(32)
        self._random = random.Random(self.seed)

    def __call__(self, prefix: str) -> str:
        """A new id, such as `item_` and 21 base62 characters."""
        return f"{prefix}_{''.join(self._random.choices(_ALPHABET, k=LENGTH))}"

"""Which language each of a session's turns is in: the one that was named, or what the recogniser found."""

from __future__ import annotations

from vivavoce.languages import main_code, unparted
from vivavoce.ports import Transcript

MOST_TURNS = 1000
"""Turns that are remembered; the languages of those before no longer matter."""
TELLING_WORDS = 3
"""Fewer, as "OK" or "Hotel California", may be any language: they are taken for that of the turn before ..."""
TELLING_LETTERS = 14
"""... unless they have so many letters of a script that does not part words."""


class Languages:
    """Of one session."""

    def __init__(self) -> None:
        self._turns: dict[str, str] = {}
        self._latest: str | None = None
        """That of the latest turn that told."""

    def tell(self, item_id: str, heard: Transcript, named: str | None) -> None:
        """A turn's words are known. `named`: the language that the session says it is in."""
        if item_id in self._turns or not heard.text:
            return
        certain = _main(named) or _main(heard.named)
        found = certain or _main(heard.language)
        if not certain and self._latest is not None and not _telling(heard.text):
            found = self._latest
        if found is None:
            return
        self._latest = found
        self._turns[item_id] = found
        if len(self._turns) > MOST_TURNS:
            del self._turns[next(iter(self._turns))]

    def of(self, item_id: str) -> str | None:
        """ISO-639-1; None: nothing tells, or the words are not known yet."""
        return self._turns.get(item_id)


def _main(tag: str | None) -> str | None:
    """`es` for `es-MX`; None where it is to be detected."""
    code = main_code(tag or "")
    return None if code in ("", "auto") else code


def _telling(text: str) -> bool:
    return len(text.split()) >= TELLING_WORDS or unparted(text) >= TELLING_LETTERS

"""Which of Kokoro's voices speaks a language in place of another, and how a text is read for it.

A voice speaks its own language. Asked for another one it is silent, and a voice of the same sex that has learned that
language speaks for it: the foreign accents that come out otherwise cost more words than a change of voice costs ears.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

from vivavoce.engines.phonemes.italian_written import ITALIAN
from vivavoce.engines.phonemes.spanish_written import SPANISH

LETTERS = MappingProxyType({"en": "ab", "es": "e", "it": "i"})
"""What the voices of each language that we can read begin with."""
WRITTEN = MappingProxyType({"e": SPANISH, "i": ITALIAN})
"""Those of the languages that are read by rules, by the letter of their voices."""
STANDING_IN = MappingProxyType(
    {
        "en": {"f": "af_heart", "m": "am_michael"},
        "es": {"f": "ef_dora", "m": "em_alex"},
        "it": {"f": "if_sara", "m": "im_nicola"},
    }
)
"""Who speaks a language for voices that do not, women for women and men for men."""


def readable(files: Iterable[str]) -> list[str]:
    """The voices among `files` whose language we can read."""
    return [file for file in files if file[:1] in "".join(LETTERS.values()) and file[1:2] in ("f", "m")]


def spoken(files: Iterable[str]) -> tuple[str, ...]:
    """The languages that every voice can be heard in, by itself or by one that stands in."""
    there = set(files)
    return tuple(language for language in LETTERS if there >= set(STANDING_IN[language].values()))


def speaker(file: str, language: str | None) -> str:
    """The voice that is heard when this one shall speak `language`; None is its own."""
    if language is None or file[0] in LETTERS[language]:
        return file
    return STANDING_IN[language][file[1]]

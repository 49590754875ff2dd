"""What every part knows of languages: their names (a language model is told "German", not "de"), codes and spaces."""

from __future__ import annotations

import re
from types import MappingProxyType

_NAMES = (
    "ar Arabic, bg Bulgarian, bn Bengali, ca Catalan, cs Czech, da Danish, de German, el Greek, en English, "
    "es Spanish, et Estonian, fa Persian, fi Finnish, fr French, gl Galician, he Hebrew, hi Hindi, hr Croatian, "
    "hu Hungarian, id Indonesian, it Italian, ja Japanese, ko Korean, lt Lithuanian, lv Latvian, ms Malay, "
    "nl Dutch, no Norwegian, pl Polish, pt Portuguese, ro Romanian, ru Russian, sk Slovak, sl Slovenian, "
    "sr Serbian, sv Swedish, ta Tamil, th Thai, tl Tagalog, tr Turkish, uk Ukrainian, ur Urdu, vi Vietnamese, "
    "zh Chinese"
)
NAMES = MappingProxyType(dict(pair.split() for pair in _NAMES.split(", ")))


def language_name(code: str) -> str:
    """The English name; a code that is not in the list names itself."""
    return NAMES.get(code, code)


def main_code(tag: str) -> str:
    """`en` for `en-US`: the engines know languages, not countries."""
    return tag.lower().partition("-")[0]


_WIDE = "\u2e80"
"""From here on are the scripts of Chinese, Japanese and Korean; only Korean puts spaces between words."""
_HANGUL = ("\uac00", "\ud7a3")


def spaced(text: str, first: bool) -> str:
    """A piece of a running text, with the space that parts it from the piece before."""
    if first or text[:1].isspace() or (text[:1] >= _WIDE and not _HANGUL[0] <= text[:1] <= _HANGUL[1]):
        return text
    return f" {text}"


_UNPARTED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
"""Letters of Thai, Lao, Burmese, Khmer, Japanese and Chinese."""


def unparted(text: str) -> int:
    """How many of its letters are of a script that puts no spaces between words."""
    return len(_UNPARTED.findall(text))

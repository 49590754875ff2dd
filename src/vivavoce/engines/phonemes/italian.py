"""The sounds of Italian words. Spelling says nearly everything but where the stress is, unless it is on the last vowel.

It is on the last but one otherwise, and before that in words with certain endings and in a hundred others.
Source: the rules of Italian orthography, and the phonemes of espeak-ng's voice `it` as the target to compare with.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from vivavoce.engines.phonemes.italian_stress import early, parted

_LIGHT = (
    "il lo la i gli le un uno una di a da in con su per tra fra e ed o ma se che non mi ti si ci vi li ne del dello"
    " della dei degli delle al allo alla ai agli alle dal dalla dai nel nella nei nelle sul sulla sui è ho ha hai"
)
UNSTRESSED = frozenset(_LIGHT.split())
"""Words without a stress of their own."""
RESPELLED = {
    "computer": "compiùter",
    "email": "iméil",
    "mail": "méil",
    "online": "onlàin",
    "wifi": "uàifai",
    "wi-fi": "uàifai",
    "internet": "ìnternet",
    "google": "gùgol",
    "facebook": "féisbuk",
    "youtube": "iutùb",
    "whatsapp": "uòtsap",
    "iphone": "àifon",
    "software": "sòftuer",
    "weekend": "uìkend",
    "film": "film",
    "bar": "bar",
    "sport": "spòrt",
    "hotel": "otèl",
    "autobus": "àutobus",
    "cristoforo": "cristòforo",
    "ok": "okèi",
    "okay": "okèi",
    "londra": "lóndra",
}
"""Words whose spelling is not Italian, as an Italian would have to spell them."""
_ACCENTED = str.maketrans("àèéìíòóùú", "aeeiioouu")
_VOWELS = "aeiouàèéìíòóùú"
_FRONT = "eièéìí"
_LETTERS = re.compile(
    rf"sc(?=[{_FRONT}])|gli(?=[{_VOWELS}])|gli(?![a-zàèéìòù])|gn|cch|ggh|ch|gh|cqu|qu|zz"
    rf"|cc(?=[{_FRONT}])|gg(?=[{_FRONT}])|c(?=[{_FRONT}])|g(?=[{_FRONT}])|([bcdfgklmnprstvx])\1|."
)
_SOUNDS = {
    "sc": "ʃ",
    "gn": "ɲɲ",
    "cch": "kː",
    "ggh": "ɡː",
    "ch": "k",
    "gh": "ɡ",
    "cqu": "kːw",
    "qu": "kw",
    "zz": "ʦː",
    "rr": "rɾ",
    "ss": "S",
    "ll": "ll",
    "mm": "mm",
    "nn": "nn",
    "ff": "ff",
    "vv": "vv",
    "b": "b",
    "c": "k",
    "ç": "s",
    "d": "d",
    "f": "f",
    "g": "ɡ",
    "h": "",
    "j": "j",
    "k": "k",
    "l": "l",
    "m": "m",
    "n": "n",
    "ñ": "ɲ",
    "p": "p",
    "q": "k",
    "r": "r",
    "t": "t",
    "v": "v",
    "w": "w",
    "x": "ks",
    "y": "i",
    "'": "",
}
_SOFT = {"cc": "ʧː", "gg": "ʤː", "c": "ʧ", "g": "ʤ", "sc": "ʃ"}
"""Before `e` and `i`, which is only a sign of that before another vowel."""
_VOICED = tuple("bdɡlmnrvʤ")
_CLOSED = re.compile(r"(?:e(?:S|zz|t[ta]|ʃ|ʎ|ɲ|v|r[aeio]$|s|z|k|n[aeio])|o(?:n|m|l|ʧ|v|z|r[aeio]$|ʎ|ɲ|S|p))")


@dataclass(slots=True)
class _Sound:
    """A consonant, a glide or the vowel of a syllable."""

    text: str
    vowel: bool = False
    accented: bool = False
    closed: bool = False
    """The accent says so."""


def word(spelling: str, before: str) -> str:
    """The phonemes of a word in lower case; `before`, those of the word before, changes nothing.

    What is no Latin letter has no sound.
    """
    spelling = parted(_latin(RESPELLED.get(spelling, spelling)))
    sounds = _sounds(spelling)
    if not sounds:
        return ""
    vowels = [sound for sound in sounds if sound.vowel]
    main = _stressed(vowels, spelling)
    if main is not None and spelling not in UNSTRESSED:
        _open(sounds, vowels, main)
    for number, vowel in enumerate(vowels):
        stressed = number == main and spelling not in UNSTRESSED
        if stressed:
            vowel.text = f"ˈ{vowel.text}"
        elif vowel.text == "u":
            vowel.text = "ʊ"
        elif vowel.text == "i" and vowel is sounds[-1]:
            vowel.text = "ɪ"
    return "".join(sound.text for sound in sounds)


def unchanged(said: str, following: str) -> str:
    """Words do not change before others."""
    return said


def _latin(spelling: str) -> str:
    """Without the accents that Italian does not have."""
    composed = unicodedata.normalize("NFC", spelling.replace("’", "'"))
    kept = [each if each in _VOWELS + "ñ" else unicodedata.normalize("NFD", each)[0] for each in composed]
    return "".join(letter for letter in kept if letter in _VOWELS or letter in _SOUNDS or letter in "sz")


def _sounds(spelling: str) -> list[_Sound]:
    sounds: list[_Sound] = []
    for match in _LETTERS.finditer(spelling):
        letters, after = match[0], spelling[match.end() :]
        if letters in _VOWELS:
            sounds.append(_vowel(letters, after, sounds))
        elif letters.startswith("gli"):
            sounds.append(_Sound("ʎ"))
            sounds += [] if after else [_Sound("i", vowel=True)]
        elif letters in _SOFT and after[:1] in tuple(_FRONT):
            sounds.append(_Sound(_SOFT[letters]))
        else:
            sounds.append(_Sound(_consonant(letters, spelling[: match.start()], after)))
    return [sound for sound in sounds if sound.text]


def _vowel(letter: str, after: str, sounds: list[_Sound]) -> _Sound:
    """A vowel of a syllable, or the glide that it is beside another."""
    plain = letter.translate(_ACCENTED)
    accented, closed = plain != letter, letter in "éó"
    vowel_follows = bool(after) and after[0] in _VOWELS
    last = sounds[-1].text if sounds else ""
    if plain == "i" and not accented and vowel_follows:
        if last in _SOFT.values():
            return _Sound("")  # "ciao"
        return _Sound("j")
    if plain == "u" and not accented and vowel_follows and after[0] != "u":
        return _Sound("w" if not last or last in ("k", "ɡ") else "ʊ")
    if plain in "iu" and not accented and sounds and sounds[-1].vowel and sounds[-1].text in "aeo":
        return _Sound("ʊ" if plain == "u" else "j" if sounds[-1].text == "a" else "i")
    return _Sound(plain, vowel=True, accented=accented, closed=closed)


def _consonant(letters: str, before: str, after: str) -> str:
    if letters == "z":
        return "ʣ" if not before else "ʦ"
    if letters == "s":
        first = _SOUNDS.get(after[:1], "")
        between = bool(before) and before[-1] in _VOWELS and after[:1] in tuple(_VOWELS)
        return "z" if between or (after and first[:1] in _VOICED and first) else "s"
    if letters == "n":
        return "ŋ" if after[:1] == "g" and after[:2] not in ("ge", "gi") else "n"
    if letters == "gn" and not before:
        return "ɲ"
    if letters in _SOUNDS:
        return _SOUNDS[letters]
    return f"{_SOUNDS[letters[0]]}ː"


def _stressed(vowels: list[_Sound], spelling: str) -> int | None:
    """Which of the vowels has the stress."""
    accents = [number for number, vowel in enumerate(vowels) if vowel.accented]
    if accents:
        return accents[-1]
    if not vowels:
        return None
    if spelling[-1] not in _VOWELS:
        return len(vowels) - 1 if len(vowels) < 2 or spelling[-1] not in "nrl" else len(vowels) - 2
    if len(vowels) > 1 and re.search(r"[aeo]i$", spelling):
        return len(vowels) - 1  # "vorrei"
    back = 3 if early(spelling.rpartition("'")[2]) else 2
    return max(0, len(vowels) - back)


def _open(sounds: list[_Sound], vowels: list[_Sound], main: int) -> None:
    """Stressed `e` and `o` are often open; where they are does not change what is understood."""
    vowel = vowels[main]
    if vowel.accented and vowel is sounds[-1] and vowel.closed:
        return
    at = next(number for number, sound in enumerate(sounds) if sound is vowel)
    if vowel.text not in ("e", "o"):
        return
    behind = "".join(sound.text for sound in sounds[at:])
    glide = at > 0 and (vowel.text + sounds[at - 1].text) in ("ej", "ow", "oʊ")
    third_last = main < len(vowels) - 2
    closed = behind.startswith("ent") and behind not in ("ente", "enti")  # "momento"
    if not closed and (glide or third_last or not _CLOSED.match(behind)):
        vowel.text = {"e": "ɛ", "o": "ɔ"}[vowel.text]

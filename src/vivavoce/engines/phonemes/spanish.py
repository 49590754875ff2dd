"""The sounds of Spanish words: spelling says nearly everything, the stress included.

The accent is that of northern Spain: `z`, and `c` before `e` and `i`, are θ, which is what the Spanish voices learned.
Source: the rules of Spanish orthography, and the phonemes of espeak-ng's voice `es` as the target to compare with.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

PAUSE = ""
"""Before a word: nothing, the speaker begins here."""

_LIGHT = (
    "el la los las de del a al en con sin por que y e o u si me te se lo le les nos os mi mis tu tus su sus tras quien"
)
UNSTRESSED = frozenset(_LIGHT.split())
"""Words without a stress of their own."""
_HALF = (
    "es para porque como cuando donde pero sobre hasta desde hacia ante bajo entre aunque mientras nuestro nuestra"
    " nuestros nuestras vuestro vuestra vuestros vuestras"
)
HALF_STRESSED = frozenset(_HALF.split())
"""Words that are stressed less than others."""
RESPELLED = {
    "méxico": "méjico",
    "mexicano": "mejicano",
    "mexicana": "mejicana",
    "mexicanos": "mejicanos",
    "mexicanas": "mejicanas",
    "oaxaca": "oajaca",
    "texas": "tejas",
    "software": "sóftwer",
    "hardware": "járdwer",
    "email": "iméil",
    "mail": "meil",
    "online": "onláin",
    "wifi": "wífi",
    "wi-fi": "wífi",
    "internet": "internét",
    "google": "gúguel",
    "facebook": "féisbuk",
    "youtube": "yutúb",
    "twitter": "twíter",
    "whatsapp": "wátsap",
    "iphone": "áifon",
    "apple": "ápel",
    "microsoft": "máikrosoft",
    "netflix": "nétfliks",
    "marketing": "márketin",
    "parking": "párkin",
    "shopping": "shópin",
    "streaming": "estrímin",
    "smartphone": "esmárfon",
    "smart": "esmárt",
    "show": "shou",
    "sandwich": "sángüich",
    "sándwich": "sángüich",
    "washington": "wáshinton",
    "shakespeare": "shéikspir",
    "new": "niu",
    "york": "yórk",
    "john": "yon",
    "james": "yéims",
    "george": "yórsh",
    "mike": "máik",
    "jazz": "yas",
    "rock": "rok",
    "football": "fútbol",
    "feedback": "fídbak",
    "app": "ap",
    "apps": "aps",
    "ok": "okéi",
    "okay": "okéi",
    "web": "web",
    "windows": "wíndous",
    "the": "de",
    "house": "jáus",
    "home": "jóum",
    "time": "táim",
    "hello": "jelóu",
    "city": "síti",
    "street": "estrít",
    "university": "yunivérsiti",
    "united": "yunáited",
    "states": "estéits",
    "chatgpt": "chat yepeté",
    "openai": "óupen eiái",
}
"""Words whose spelling is not Spanish, and some names, as a Spaniard would have to spell them."""
_MUY = "mˈuj"
"""The one word whose `y` gives way to its `u`."""
_MENTE = re.compile(r"(.{3,})mente$")
_VERBS = (
    "aumente fomente alimente comente lamente experimente implemente complemente argumente documente demente vehemente"
    " clemente cemente ornamente reglamente cimente"
)
_NO_ADVERB = frozenset(_VERBS.split())
_ACCENTED = str.maketrans("áéíóú", "aeiou")
_LETTERS = re.compile(
    r"ch|sh|ll|rr|qu(?=[eiéí])|gu(?=[eiéí])|gü|ph|th|ck|tz|zz|([bdfgkmpst])\1|cc(?![eiéí])|c(?=[eiéí])|g(?=[eiéí])|."
)
_CONSONANTS = {
    "ch": "ʧ",
    "sh": "ʃ",
    "ll": "ʎ",
    "rr": "r",
    "ph": "f",
    "th": "t",
    "ck": "k",
    "tz": "ʦ",
    "zz": "ʦ",
    "b": "b",
    "c": "k",
    "d": "d",
    "f": "f",
    "g": "ɡ",
    "j": "x",
    "k": "k",
    "l": "l",
    "m": "m",
    "n": "n",
    "ñ": "ɲ",
    "p": "p",
    "s": "s",
    "t": "t",
    "v": "b",
    "w": "w",
    "z": "θ",
    "ç": "s",
    "ß": "s",
}
_GLIDES = {"i": "j", "u": "w"}
_FALLING = {"ai": "I", "ei": "A", "oi": "oɪ", "au": "W", "eu": "eʊ", "ou": "ow"}
"""Diphthongs in one syllable, unless the accent of the spelling is on their first vowel."""


@dataclass(slots=True)
class _Sound:
    """A consonant, a glide or the vowel of a syllable."""

    text: str
    vowel: bool = False
    accented: bool = False
    apart: bool = False
    """There is an `h` before it: it makes no diphthong with the vowel before that."""


def word(spelling: str, before: str) -> str:
    """The phonemes of a word in lower case. `before`: those of the word before, or `PAUSE`.

    Letters that no Spanish word has are read as in the languages that they are usually from; what is no Latin letter
    has no sound.
    """
    if spelling == "muy":
        return _MUY
    spelling = _latin(RESPELLED.get(spelling, spelling))
    if " " in spelling:
        said: list[str] = []
        for each in spelling.split():
            said.append(word(each, said[-1] if said else before))
        return " ".join(said)
    if (adverb := _MENTE.fullmatch(spelling)) and spelling not in _NO_ADVERB:
        stem, end = _sounds(adverb[1]), _sounds("mente")
        _stress(stem, adverb[1], "ˈ")
        end[1].text = "ˈe"
        return _joined(stem + end, before)
    sounds = _sounds(spelling)
    if spelling not in UNSTRESSED:
        _stress(sounds, spelling, "ˌ" if spelling in HALF_STRESSED else "ˈ")
    return _joined(sounds, before)


def _latin(spelling: str) -> str:
    """Without the accents that Spanish does not have."""
    kept: list[str] = []
    for letter in unicodedata.normalize("NFC", spelling):
        plain = unicodedata.normalize("NFD", letter)[0]
        kept.append(letter if letter in "áéíóúüñç" else plain)
    return "".join(letter for letter in kept if letter in _CONSONANTS or letter in "aeiouáéíóúühqrxy ")


def _sounds(spelling: str) -> list[_Sound]:
    """What each letter, or group of letters, sounds like; then the glides of diphthongs."""
    sounds: list[_Sound] = []
    apart = False
    for match in _LETTERS.finditer(spelling):
        letters, at, end = match[0], match.start(), match.end()
        if letters == "h":
            apart = True
            continue
        sounds += _letter(letters, spelling[:at], spelling[end:])
        sounds[-1].apart, apart = apart, False
    return _diphthongs(sounds)


def _letter(letters: str, before: str, after: str) -> list[_Sound]:
    plain = letters.translate(_ACCENTED)
    if plain in "aeiou":
        return [_Sound(plain, vowel=True, accented=plain != letters)]
    match letters:
        case "ü":
            return [_Sound("u", vowel=True)]
        case "gü":
            return [_Sound("ɡ"), _Sound("w")]
        case "y":
            vowel_follows = after[:1].translate(_ACCENTED) in tuple("aeiou")
            return [_Sound("ʝ") if vowel_follows else _Sound("i", vowel=True)]
        case "qu" | "q":
            return [_Sound("k")]
        case "gu":
            return [_Sound("ɡ")]
        case "c" if after[:1] in tuple("eiéí"):
            return [_Sound("θ")]
        case "g" if after[:1] in tuple("eiéí"):
            return [_Sound("x")]
        case "r":
            rolled = not before or before[-1] in "nls"
            return [_Sound("r" if rolled else "ɾ")]
        case "x":
            return [_Sound("s")] if not before else [_Sound("k"), _Sound("s")]
        case "p" if not before and after[:1] in ("s", "t"):
            return [_Sound("")]
        case _ if len(letters) == 2 and letters not in _CONSONANTS:
            return [_Sound(_CONSONANTS[letters[0]])]
        case _:
            return [_Sound(_CONSONANTS[letters])]


def _diphthongs(sounds: list[_Sound]) -> list[_Sound]:
    """Unstressed `i` and `u` beside another vowel are no syllables of their own."""
    found: list[_Sound] = []
    for index, sound in enumerate(sounds):
        following = sounds[index + 1] if index + 1 < len(sounds) else None
        last = found[-1] if found else None
        closed = sound.vowel and not sound.accented and sound.text in ("i", "u")
        if closed and following is not None and following.vowel and following.text != sound.text:
            if following.apart:
                found.append(sound)
            else:
                glide = sound.text if _keeps_vowel(found) else _GLIDES[sound.text]
                found.append(_Sound(glide))
        elif closed and not sound.apart and last is not None and last.vowel and last.text in ("a", "e", "o"):
            _close(found, last, sound)
        else:
            found.append(sound)
    return found


def _keeps_vowel(before: list[_Sound]) -> bool:
    """After two consonants that end in `l` or `r`, and after a rolled one, a glide sounds like the vowel that it is."""
    if not before:
        return False
    if before[-1].text in ("r", "ʎ"):
        return True
    return before[-1].text in ("l", "ɾ") and (len(before) == 1 or not before[-2].vowel)


def _close(found: list[_Sound], last: _Sound, closing: _Sound) -> None:
    """`ai`, `eu` and so on: one syllable."""
    if last.accented:
        found.append(_Sound(closing.text))
    else:
        last.text = _FALLING[last.text + closing.text]


def _stress(sounds: list[_Sound], spelling: str, mark: str) -> None:
    """Put the mark before the stressed vowel, and lighter ones before every second vowel on the way to it."""
    vowels = [sound for sound in sounds if sound.vowel]
    if not vowels:
        return
    accents = [number for number, sound in enumerate(vowels) if sound.accented]
    open_end = spelling[-1] in "aeiouns"
    main = accents[-1] if accents else max(0, len(vowels) - (2 if open_end else 1))
    if vowels[main].text == "e" and _before_nasal(sounds, vowels[main]):
        vowels[main].text = "ɛ"
    for number in range(0, main - 1, 2):
        vowels[number].text = f"ˌ{vowels[number].text}"
    vowels[main].text = f"{mark}{vowels[main].text}"


def _before_nasal(sounds: list[_Sound], vowel: _Sound) -> bool:
    """Whether an `n` closes its syllable: that `e` is more open."""
    at = next(number for number, sound in enumerate(sounds) if sound is vowel)
    return "".join(sound.text for sound in sounds[at + 1 : at + 3]) in ("nt", "nd", "nθ", "ns", "nɡ")


def _joined(sounds: list[_Sound], before: str) -> str:
    """The word as it sounds behind another: `b`, `d` and `g` are only hard after a pause and a nasal."""
    said = ""
    texts = [sound.text for sound in sounds if sound.text]
    for index, text in enumerate(texts):
        following = texts[index + 1] if index + 1 < len(texts) else ""
        previous = (texts[index - 1] if index else before.rstrip("ˈˌ"))[-1:]
        said += _sounding(text, previous, following, first=index == 0)
    return said


_SOFT = {"b": "β", "d": "ð", "ɡ": "ɣ"}
_STOPPED = {"b": ("b", "d", "t"), "d": ("k", "m", "p", "t"), "ɡ": ("m", "n", "t")}
"""Before these they stay hard."""
_NASALS = tuple("mnŋɲ")


def _sounding(text: str, previous: str, following: str, *, first: bool) -> str:
    if text in _SOFT:
        hard = previous == PAUSE or previous in _NASALS or (not following and not first)
        stopped = following in _STOPPED[text]
        return text if hard or stopped else _SOFT[text]
    if text == "n":
        if following in ("b", "p", "f"):
            return "m"
        return {"ɡ": "ŋ", "x": "ŋ", "ʝ": "ɲ"}.get(following, "n")
    if text == "p" and following == "t":
        return "pː"
    return text


def nasal_before(said: str, following: str) -> str:
    """A word's phonemes, its last `n` as it sounds before those of the next word."""
    first = following.lstrip("ˈˌ")[:1]
    if said.endswith("n") and first in ("b", "p"):
        return f"{said[:-1]}m"
    return said

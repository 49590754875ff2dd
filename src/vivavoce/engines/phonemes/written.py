"""What is written and read otherwise: numbers, prices, times, dates, abbreviations, letters and signs, in words.

A text is read by what stands between its blanks, so that each shown word is known to end with all that is said for it.
What a language calls things is in its `Language`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vivavoce.engines.reading import Sentence, pieces

LONGEST_NUMBER = 15
"""Digits; nobody says more as a quantity, so each digit is read by itself."""
_MARKS = ';:,.!?—…"()“”'
"""Those that the voices know, as pauses and as melody."""
_PAUSES = ";:,.!?—…"
_CURLY = str.maketrans({"«": "“", "»": "”", "[": "(", "]": ")", "–": "—", "„": "“"})
_SHOWN = re.compile(r"\S+")
_SENTENCE_END = re.compile(r"(\S*[.!?…]+)[\"”»)\]]*\s+(?=[\"“«(\[¿¡]*[^\W_a-z])")
_PARTS = re.compile(r"(?P<lead>[^\w$€£¥%°+&@#=−-]*)(?P<core>.*?)(?P<trail>[^\w$€£¥%°ºª+&#='’]*)")
_QUANTITY = r"\d+(?:[.,\d]*\d)?"
_PRICED = re.compile(rf"(?P<minus>[-−])?(?P<before>US\$|[$€£¥])?(?P<number>{_QUANTITY})(?P<after>[$€£¥%°]|°[CF])?")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?:h|hs)?")
_DATE = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})")
_ISO_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_ORDINAL = re.compile(r"(\d{1,3})\.?(?:([ºo°])|([ªa])|(er))")
_RANGE = re.compile(r"(\d{1,9})[-–](\d{1,9})")
_ROMAN = re.compile(r"(?=[IVXLC])(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")
_ROMAN_DIGITS = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}
_PRONOUNCEABLE = re.compile(r"(?:[BCDFGJLMNPRSTV]?[AEIOU][NLRSDZ]?)+")
_PIECES = re.compile(r"\d+|[^\W\d_]+(?:['’][^\W\d_]*)*|[^\w\s]")
LONGEST_ACRONYM = 5
"""Letters; longer ones in capitals are words that are written loudly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """How a language says what is written in signs. Its words are in lower case."""

    word: Callable[[str, str], str]
    """The phonemes of a word, behind those of the word before it ("" after a pause)."""
    joined: Callable[[str, str], str]
    """The phonemes of a word as they sound before those of the next."""
    number: Callable[[int, str], str]
    """A quantity of what the next word names."""
    ordinal: Callable[[int, bool], str]
    """The first, the second; of something feminine or not."""
    clock: Callable[[int, int], str]
    """A time of day."""
    date: Callable[[int, int, int], str]
    """Day, month and year."""
    decimal: str
    minus: str
    until: str
    percent: str
    degrees: str
    currencies: Mapping[str, tuple[str, str]]
    """Of one and of several, by the sign."""
    cents: str
    """Between the whole units of money and the hundredths."""
    units: Mapping[str, tuple[str, str]]
    """Of one and of several, as they are written behind a number."""
    abbreviations: Mapping[str, str]
    """By how they are written without their last dot, in lower case."""
    letters: Mapping[str, str]
    """The name of each letter, in lower case."""
    signs: Mapping[str, str]
    numbered: frozenset[str]
    """Words, in lower case, behind which a Roman number is a cardinal one: "century"."""
    small: frozenset[str]
    """Words of one or two letters, which in capitals are still no abbreviations."""


def read(language: Language, text: str, longest: int) -> list[Sentence]:
    """The sentences of a text, those of more than `longest` phonemes in pieces. Text without words gives none."""
    sentences: list[Sentence] = []
    start = 0
    for match in [*_SENTENCE_END.finditer(text), None]:
        if match and match[1].strip('("“«¿¡').rstrip(".").lower() in language.abbreviations:
            continue
        end = match.end() if match else len(text)
        sentences += pieces(_sentence(language, text[start:end], start), longest)
        start = end
    return sentences


def _sentence(language: Language, text: str, at: int) -> Sentence:
    """One sentence, which begins at the character `at` of the text."""
    shown = list(_SHOWN.finditer(text))
    parts = [_taken_apart(match[0]) for match in shown]
    line = _Line(language)
    ends: list[tuple[int, int]] = []
    for number, (lead, core, trail) in enumerate(parts):
        previous = parts[number - 1][1] if number else ""
        following = parts[number + 1][1] if number + 1 < len(parts) and not _pauses(trail) else ""
        shortened = core.lower() in language.abbreviations and trail.startswith(".")
        if shortened and number + 1 < len(parts):
            trail = trail[1:]
        line.marks(lead)
        for said in words(language, core, previous, following, shortened):
            line.word(said)
        line.marks(trail)
        ends.append((line.sounded, at + shown[number].end()))
    return Sentence(line.phonemes, tuple(ends))


def _taken_apart(shown: str) -> tuple[str, str, str]:
    """The marks before what is shown, it, and the marks behind it."""
    match = _PARTS.fullmatch(shown)
    return (match["lead"], match["core"], match["trail"]) if match else ("", shown, "")


def _pauses(marks: str) -> bool:
    return any(mark in _PAUSES for mark in marks)


class _Line:
    """The phonemes of a sentence, as they come."""

    def __init__(self, language: Language) -> None:
        self._language = language
        self._last = ""
        """The phonemes of the word before; none after a pause."""
        self.phonemes = ""
        self.sounded = 0
        """Up to where there is something to hear."""

    def word(self, spelling: str) -> None:
        """One more word."""
        said = self._language.word(spelling, self._last.rpartition(" ")[2])
        if not said:
            return
        if self._last:
            before = self._language.joined(self._last, said)
            self.phonemes = self.phonemes[: len(self.phonemes) - len(self._last)] + before
        self.phonemes += f" {said}" if self.phonemes and self.phonemes[-1] not in " (“" else said
        self._last = said
        self.sounded = len(self.phonemes)

    def marks(self, marks: str) -> None:
        """What stands before or behind a word."""
        for mark in marks.translate(_CURLY):
            if mark not in _MARKS:
                continue
            opening = mark in "(“" or (mark == '"' and self.phonemes.count('"') % 2 == 0)
            self.phonemes += f" {mark}" if self.phonemes and (opening or mark == "—") else mark
            self._last = "" if mark in _PAUSES else self._last
            if mark not in _PAUSES:
                self._last = ""


def words(language: Language, core: str, previous: str, following: str, shortened: bool) -> list[str]:
    """What is said for `core`, which stands between `previous` and `following`; nothing where they have said it.

    `shortened`: it is an abbreviation, and the dot was there.
    """
    lower = core.lower()
    if shortened or ("." in core and lower in language.abbreviations) or core in ("EE", "UU"):
        return language.abbreviations[lower].split()
    if not any(c.isdigit() for c in core):
        return _letters(language, core, previous)
    special = _special(language, core)
    if special is not None:
        return special.split()
    if match := _PRICED.fullmatch(core):
        return _quantity(language, match, following)
    return [word for piece in _PIECES.findall(core) for word in words(language, piece, "", "", False)]


def _special(language: Language, core: str) -> str | None:
    """Times, dates, ordinals and ranges; None: it is none of them."""
    if (match := _CLOCK.fullmatch(core)) and int(match[1]) < 25 and int(match[2]) < 60:
        return language.clock(int(match[1]), int(match[2]))
    if (match := _DATE.fullmatch(core)) and 0 < int(match[1]) < 32 and 0 < int(match[3]) < 13:
        return language.date(int(match[1]), int(match[3]), int(match[4]))
    if (match := _ISO_DATE.fullmatch(core)) and 0 < int(match[2]) < 13 and 0 < int(match[3]) < 32:
        return language.date(int(match[3]), int(match[2]), int(match[1]))
    if (match := _ORDINAL.fullmatch(core)) and int(match[1]):
        said = language.ordinal(int(match[1]), match[3] is not None)
        return said[:-1] if match[4] else said  # "tercer"
    if match := _RANGE.fullmatch(core):
        return f"{language.number(int(match[1]), '')} {language.until} {language.number(int(match[2]), '')}"
    return None


def _quantity(language: Language, match: re.Match[str], following: str) -> list[str]:
    """A number, with its currency or its percent sign on either side, or in the word behind it."""
    minus = f"{language.minus} " if match["minus"] else ""
    sign = match["before"] or match["after"] or (following if following in language.currencies else "")
    whole, decimals = _figures(match["number"])
    if sign in language.currencies:
        return f"{minus}{_price(language, whole, decimals, sign)}".split()
    unit = {"%": language.percent, "°": language.degrees, "°C": language.degrees, "°F": language.degrees}.get(sign, "")
    counted = language.units[following][1] if following in language.units else following
    if decimals:
        said = f"{_whole(language, whole, '')} {language.decimal} {_decimals(language, decimals)}"
    else:
        said = _whole(language, whole, unit or counted)
    return f"{minus}{said} {unit}".split()


def _price(language: Language, whole: str, decimals: str, sign: str) -> str:
    one, several = language.currencies[sign]
    said = f"{_whole(language, whole, several)} {one if whole == '1' else several}"
    if not decimals.strip("0"):
        return said
    return f"{said} {language.cents} {language.number(int(decimals.ljust(2, '0')[:2]), '')}"


def _figures(written: str) -> tuple[str, str]:
    """The digits before and behind the decimal mark. Groups of three after a dot are thousands, and after a comma where
    there are several of them, or a dot behind them."""
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})+(?:,\d+)?", written):
        whole, _, decimals = written.replace(".", "").partition(",")
        return whole, decimals
    if re.fullmatch(r"\d{1,3}(?:,\d{3}){2,}(?:\.\d+)?|\d{1,3}(?:,\d{3})+\.\d+", written):
        whole, _, decimals = written.replace(",", "").partition(".")
        return whole, decimals
    whole, _, decimals = written.replace(",", ".").partition(".")
    return whole, decimals.replace(".", "")


def _whole(language: Language, digits: str, counted: str) -> str:
    if len(digits) > LONGEST_NUMBER or (len(digits) > 1 and digits.startswith("0")):
        return " ".join(language.number(int(digit), "") for digit in digits)
    return language.number(int(digits), counted)


def _decimals(language: Language, digits: str) -> str:
    zeros = len(digits) - len(digits.lstrip("0"))
    if len(digits) > 3 or zeros == len(digits):
        return " ".join(language.number(int(digit), "") for digit in digits)
    return " ".join([*(language.number(0, "") for _ in range(zeros)), language.number(int(digits), "")])


def _letters(language: Language, core: str, previous: str) -> list[str]:
    """A word, an address, a unit behind a number, an acronym or a sign."""
    counted = previous[-1:].isdigit()
    if core in language.currencies and counted:
        return []  # the number has said it
    if core in language.units and counted:
        one, several = language.units[core]
        return (one if previous == "1" else several).split()
    if core in language.signs or core == "%":
        return [language.percent if core == "%" else language.signs[core]]
    if "@" in core or re.search(r"\w[.]\w", core) or "://" in core:
        return _address(language, core)
    if previous and _ROMAN.fullmatch(core) and (previous.lower() in language.numbered or previous[:1].isupper()):
        return _roman(language, core, previous).split()
    found: list[str] = []
    for piece in _PIECES.findall(core):
        if piece in language.signs and piece not in "./_":
            found.append(language.signs[piece])
        elif piece[0].isalpha():
            found += _spelled(language, piece) if _is_acronym(language, piece) else [piece.lower()]
    return found


def _is_acronym(language: Language, word: str) -> bool:
    """Whether its letters are named: a letter by itself, and capitals that cannot be said as a word."""
    if word.lower() in language.small:
        return False
    if len(word) == 1:
        return True
    if not word.isupper() or len(word) > LONGEST_ACRONYM:
        return False
    return len(word) == 2 or not _PRONOUNCEABLE.fullmatch(word)


def _spelled(language: Language, word: str) -> list[str]:
    return [language.letters[letter] for letter in word.lower() if letter in language.letters]


def _address(language: Language, core: str) -> list[str]:
    """Of a page, or of somebody: its signs are said."""
    said: list[str] = []
    for piece in _PIECES.findall(re.sub(r"^https?://", "", core)):
        if piece.lower() == "www":
            said += 3 * [language.letters["w"]]
        elif piece[0].isalpha():
            said += _spelled(language, piece) if len(piece) == 2 or _is_acronym(language, piece) else [piece.lower()]
        elif piece[0].isdigit():
            said += _whole(language, piece, "").split()
        elif piece in language.signs:
            said.append(language.signs[piece])
    return said


def _roman(language: Language, core: str, previous: str) -> str:
    values = [_ROMAN_DIGITS[digit] for digit in core]
    following = [*values[1:], 0]
    number = sum(-value if value < after else value for value, after in zip(values, following, strict=True))
    if previous.lower() in language.numbered or number > 10:
        return language.number(number, "")
    return language.ordinal(number, previous.endswith("a"))

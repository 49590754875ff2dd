"""Pieces of llama.cpp's grammars (GBNF) for values of JSON: words, numbers within bounds, strings.

Each function gives an expression that may stand in any rule. What it stands for is finite: a model that loops would
otherwise write digits or blanks until its tokens run out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction

DIGITS = 15
"""Of the longest number: what a double holds exactly."""
DECIMALS = 6
MULTIPLES = 500
"""That are written out one by one."""
TEXT = 400
"""Characters of the longest string that is not told its length."""
CHAR = r"""([^"\\\x00-\x1F\x7F] | "\\" ["\\/bnrt])"""
"""One character inside a string of JSON. No escapes by number: they could be half a character."""
FORMATS = {
    "date": '"\\"" ("19" | "20") [0-9] [0-9] "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | "1" [0-9] | "2" [0-8]) "\\""',
    "time": '"\\"" ([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] "Z\\""',
    "date-time": '"\\"" ("19" | "20") [0-9] [0-9] "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | "1" [0-9] | "2" [0-8])'
    ' "T" ([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] "Z\\""',
    "email": r'"\"" [a-zA-Z0-9] ([._+-]? [a-zA-Z0-9]){0,30} "@" [a-z0-9] ([-]? [a-z0-9]){0,30} "." [a-z]{2,10} "\""',
    "uri": r'"\"" "http" "s"? "://" [a-z0-9] ([.-]? [a-z0-9]){0,60} ("/" [a-zA-Z0-9._~=&?#-]{0,60}){0,4} "\""',
    "uuid": r'"\"" [0-9a-f]{8} "-" [0-9a-f]{4} "-" [0-9a-f]{4} "-" [0-9a-f]{4} "-" [0-9a-f]{12} "\""',
    "ipv4": r'"\"" OCTET "." OCTET "." OCTET "." OCTET "\""'.replace(
        "OCTET", '([0-9] | [1-9] [0-9] | "1" [0-9] [0-9] | "2" [0-4] [0-9] | "25" [0-5])'
    ),
}
"""RFC 3339 and the like; days end at 28, so that every date exists."""


def literal(text: str) -> str:
    """Exactly this text."""
    return json.dumps(text, ensure_ascii=False)


def constant(value: object) -> str:
    """Exactly this value of JSON."""
    return literal(json.dumps(value, ensure_ascii=False))


def choice(expressions: Iterable[str]) -> str:
    """One of these."""
    different = list(dict.fromkeys(expressions))
    if not different:
        return ""
    return different[0] if len(different) == 1 else f"({' | '.join(different)})"


def text(least: int, most: int) -> str:
    """A string with so many characters."""
    return rf'"\"" {CHAR}{{{least},{most}}} "\""'


# --- numbers ---


def integer(low: int | None, high: int | None) -> str | None:
    """A whole number from `low` to `high`; None: there is none. Without a bound, it has at most `DIGITS` digits."""
    limit = 10**DIGITS - 1
    low = max(-limit, -limit if low is None else low)
    high = min(limit, limit if high is None else high)
    found: list[str] = []
    if low < 0 and low <= high:
        found.append(f'"-" {_natural(max(1, -high), -low)}')
    if high >= 0 and low <= high:
        found.append(_natural(max(0, low), high))
    return choice(found) if found else None


def number(low: Fraction | None, high: Fraction | None, decimals: int = DECIMALS) -> str | None:
    """A number between `low` and `high`, or one of them; None: none has so few decimals. Whole ones are among them."""
    found: list[str] = []
    if high is None or high >= 0:
        found += _positive(max(low or Fraction(0), Fraction(0)), high, decimals)
    if low is None or low < 0:
        found += [f'"-" {each}' for each in _positive(max(-(high or Fraction(0)), Fraction(0)), _less(low), decimals)]
    return choice(found) if found else None


def multiples(step: Fraction, low: Fraction | None, high: Fraction | None, whole: bool) -> str | None:
    """The multiples of `step` between them, only whole ones if `whole`; "": there is none; None: they are too many."""
    places = next((places for places in range(1, DECIMALS + 1) if step == Fraction(1, 10**places)), None)
    if places and not whole:
        return number(low, high, places) or ""
    if low is None or high is None or (high - low) / step > MULTIPLES:
        return None
    found = [count * step for count in range(math.ceil(low / step), math.floor(high / step) + 1)]
    shown = [format(Decimal(each.numerator) / Decimal(each.denominator), "f") for each in found]
    return choice(literal(each) for each in shown if not whole or "." not in each) if found else ""


def _less(low: Fraction | None) -> Fraction | None:
    return None if low is None else -low


def _positive(low: Fraction, high: Fraction | None, decimals: int) -> list[str]:
    """Whole numbers; then those with any decimals, and at either end those with just enough."""
    found = []
    top = 10**DIGITS - 1 if high is None else min(math.floor(high), 10**DIGITS - 1)
    first = math.ceil(low)
    if first <= top:
        found.append(_natural(first, top))
    if not decimals:
        return found
    if first < top:
        found.append(f'{_natural(first, top - 1)} "." [0-9]{{1,{decimals}}}')
    for whole in {first - 1, top}:
        found += _fractions(whole, low, high, decimals)
    return found


def _fractions(whole: int, low: Fraction, high: Fraction | None, decimals: int) -> list[str]:
    """`whole` with all the decimals that fit: one, or as many as may be."""
    if whole < 0:
        return []
    found = []
    for places in sorted({1, min(2, decimals), decimals}):
        scale = 10**places
        start = max(math.ceil((low - whole) * scale), 0)
        end = scale - 1 if high is None else min(math.floor((high - whole) * scale), scale - 1)
        if start <= end:
            found.append(f'"{whole}." {_padded(str(start).zfill(places), str(end).zfill(places))}')
    return found


def _natural(low: int, high: int) -> str:
    """From `low` to `high`, neither below 0, without leading zeros."""
    found = []
    while low <= high:
        end = min(high, 10 ** len(str(low)) - 1)
        found.append(_padded(str(low), str(end)))
        low = end + 1
    return choice(found)


def _padded(low: str, high: str) -> str:
    """Every number from `low` to `high`, with as many digits as both of them have."""
    if len(low) == 1:
        return _digit(int(low), int(high))
    if low[0] == high[0]:
        return f'"{low[0]}" {_padded(low[1:], high[1:])}'
    rest, first, last = len(low) - 1, int(low[0]), int(high[0])
    if whole_low := not low[1:].strip("0"):
        first -= 1
    if whole_high := not high[1:].strip("9"):
        last += 1
    found = []
    if not whole_low:
        found.append(f'"{low[0]}" {_padded(low[1:], "9" * rest)}')
    if first + 1 <= last - 1:
        found.append(f"{_digit(first + 1, last - 1)} [0-9]{{{rest}}}")
    if not whole_high:
        found.append(f'"{high[0]}" {_padded("0" * rest, high[1:])}')
    return choice(found)


def _digit(low: int, high: int) -> str:
    return f'"{low}"' if low == high else f"[{low}-{high}]"

"""Regular expressions of JSON schemas as grammars: strings that match, though not every string that does.

Python's own parser reads them, as it does for jsonschema, which checks the arguments (ECMA 262 differs in little).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

from vivavoce.engines.grammar.gbnf import TEXT, choice, constant

REPEATS = 20
"""What `*` and `+` add at most."""
_PRINTABLE = frozenset(chr(code) for code in (*range(0x20, 0x7F), *range(0xA1, 0x250)))
"""What `.` and classes that name what they leave out stand for."""
_DIGITS = frozenset("0123456789")
_WORD = frozenset(c for c in _PRINTABLE if c.isascii() and (c.isalnum() or c == "_"))
_CATEGORIES = {
    op.CATEGORY_DIGIT: _DIGITS,
    op.CATEGORY_NOT_DIGIT: _PRINTABLE - _DIGITS,
    op.CATEGORY_WORD: _WORD,
    op.CATEGORY_NOT_WORD: frozenset(c for c in _PRINTABLE if not c.isalnum() and c != "_"),
    op.CATEGORY_SPACE: frozenset(" "),
    op.CATEGORY_NOT_SPACE: _PRINTABLE - {" "},
}
_Value = Any  # the parser's nodes have no types
_Node = tuple[object, _Value]


class Unsupported(ValueError):
    """There is no grammar for this expression."""


def matching(pattern: str, least: int, most: int) -> str:
    """A string of JSON that matches and has so many characters. Raises `Unsupported`."""
    try:
        tree = _parser.parse(pattern)
    except (re.error, RecursionError, OverflowError):
        raise Unsupported(pattern) from None
    if tree.state.flags & ~re.UNICODE:
        raise Unsupported(pattern)
    nodes = _bounded(_unanchored(tree), least, most)
    shortest, longest = _lengths(nodes)
    if shortest < least or longest > most:
        raise Unsupported(pattern)
    return f'"\\"" {_sequence(nodes)} "\\""'


def _unanchored(tree: Iterable[_Node]) -> list[_Node]:
    """Without anchors at either end: what matches is all there is. One anywhere else stays, to be refused."""
    nodes = list(tree)
    if nodes and nodes[0] == (op.AT, op.AT_BEGINNING):
        nodes = nodes[1:]
    return nodes[:-1] if nodes and nodes[-1] == (op.AT, op.AT_END) else nodes


def _bounded(nodes: list[_Node], least: int, most: int) -> list[_Node]:
    """One class that repeats, which is what most patterns are, repeats as often as the lengths allow."""
    if len(nodes) == 1 and nodes[0][0] is op.MAX_REPEAT:
        low, high, what = nodes[0][1]
        if _lengths(what) == (1, 1):
            return [(op.MAX_REPEAT, (max(low, least), min(_most(high, max(TEXT, least)), most), what))]
    return nodes


def _most(high: object, unbounded: int) -> int:
    return unbounded if high is op.MAXREPEAT else int(str(high))


def _lengths(nodes: Iterable[_Node]) -> tuple[int, int]:
    """Characters of the shortest and of the longest string."""
    shortest = longest = 0
    for kind, value in nodes:
        low, high = _node_lengths(kind, value)
        shortest, longest = shortest + low, longest + high
    return shortest, longest


def _node_lengths(kind: object, value: _Value) -> tuple[int, int]:
    match (kind, value):
        case (op.MAX_REPEAT | op.MIN_REPEAT, (int(low), high, what)):
            shortest, longest = _lengths(what)
            return shortest * low, longest * _most(high, low + REPEATS)
        case (op.SUBPATTERN, (_, _, _, what)):
            return _lengths(what)
        case (op.BRANCH, (_, branches)):
            each = [_lengths(branch) for branch in branches]
            return min(low for low, _ in each), max(high for _, high in each)
        case (op.AT, _):
            return 0, 0
    return 1, 1


def _sequence(nodes: Iterable[_Node]) -> str:
    return " ".join(_expression(kind, value) for kind, value in nodes) or '""'


def _expression(kind: object, value: _Value) -> str:
    match (kind, value):
        case (op.LITERAL | op.NOT_LITERAL | op.ANY | op.IN, _):
            return _one_of(_characters(kind, value))
        case (op.MAX_REPEAT | op.MIN_REPEAT, (int(low), high, what)):
            most = _most(high, low + REPEATS)
            if low > most:
                raise Unsupported("repeat")
            return f"({_sequence(what)}){{{low},{most}}}"
        case (op.SUBPATTERN, (_, 0, 0, what)):
            return f"({_sequence(what)})"
        case (op.BRANCH, (_, branches)):
            return choice(_sequence(branch) for branch in branches)
    raise Unsupported(str(kind))


def _characters(kind: object, value: _Value) -> frozenset[str]:
    match (kind, value):
        case (op.LITERAL, int(code)):
            return frozenset(chr(code))
        case (op.NOT_LITERAL, int(code)):
            return _PRINTABLE - {chr(code)}
        case (op.ANY, _):
            return _PRINTABLE
        case (op.RANGE, (int(low), int(high))) if high - low < 0x10000:
            return frozenset(chr(code) for code in range(low, high + 1))
        case (op.CATEGORY, category) if category in _CATEGORIES:
            return _CATEGORIES[category]
        case (op.IN, [(op.NEGATE, _), *rest]):
            return _PRINTABLE - frozenset().union(*(_unlike(*each) for each in rest))
        case (op.IN, list(each)):
            return frozenset().union(*(_characters(*one) for one in each))
    raise Unsupported(str(kind))


def _unlike(kind: object, value: _Value) -> frozenset[str]:
    """What a negated class leaves out: of a category, every letter or digit of any script."""
    if (kind, value) == (op.CATEGORY, op.CATEGORY_WORD):
        return _PRINTABLE - _CATEGORIES[op.CATEGORY_NOT_WORD]
    return _characters(kind, value)


def _one_of(characters: frozenset[str]) -> str:
    """One of these, as it is written inside a string of JSON."""
    plain = sorted(ord(c) for c in characters if c >= " " and c not in '"\\\x7f' and not "\ud800" <= c <= "\udfff")
    escaped = [constant(c)[3:-3] for c in sorted(characters & set('"\\\n\t\r'))]
    found = [f'"{each}"' for each in escaped]
    ranges: list[list[int]] = []
    for code in plain:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    if ranges:
        found.insert(0, "[" + "".join(f"\\U{low:08X}-\\U{high:08X}" for low, high in ranges) + "]")
    if not found:
        raise Unsupported("no character")
    return choice(found)

"""Random walks through a grammar of llama.cpp, read from its text: what a model could write at most."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

_TOKEN = re.compile(r'\s*("(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|::=|[(){}|?*+]|\d+,?\d*|[A-Za-z][\w-]*)')
_CODE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))|(.)", re.S)
_NAMED = {"n": "\n", "r": "\r", "t": "\t"}
_SAMPLE = "aZ09 _-.äß€😀" + "".join(map(chr, range(0x20, 0x7F)))
Walk = Callable[[Random], str]


class Grammar:
    """`root ::= ...` and other rules, one a line. Raises `ValueError` where the text is no grammar."""

    def __init__(self, text: str) -> None:
        self._rules: dict[str, Walk] = {}
        for line in text.splitlines():
            name, arrow, body = line.partition(" ::= ")
            if not arrow or name in self._rules:
                raise ValueError(line)
            self._tokens = self._split(body)
            self._rules[name] = self._choice()
            if self._tokens:
                raise ValueError(f"{self._tokens[-1]!r} is left of {line!r}")

    def walk(self, random: Random, rule: str = "root") -> str:
        """Something that fits."""
        return self._rules[rule](random)

    @staticmethod
    def _split(body: str) -> list[str]:
        found, at = list[str](), 0
        while at < len(body.rstrip()):
            match = _TOKEN.match(body, at)
            if match is None:
                raise ValueError(body[at:])
            found.append(match[1])
            at = match.end()
        return found[::-1]

    def _choice(self) -> Walk:
        ways = [self._sequence()]
        while self._tokens and self._tokens[-1] == "|":
            self._tokens.pop()
            ways.append(self._sequence())
        return lambda random: random.choice(ways)(random)

    def _sequence(self) -> Walk:
        parts = list[Walk]()
        while self._tokens and self._tokens[-1] not in ("|", ")"):
            parts.append(self._repeated(self._one()))
        return lambda random: "".join(part(random) for part in parts)

    def _one(self) -> Walk:
        token = self._tokens.pop()
        if token == "(":
            inner = self._choice()
            if self._tokens.pop() != ")":
                raise ValueError("no end of a group")
            return inner
        if token[0] == '"':
            words = "".join(_codes(token[1:-1]))
            return lambda random: words
        if token[0] == "[":
            return _class(token[1:-1])
        if not token[0].isalpha():
            raise ValueError(f"{token!r} stands alone")
        return lambda random: self.walk(random, token)

    def _repeated(self, one: Walk) -> Walk:
        bounds = {"?": (0, 1), "*": (0, 8), "+": (1, 8)}
        if not self._tokens or (self._tokens[-1] not in bounds and self._tokens[-1] != "{"):
            return one
        token = self._tokens.pop()
        if token == "{":
            low, _, high = self._tokens.pop().partition(",")
            if self._tokens.pop() != "}":
                raise ValueError("no end of a repeat")
            bounds[token] = int(low), int(high or low)
        least, most = bounds[token]
        return lambda random: "".join(one(random) for _ in range(_times(random, least, most)))


def _times(random: Random, least: int, most: int) -> int:
    """Mostly few, now and then all."""
    return random.choice((least, most, random.randint(least, min(most, least + 6))))


def _codes(text: str) -> Sequence[str]:
    return [
        chr(int(two or four or eight, 16)) if two or four or eight else _NAMED.get(escaped, escaped) or plain
        for two, four, eight, escaped, plain in _CODE.findall(text)
    ]


def _class(text: str) -> Walk:
    negated = text.startswith("^")
    codes, ranges = list(_codes(text[negated:])), list[tuple[str, str]]()
    while codes:
        low = codes.pop(0)
        high = low
        if len(codes) > 1 and codes[0] == "-":
            high = codes[1]
            del codes[:2]
        ranges.append((low, high))
    if negated:
        allowed = [c for c in _SAMPLE if not any(low <= c <= high for low, high in ranges)]
        return lambda random: random.choice(allowed)
    return lambda random: chr(random.randint(*map(ord, random.choice(ranges))))

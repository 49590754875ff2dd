"""The rules of a grammar of llama.cpp, by name, and those of lists and objects of JSON."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vivavoce.engines.grammar.gbnf import choice
from vivavoce.engines.grammar.merge import SchemaError

SIZE = 200_000
"""Characters of the longest grammar."""
REPEATS = 30_000
"""What all its repeats come to: llama.cpp writes each of them out."""
COMMA = '", "'
_REPEAT = re.compile(r"\{\d+,?(\d+)?\}")


class Rules:
    """Raises `SchemaError` when they become too many."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._names: dict[str, str] = {}
        self._size = 0
        self._repeats = 0
        self.by_name: dict[str, str] = {}

    def name(self, expression: str) -> str:
        """A rule for it; equal ones are one."""
        if expression not in self._names:
            self._names[expression] = name = f"{self._prefix}{len(self._names)}"
            self.by_name[name] = expression
            self._size += len(expression)
            self._repeats += sum(int(most or 0) for most in _REPEAT.findall(expression))
            if self._size > SIZE or self._repeats > REPEATS:
                raise SchemaError("it is too large")
        return self._names[expression]

    def series(self, items: Sequence[str], least: int) -> str:
        """The first of these, at least so many, with commas between."""
        inner = ""
        for index in range(len(items) - 1, -1, -1):
            whole = f"{f'{COMMA} ' if index else ''}{items[index]} {inner}".strip()
            inner = self.name(whole) if index < least else self.name(f"({whole})?")
        return inner or '""'

    def members(self, members: Sequence[tuple[str, bool]], least: int, most: int) -> str | None:
        """Those that are required (true), and any of the others, in their order with commas between; `least` to `most`
        in all. None: that cannot be."""
        must = sum(required for _, required in members)
        free = least <= must and most >= len(members)
        if free:  # then it only matters whether one came before
            least, most = 0, 1
        rules: dict[int, str] = {taken: '""' for taken in range(least, most + 1) if taken <= len(members)}
        for index in range(len(members) - 1, -1, -1):
            member, required = members[index]
            after, rules = rules, {}
            for taken in range(min(index, most) + 1):
                found = []
                if rest := after.get(min(taken + 1, 1) if free else taken + 1):
                    found.append(f"{f'{COMMA} ' if taken else ''}{member} {rest}")
                if not required and (rest := after.get(taken)):
                    found.append(rest)
                if found:
                    rules[taken] = self.name(choice(found))
        return rules.get(0)

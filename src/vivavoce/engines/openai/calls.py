"""The calls in a stream of chat completions, in the many forms in which servers send them."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass

from vivavoce.engines.openai.payload import Json, find, parse

MOST_CALLS = 32
"""In one answer."""
MOST_CHARACTERS = 256 << 10
"""Of all their names and arguments."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a model wants to call; nothing of it has been checked."""

    name: str
    arguments: str


@dataclass(slots=True)
class _Pieces:
    id: str
    index: int | None
    name: str = ""
    arguments: str = ""


class Calls:
    """Pieces in, calls out. `names` are those that exist: they tell a name's second half from a name sent twice."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names
        self._found: list[_Pieces] = []
        self._size = 0

    def __bool__(self) -> bool:
        return bool(self._found)

    def feed(self, delta: Json) -> None:
        """`delta` of a choice: `tool_calls`, or `function_call` as servers of 2023 have it.

        Raises `ValueError` for more than any model calls.
        """
        pieces = find(delta, "tool_calls")
        for piece in pieces if isinstance(pieces, list) else ():
            self._piece(find(piece, "id"), find(piece, "index"), find(piece, "function"))
        self._piece(None, 0, find(delta, "function_call"))

    def whole(self) -> list[Call]:
        """All of them, in the order in which they began."""
        return [Call(each.name, each.arguments.strip() or "{}") for each in self._found]

    def _piece(self, sent_id: Json, index: Json, function: Json) -> None:
        if not isinstance(function, dict):
            return
        named, given = function.get("name"), function.get("arguments")
        name = named if isinstance(named, str) else ""
        # Some send the object itself, and null where there are no arguments.
        text = given if isinstance(given, str) else "" if given is None else json.dumps(given, ensure_ascii=False)
        call = self._call(
            sent_id if isinstance(sent_id, str) else "", index if isinstance(index, int) else None, name, text
        )
        if name != call.name or f"{name}{name}" in self._names:
            call.name += name
        call.arguments += text
        self._size += len(name) + len(text)
        if len(self._found) > MOST_CALLS or self._size > MOST_CHARACTERS:
            raise ValueError("more than any model calls")

    def _call(self, sent_id: str, index: int | None, name: str, text: str) -> _Pieces:
        """The call that a piece belongs to: a new one, or the newest of its index."""
        same = (each for each in reversed(self._found) if index is None or each.index == index)
        call = next(same, None)
        if call is None or (name and _another(call, sent_id, index, text)):
            call = _Pieces(sent_id, index)
            self._found.append(call)
        return call


def _another(call: _Pieces, sent_id: str, index: int | None, text: str) -> bool:
    """Whether a piece that has a name begins another call: not every server counts them, or gives them ids."""
    if sent_id and call.id and sent_id != call.id:
        return True
    if index is None:
        return bool(call.arguments)
    return bool(text) and _is_json(call.arguments)


def _is_json(text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True

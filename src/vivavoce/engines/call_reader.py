"""The text of calls, as a model writes it, becomes parts of an answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from vivavoce.engines.tool_grammar import MIDDLE, OPENING, ToolGrammar
from vivavoce.ports import CallArguments, CallBegan, CallEnded, Finished, TextDelta, ToolCall


class CallReader:
    """Reads what follows `OPENING`.

    The arguments of the first call are given out as they come, where the grammar keeps them valid. Others wait until
    they are whole, are checked, and are left out when they are not valid, or repeat a call of the same answer or one
    that is open.
    """

    def __init__(self, calls: ToolGrammar, emit: Callable[..., bool], open_calls: Sequence[ToolCall] = ()) -> None:
        self._calls = calls
        self._open = {(call.name, _canonical(call.arguments)) for call in open_calls}
        self._emit = emit
        self._text = OPENING
        self._made: set[tuple[str, str]] = set()
        self._arguments = ""
        self._depth = 0
        self._quoted = self._escaped = self._inside = False
        self._invalid = self._repeated = False
        self.name = ""
        """Of the call that is being read, or was read last."""

    @property
    def only_invalid(self) -> bool:
        """A call was whole and not valid, and there is no other."""
        return self._invalid and not self._made

    @property
    def only_repeated(self) -> bool:
        """A call was whole that is open already, and there is no other."""
        return self._repeated and not self._made

    def on_part(self, part: object) -> bool:
        """A part of the model's text, or one that is only passed on; false: nobody listens any more."""
        if isinstance(part, Finished) and (self.only_invalid or self.only_repeated):
            return True  # there will be another attempt, or words
        if not isinstance(part, TextDelta):
            return self._emit(part)
        self._text += part.text
        return self._read()

    def _read(self) -> bool:
        while self._text:
            if not self._inside:
                if not self._begin():
                    return True
                if self._streams and not self._emit(CallBegan(self.name)):
                    return False
            length = self._ends_at()
            piece, self._text = self._text[:length], self._text[length:]
            self._arguments += piece
            if piece and self._streams and not self._emit(CallArguments(piece)):
                return False
            if not self._depth and self._arguments and not self._end():
                return False
        return True

    def _begin(self) -> bool:
        """A name is whole, and its arguments begin."""
        start, middle = self._text.find(OPENING), self._text.find(MIDDLE)
        if start < 0 or middle < 0:
            return False
        self.name = self._text[start + len(OPENING) : middle]
        self._text = self._text[middle + len(MIDDLE) :]
        self._inside, self._arguments = True, ""
        return True

    def _ends_at(self) -> int:
        """Characters of the text that belong to the arguments."""
        for index, char in enumerate(self._text):
            if self._escaped:
                self._escaped = False
            elif self._quoted:
                self._escaped, self._quoted = char == "\\", char != '"'
            elif char == '"':
                self._quoted = True
            elif char in "{[":
                self._depth += 1
            elif char in "}]":
                self._depth -= 1
                if not self._depth:
                    return index + 1
        return len(self._text)

    @property
    def _streams(self) -> bool:
        return not self._made and not self._open and self._calls.exact(self.name)

    def _end(self) -> bool:
        """A call is whole."""
        streamed, call = self._streams, (self.name, self._arguments)
        self._inside = False
        if streamed:
            self._made.add(call)
            return self._emit(CallEnded())
        if not self._calls.exact(self.name) and not self._calls.valid(*call):
            self._invalid = True
            return True
        if (self.name, _canonical(self._arguments)) in self._open:
            self._repeated = True
            return True
        if call in self._made:
            return True
        self._made.add(call)
        return all(self._emit(part) for part in (CallBegan(self.name), CallArguments(self._arguments), CallEnded()))


def _canonical(arguments: str) -> str:
    try:
        return json.dumps(json.loads(arguments), sort_keys=True)
    except ValueError:
        return arguments

"""Token counts by the model's own tokenizer.

xllamacpp has no call for it, but the HTTP server that it always opens on 127.0.0.1 has: `POST /tokenize` of llama.cpp's
server. A request takes about 1 ms, so what has been counted is remembered.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from vivavoce.ports import EngineError

REMEMBERED = 20_000
"""Turns whose counts are kept, about 150 bytes each: a hundred conversations of 200 messages."""
_TIMEOUT_S = 10.0


class TokenCounter:
    """Counts turns, each of which begins with `marker`. Blocks, and is for one thread at a time.

    What it remembers are digests: no words stay here when a conversation is over.
    """

    def __init__(self, address: str, key: str, marker: str) -> None:
        """`address` as in http://127.0.0.1:8080. Raises `EngineError`, also when `marker` is no token of the model."""
        self._host = urlsplit(address).netloc
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._known: OrderedDict[bytes, int] = OrderedDict()
        marks = self._tokenize(marker)
        if len(marks) != 1:
            raise EngineError("engine_unavailable", f"The language model has no token {marker}: it is of another kind.")
        self._mark = marks[0]

    def counts(self, turns: Sequence[str]) -> list[int]:
        """Tokens of each turn; an empty one has none. Raises `EngineError`."""
        keys = [blake2b(turn.encode(), digest_size=16).digest() if turn else b"" for turn in turns]
        new = {key: turn for key, turn in zip(keys, turns, strict=True) if turn and key not in self._known}
        self._known.update(zip(new, self._count("".join(new.values())), strict=True))
        for key in filter(None, keys):
            self._known.move_to_end(key)
        found = [self._known[key] if key else 0 for key in keys]
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return found

    def _count(self, turns: str) -> list[int]:
        """All in one request: the markers in the result tell them apart."""
        counts: list[int] = []
        for token in self._tokenize(turns) if turns else ():
            if token == self._mark:
                counts.append(0)
            counts[-1] += 1
        return counts

    def _tokenize(self, text: str) -> list[int]:
        body = json.dumps({"content": text, "add_special": False, "parse_special": True})
        connection = HTTPConnection(self._host, timeout=_TIMEOUT_S)
        try:
            connection.request("POST", "/tokenize", body, self._headers)
            tokens: list[int] = json.loads(connection.getresponse().read())["tokens"]
        except (OSError, HTTPException, ValueError, KeyError) as failure:
            raise EngineError("engine_failed", "The language model's tokenizer failed.") from failure
        finally:
            connection.close()
        return tokens

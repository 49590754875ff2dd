"""Who may call: the key in the bearer header, or in the subprotocol that browsers use (PROTOCOL.md 1.1)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vivavoce.protocol.keys import masked

_KEY = "openai-insecure-api-key."
_PROJECT = "openai-project."


@dataclass(frozen=True, slots=True)
class Allowed:
    """The caller may go on."""

    project: str | None = None
    """What the caller names as its project; nothing vouches for it."""


@dataclass(frozen=True, slots=True)
class Denied:
    """The caller may not; `code` and `message` are the service's (PROTOCOL.md 1.2)."""

    code: str | None
    message: str


MISSING = Denied(None, "Missing bearer or basic authentication in header")


class Auth:
    """The keys of one server. Without keys any caller is allowed, with any key or none."""

    def __init__(self, keys: Iterable[str] = ()) -> None:
        self._digests = [_digest(key) for key in keys]

    def check(self, headers: Mapping[str, str], subprotocols: Sequence[str] = ()) -> Allowed | Denied:
        """Whether a request may pass. The names in `headers` are lower case, or the mapping ignores case."""
        if self._digests:
            key = _bearer(headers.get("authorization", "")) or _after(_KEY, subprotocols)
            if key is None:
                return MISSING
            if not self._knows(key):
                return Denied("invalid_api_key", f"Incorrect API key provided: {masked(key)}.")
        return Allowed(headers.get("openai-project") or _after(_PROJECT, subprotocols))

    def _knows(self, key: str) -> bool:
        # Every key is compared, and in constant time: how long this takes tells nothing about any of them.
        digest = _digest(key)
        return sum(hmac.compare_digest(digest, known) for known in self._digests) > 0


def _digest(key: str) -> bytes:
    """Of equal length for every key, so that a comparison does not tell lengths either."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def _bearer(header: str) -> str | None:
    scheme, _, key = header.strip().partition(" ")
    return (key.strip() or None) if scheme.lower() == "bearer" else None


def _after(prefix: str, tokens: Sequence[str]) -> str | None:
    found = (token.removeprefix(prefix) for token in tokens if token.startswith(prefix))
    return next(found, None) or None

"""Who may call: the key in the bearer header, or in the subprotocol that browsers use (PROTOCOL.md 1.1)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from vivavoce.protocol.keys import masked
from vivavoce.runtime.secrets import PREFIX, Secret, Secrets

_KEY = "openai-insecure-api-key."
_PROJECT = "openai-project."


@dataclass(frozen=True, slots=True)
class Allowed:
    """The caller may go on."""

    project: str | None = None
    """That of the key, or of the key that made the client secret; None for keys of no project."""
    secret: Secret | None = None
    """The client secret that was used instead of a key."""


@dataclass(frozen=True, slots=True)
class Denied:
    """The caller may not; `code` and `message` are the service's (PROTOCOL.md 1.2)."""

    code: str | None
    message: str


MISSING = Denied(None, "Missing bearer or basic authentication in header")
KEY_ONLY = Denied("invalid_api_key", "A client secret opens sessions, and nothing else. This takes an API key.")
MISMATCHED = Denied("mismatched_project", "The project that the request names is not the project of its API key.")


class Auth:
    """The keys and client secrets of one server. Without keys any caller is allowed, with any key or none."""

    def __init__(
        self,
        keys: Iterable[str] = (),
        projects: Mapping[str, Iterable[str]] = MappingProxyType({}),
        secrets: Secrets | None = None,
    ) -> None:
        self.secrets = secrets or Secrets()
        self._keys: list[tuple[bytes, str | None]] = [(_digest(key), None) for key in keys]
        self._keys += [(_digest(key), name) for name, theirs in projects.items() for key in theirs]
        self._apart = bool(projects)

    def check(self, headers: Mapping[str, str], subprotocols: Sequence[str] = ()) -> Allowed | Denied:
        """Whether a request may pass. The names in `headers` are lower case, or the mapping ignores case."""
        key = _bearer(headers.get("authorization", "")) or _after(_KEY, subprotocols)
        if key is None and self._keys:
            return MISSING
        allowed = self._owner(key)
        if allowed is None:
            return Denied("invalid_api_key", f"Incorrect API key provided: {masked(key or '')}.")
        # Where nobody is told apart by project, stock clients may name whichever they are configured with.
        named = headers.get("openai-project") or _after(_PROJECT, subprotocols)
        return MISMATCHED if self._apart and named and named != allowed.project else allowed

    def check_key(self, headers: Mapping[str, str]) -> Allowed | Denied:
        """The same, for what no client secret may do."""
        allowed = self.check(headers)
        return KEY_ONLY if isinstance(allowed, Allowed) and allowed.secret else allowed

    def _owner(self, key: str | None) -> Allowed | None:
        if key is not None:
            # Every key is compared, and in constant time: how long this takes tells nothing about any of them.
            digest = _digest(key)
            owners = [project for known, project in self._keys if hmac.compare_digest(digest, known)]
            if owners:
                return Allowed(owners[0])
            if key.startswith(PREFIX):
                # Also where any key will do: what has expired must not open a session without what was bound to it.
                secret = self.secrets.find(key)
                return Allowed(secret.project, secret) if secret else None
        return None if self._keys else Allowed()


def _digest(key: str) -> bytes:
    """Of equal length for every key, so that a comparison does not tell lengths either."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def _bearer(header: str) -> str | None:
    scheme, _, key = header.strip().partition(" ")
    return (key.strip() or None) if scheme.lower() == "bearer" else None


def _after(prefix: str, tokens: Sequence[str]) -> str | None:
    found = (token.removeprefix(prefix) for token in tokens if token.startswith(prefix))
    return next(found, None) or None

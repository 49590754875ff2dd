"""Client secrets: short-lived keys that carry the session which they open (PROTOCOL.md 1.1, 1.3, 1.6).

They live in memory, since they are gone soon anyway. Nothing polls for those that have expired: they are dropped
whenever one is made or looked for.
"""

from __future__ import annotations

import hashlib
import heapq
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from vivavoce.protocol.errors import ProtocolError
from vivavoce.protocol.session import SessionObject
from vivavoce.protocol.translation import TranslationSession
from vivavoce.runtime.locks import UNLOCKED, Locks

PREFIX = "ek_"
MOST_BYTES = 64 * 1024 * 1024
"""Of sessions bound to secrets that have not expired."""
_OVERHEAD_BYTES = 4096
"""What a secret takes besides what its session was made from."""


@dataclass(frozen=True, slots=True)
class Secret:
    """What a client secret stands for."""

    session: SessionObject | TranslationSession
    """What its sessions begin with; their `id` and `expires_at` are their own."""
    project: str | None
    """That of the key which made it."""
    expires_at: int
    """Unix seconds. A session that was opened before goes on."""
    locks: Locks = UNLOCKED

    @property
    def kind(self) -> Literal["realtime", "transcription", "translation"]:
        """Which sessions it opens."""
        return self.session.type


class Secrets:
    """Those of one server that have not expired. `now`: Unix seconds."""

    def __init__(self, now: Callable[[], float] = time.time, most_bytes: int = MOST_BYTES) -> None:
        self._now = now
        self._most_bytes = most_bytes
        self._bytes = 0
        self._known: dict[bytes, tuple[Secret, int]] = {}
        self._ends: list[tuple[int, bytes]] = []
        """A heap."""

    def __len__(self) -> int:
        return len(self._known)

    def create(
        self,
        session: SessionObject | TranslationSession,
        seconds: int,
        *,
        project: str | None = None,
        locks: Locks = UNLOCKED,
        size: int = 0,
    ) -> tuple[str, Secret]:
        """A new secret: its value, which is kept nowhere, and what it stands for. `size`: bytes of the request.

        Raises `ProtocolError` (`rate_limit_exceeded`) when there are too many.
        """
        self._drop_expired()
        size += _OVERHEAD_BYTES
        if self._bytes + size > self._most_bytes:
            message = "There are too many client secrets that have not expired. Try again later."
            raise ProtocolError("rate_limit_exceeded", message, kind="rate_limit_error")
        value = PREFIX + secrets.token_hex(16)
        secret = Secret(session, project, int(self._now()) + seconds, locks)
        digest = _digest(value)
        self._known[digest] = secret, size
        self._bytes += size
        heapq.heappush(self._ends, (secret.expires_at, digest))
        return value, secret

    def find(self, value: str) -> Secret | None:
        """What a secret stands for; None when it is forged or has expired."""
        self._drop_expired()
        # By its digest: however long the look-up takes, it tells nothing about the value of any other secret.
        secret, _ = self._known.get(_digest(value), (None, 0))
        return secret

    def _drop_expired(self) -> None:
        now = self._now()
        while self._ends and self._ends[0][0] <= now:
            _, size = self._known.pop(heapq.heappop(self._ends)[1])
            self._bytes -= size


def _digest(value: str) -> bytes:
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).digest()

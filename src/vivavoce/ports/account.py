"""Who an engine's work is for: the session whose task asks for it, and the role in which the engine is asked.

A context variable carries both, so no call of an engine has a parameter for it. The runtime says who (`charged`) and
what for (`working_as`); whoever does work says how much (`spend`). Work in other threads is noted with
`current` where it is asked for. Work that no session asked for, such as loading a model, is charged to nobody.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Work:
    """Some of an engine's work."""

    requests: int = 0
    """Calls of the engine."""
    characters: int = 0
    """That a voice was given to say."""
    samples: int = 0
    """Audio at 24 kHz: given to a recogniser, or made by a voice."""
    cpu_ns: int | None = None
    """CPU nanoseconds on this machine; None: not measured."""


class Account(Protocol):
    """Of one session."""

    def charge(self, role: str, work: Work, /) -> None:
        """Add to what was done in this role. From any thread; returns at once and never raises."""


Charged = tuple[Account, str]
"""Who is charged, and in which role."""
_CHARGED: ContextVar[Charged | None] = ContextVar("charged", default=None)


class charged:
    """Inside, and in the tasks that begin inside, work is for this account and in this role.

    A context manager, used like a function: as a generator it would cost the voice path more.
    """

    __slots__ = ("_token", "_whom")

    def __init__(self, account: Account | None, role: str) -> None:
        self._whom: Charged | None = None if account is None else (account, role)

    def __enter__(self) -> None:
        self._token: Token[Charged | None] = _CHARGED.set(self._whom)

    def __exit__(self, *_: object) -> None:
        _CHARGED.reset(self._token)


def working_as(role: str) -> None:
    """From now on, in this task, work is in this role."""
    if (whom := _CHARGED.get()) is not None:
        _CHARGED.set((whom[0], role))


def current() -> Charged | None:
    """Who is charged here; None: nobody."""
    return _CHARGED.get()


def spend(*, requests: int = 0, characters: int = 0, samples: int = 0) -> None:
    """Charge work to whom it is for, if anybody."""
    if (whom := _CHARGED.get()) is not None:
        whom[0].charge(whom[1], Work(requests, characters, samples))

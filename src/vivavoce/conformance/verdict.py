"""What a check finds: it holds, it fails, the server does not offer it, or there was no way to tell."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from vivavoce.testing.client import Event

_C = TypeVar("_C")


class Verdict(StrEnum):
    """In the words of the report."""

    holds = "holds"
    fails = "fails"
    not_offered = "not offered"
    """Refused by name: honest, and no failure."""
    left_out = "left out"
    """Not tried, or nothing arrived by which it could be judged."""


class Failed(Exception):
    """`sentence` says what was expected; `event` is what came instead, where anything came."""

    def __init__(self, sentence: str, event: Event | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.event = event


class NotOffered(Exception):
    """The server refused by name; the message is the server's."""


class LeftOut(Exception):
    """This could not be tried; the message says why."""


@dataclass(frozen=True, slots=True)
class Result:
    """One check's outcome."""

    section: str
    name: str
    verdict: Verdict
    detail: str = ""
    event: Event | None = None


@dataclass(frozen=True, slots=True)
class Check(Generic[_C]):
    """One scenario: `name` is what holds when `run` raises nothing."""

    name: str
    run: Callable[[_C], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Section(Generic[_C]):
    """Checks of one part of the protocol; `key` is what `--only` takes."""

    key: str
    title: str
    checks: tuple[Check[_C], ...]

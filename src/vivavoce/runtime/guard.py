"""Calls into engines, guarded: an engine that raises, stalls or breaks its contract becomes an `EngineError`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeVar

from vivavoce.ports import EngineError

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long engines may take, in seconds."""

    transcript_s: float = 15.0
    first_part_s: float = 30.0
    """From the start of a response to its first part."""
    next_part_s: float = 15.0
    turn_s: float = 1.0
    """For the turn detector; without an answer the caller simply gets the longest wait."""
    image_s: float = 20.0
    """To fetch a picture, and again to read it."""


async def guarded(call: Awaitable[_T], seconds: float, what: str) -> _T:
    """The result of one engine call. Raises `EngineError` only (and lets the end of an iteration pass)."""
    try:
        async with asyncio.timeout(seconds):
            return await call
    except (EngineError, StopAsyncIteration):
        raise
    except TimeoutError:
        raise EngineError("engine_timeout", f"The {what} did not answer within {seconds:g} s.") from None
    except Exception as error:
        # An engine may be anybody's code: its faults must end as a failed response, not as a dead session.
        _log.exception("the %s raised", what)
        raise EngineError("engine_failed", f"The {what} failed.") from error


async def guarded_parts(
    parts: AsyncGenerator[_T, None], first_s: float, next_s: float, what: str
) -> AsyncGenerator[_T, None]:
    """The parts of a streaming call, with a limit on each wait. Raises `EngineError` only; closes `parts` at the end.

    `parts` should make the call itself, so that what the call raises is caught as well.
    """
    async with aclosing(parts):
        seconds = first_s
        while True:
            try:
                part = await guarded(anext(parts), seconds, what)
            except StopAsyncIteration:
                return
            yield part
            seconds = next_s

"""Asks the turn detector whether a turn is over, for one session; the newest question takes the place of the last."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from vivavoce.audio.pcm import Pcm
from vivavoce.core import effects as fx
from vivavoce.ports import EngineError, TurnDetector, spend, working_as
from vivavoce.runtime.guard import guarded

_log = logging.getLogger(__name__)


class Estimates:
    """`detector` None: there is no answer, and the pause alone decides. `seconds`: how long one may take."""

    def __init__(
        self,
        detector: TurnDetector | None,
        seconds: float,
        group: asyncio.TaskGroup,
        tell: Callable[[fx.TurnEstimate], object],
    ) -> None:
        self._detector = detector
        self._seconds = seconds
        self._group = group
        self._tell = tell
        self._asking: asyncio.Task[None] | None = None

    def ask(self, command: fx.EstimateTurn) -> None:
        """Whether the turn that `command` shows is over."""
        if self._asking is not None:
            self._asking.cancel()
        if self._detector is not None:
            self._asking = self._group.create_task(self._ask(self._detector, command))

    async def _ask(self, detector: TurnDetector, command: fx.EstimateTurn) -> None:
        working_as("turn")
        spend(requests=1)
        try:
            probability = await guarded(detector.finished(Pcm.from_bytes(command.pcm)), self._seconds, "turn detector")
        except EngineError as error:
            # The core waits the longest time that the eagerness allows: slower, never wrong.
            _log.warning("turn detector: %s", error.message)
        else:
            self._tell(fx.TurnEstimate(at=command.at, probability=probability))

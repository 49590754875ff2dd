"""Engines whose work is done by other servers: which of those have not come up yet.

Only the beginning is watched. A server that is lost later is named by the answers that it fails, and tried by the next.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from vivavoce.ports import Elsewhere, Engine, EngineError
from vivavoce.runtime.guard import guarded

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
"""Between two looks: it doubles from the one to the other."""
LONGEST_LOOK_S = 10.0
"""At one server. An engine of another package may forget to limit it, and the others wait for it."""

_log = logging.getLogger(__name__)


class Reach:
    """Of the engines of one server, by their roles."""

    def __init__(self, engines: Mapping[str, Engine]) -> None:
        self._elsewhere = {role: engine for role, engine in engines.items() if isinstance(engine, Elsewhere)}
        self.missing: dict[str, str] = {}
        """By role: why its server cannot be reached. Those that were reached once are not looked for again."""

    async def look(self) -> None:
        """Once, for all that are still missing; at first for all."""
        looks = [_look(role, engine) for role, engine in self._elsewhere.items()]
        found = dict(zip(self._elsewhere, await asyncio.gather(*looks), strict=True))
        for role in [role for role, why in found.items() if why is None]:
            del self._elsewhere[role]
            if self.missing.pop(role, None) is not None:
                _log.info("the server of engines.%s can be reached now", role)
        self.missing |= {role: why for role, why in found.items() if why is not None}

    async def wait(self) -> None:
        """Until none is missing, however long that takes."""
        pause = FIRST_PAUSE_S
        while self.missing:
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)
            await self.look()


async def _look(role: str, engine: Elsewhere) -> str | None:
    try:
        return await guarded(engine.unreachable(), LONGEST_LOOK_S, f"server of engines.{role}")
    except EngineError as error:
        return error.message

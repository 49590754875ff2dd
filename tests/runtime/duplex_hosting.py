"""Sessions with a model that speaks by itself, and what their clients see."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec.structs import replace
from tests.runtime.hosting import CAN, SETTINGS, Hosted, engines, hosted

from vivavoce.core.ids import CountingIds
from vivavoce.core.session import Session
from vivavoce.protocol.session import SessionObject
from vivavoce.runtime.guard import Timeouts
from vivavoce.runtime.line import Line
from vivavoce.testing.duplex import ScriptedDuplex
from vivavoce.testing.fakes import ScriptedAsr

DUPLEX = replace(CAN, duplex=True, hears=True, min_speed=1.0, max_speed=1.0)


@asynccontextmanager
async def conversing(
    duplex: ScriptedDuplex,
    asr: ScriptedAsr | None = None,
    *,
    settings: SessionObject = SETTINGS,
    timeouts: Timeouts | None = None,
    line: Line | None = None,
) -> AsyncIterator[Hosted]:
    """A session with this model, and a client that has read `session.created`."""
    can = replace(DUPLEX, instructed=duplex.instructed, media=line is not None)
    core = Session(settings, can, CountingIds(), asyncio.get_running_loop().time(), None)
    engine_set = engines(asr)
    limits = timeouts or engine_set.timeouts
    engine_set = dataclasses.replace(engine_set, responder=duplex, timeouts=limits)
    async with hosted(engine_set, core, line=line) as live:
        yield live


def spoken_ms(live: Hosted, response_id: str) -> float:
    """How much sound of an answer the client was sent."""
    deltas = [
        event["delta"]
        for event in live.client.events
        if event["type"] == "response.output_audio.delta" and event["response_id"] == response_id
    ]
    return sum(len(base64.b64decode(delta)) for delta in deltas) / 48


def told(live: Hosted) -> list[str]:
    """The types of what the client was told, each run of deltas once, without what accompanies every answer."""
    quiet = ("rate_limits", "content_part", "output_item", "item.added", "item.done", "_audio.done", "transcript.done")
    types = [each for each in live.client.types() if not any(word in each for word in quiet)]
    short = ["..." if each.endswith("delta") else each for each in types]
    return [each for i, each in enumerate(short) if i == 0 or each != short[i - 1]]

"""Our own server keeps the protocol: nothing fails, nothing is left out, and what is not offered is known."""

from __future__ import annotations

import asyncio

from tests.conformance.own import own_server, target

from vivavoce.conformance.checks import SECTIONS
from vivavoce.conformance.rules import KEY
from vivavoce.conformance.run import conform
from vivavoce.conformance.verdict import Result, Verdict

NOT_OFFERED = {
    # Instant engines have none of these.
    "parallel_tool_calls shows",
    "images are content",
    "a transcription prompt shows",
    "transcription keywords show",
    "transcription languages show",
    "noise_reduction shows",
    "reasoning shows",
    "include shows",
    "include logprobs gives them",
    # Where to is configured.
    "tracing with a configuration shows",
}
"""What this server refuses by name. A field that is served must not come back into this list."""


def test_nothing_fails() -> None:
    async def scenario() -> list[list[Result]]:
        async with own_server() as server:
            # Beside the others, the section that waits until somebody has been idle for five seconds.
            waiting = [section for section in SECTIONS if section.key == "turn-detection"]
            others = [section for section in SECTIONS if section.key != "turn-detection"]
            return await asyncio.gather(*(conform(target(server), each) for each in (waiting, others)))

    results = asyncio.run(scenario())
    tried = [result for each in results for result in each]
    assert [result for result in tried if result.verdict is Verdict.fails] == []
    assert [result for result in results[1] if result.verdict is Verdict.left_out] == []
    assert [result for result in results[0] if result.verdict is Verdict.left_out and result.section != KEY] == []
    assert {result.name for result in tried if result.verdict is Verdict.not_offered} <= NOT_OFFERED

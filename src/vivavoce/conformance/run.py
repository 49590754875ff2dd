"""Runs the checks, one after the other, and turns what they raise into results."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import httpx

from vivavoce.conformance import rules
from vivavoce.conformance.checks import SECTIONS
from vivavoce.conformance.client import Rejected, Suite, Target
from vivavoce.conformance.verdict import Check, Failed, LeftOut, NotOffered, Result, Section, Verdict

_WAITS = 6
"""A check may take so many times as long as a single answer, and its audio on top; then the server goes on for ever."""
_AUDIO_S = 60.0


async def conform(
    target: Target, sections: Iterable[Section[Suite]] = SECTIONS, told: Callable[[Result], None] = lambda _: None
) -> list[Result]:
    """Try these sections; `told` hears of each result at once.

    The rules that hold for every event come last. Raises `ClientError` when `target.url` is no address.
    """
    suite = Suite(target)
    results: list[Result] = []
    for section in sections:
        for check in section.checks:
            result = await _tried(suite, section, check)
            told(result)
            results.append(result)
    for result in suite.findings.results():
        told(result)
        results.append(result)
    return results


def titles() -> dict[str, str]:
    """The heading of each section by its key."""
    return {section.key: section.title for section in SECTIONS} | {rules.KEY: rules.TITLE}


async def _tried(suite: Suite, section: Section[Suite], check: Check[Suite]) -> Result:
    suite.during = f"{section.title}: {check.name}"
    limit = _WAITS * suite.target.timeout + _AUDIO_S
    try:
        async with asyncio.timeout(limit):
            await check.run(suite)
    except Failed as failed:
        return Result(section.key, check.name, Verdict.fails, failed.sentence, failed.event)
    except NotOffered as refusal:
        return Result(section.key, check.name, Verdict.not_offered, str(refusal))
    except LeftOut as reason:
        return Result(section.key, check.name, Verdict.left_out, str(reason))
    except Rejected as rejected:
        why = f"The upgrade should give a WebSocket, not {rejected}."
        return Result(section.key, check.name, Verdict.fails, why)
    except httpx.HTTPError as error:
        why = f"The server should answer the HTTP request: {str(error) or type(error).__name__}."
        return Result(section.key, check.name, Verdict.fails, why)
    except TimeoutError:
        return Result(section.key, check.name, Verdict.fails, f"This should come to an end within {limit:g} s.")
    return Result(section.key, check.name, Verdict.holds)

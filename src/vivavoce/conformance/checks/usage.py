"""What responses and transcripts cost, and what is left (PROTOCOL.md 2.2, 5.1, 5.2)."""

from __future__ import annotations

from vivavoce.conformance.checks.audio_response import spoken
from vivavoce.conformance.client import Suite
from vivavoce.conformance.steps import answered, ask, commit, expect, in_force, voice, written
from vivavoce.conformance.verdict import Check, NotOffered, Section
from vivavoce.testing.client import Event, at


def _count(event: Event, *path: str) -> int:
    value = at(event, "response", "usage", *path)
    expect(isinstance(value, int), f"usage should have {'.'.join(path)}.", event)
    return value if isinstance(value, int) else 0


async def in_writing(suite: Suite) -> None:
    async with suite.session() as wire:
        done = (await written(wire)).done
        expect(_count(done, "input_tokens") > 0, "A question should cost input tokens.", done)
        expect(_count(done, "output_tokens") > 0, "An answer should cost output tokens.", done)
        audio = _count(done, "output_token_details", "audio_tokens")
        expect(audio == 0, f"An answer in writing should cost no audio tokens, not {audio}.", done)


async def in_speech(suite: Suite) -> None:
    async with suite.session() as wire:
        done = (await spoken(wire)).done
        audio = _count(done, "output_token_details", "audio_tokens")
        expect(audio > 0, "An answer in speech should cost audio tokens.", done)


async def heard(suite: Suite) -> None:
    async with suite.session(audio={"input": {"turn_detection": None}}) as wire:
        await commit(wire, voice(suite))
        answer = await answered(wire, output_modalities=["text"])
        audio = _count(answer.done, "input_token_details", "audio_tokens")
        expect(audio > 0, "A question in speech should cost audio tokens.", answer.done)


async def not_before(suite: Suite) -> None:
    async with suite.session() as wire:
        await ask(wire)
        answer = await answered(wire, output_modalities=["text"])
        usage = at(answer.created, "response", "usage")
        expect(usage is None, "response.created should have no usage yet.", answer.created)


async def rate_limits(suite: Suite) -> None:
    async with suite.session() as wire:
        await written(wire)
        await in_force(wire)
        events = wire.of("rate_limits.updated")
        if not events:
            raise NotOffered("The server sends no rate_limits.updated.")
        for event in events:
            limits = event.get("rate_limits")
            for each in limits if isinstance(limits, list) else []:
                numbers = [at(each, name) for name in ("limit", "remaining", "reset_seconds")]
                good = at(each, "name") in ("requests", "tokens") and all(
                    isinstance(number, int | float) and number >= 0 for number in numbers
                )
                expect(good, "A rate limit has a name, limit, remaining and reset_seconds.", event)


SECTION = Section(
    "usage",
    "Usage",
    (
        Check("an answer in writing costs text tokens only", in_writing),
        Check("an answer in speech costs audio tokens", in_speech),
        Check("a question in speech costs audio tokens", heard),
        Check("a response begins without usage", not_before),
        Check("rate_limits.updated tells what is left", rate_limits),
    ),
)

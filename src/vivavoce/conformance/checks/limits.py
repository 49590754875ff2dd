"""Values outside their ranges (PROTOCOL.md 3.9, 5.4)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from vivavoce.conformance.checks.session_update import nested, refuses
from vivavoce.conformance.client import Suite
from vivavoce.conformance.steps import append, expect, in_force, refused
from vivavoce.conformance.verdict import Check, Failed, Section

_R = {"type": "realtime"}
_OVER_BYTES = 15 * 1024 * 1024 + 2
_TOO_BIG = 1009
"""The close code for a frame that is too large (RFC 6455)."""
_DETECTION = "audio.input.turn_detection"


def no_metadata(metadata: dict[str, str]) -> Callable[[Suite], Awaitable[None]]:
    """A check that this metadata is refused."""

    async def run(suite: Suite) -> None:
        async with suite.session() as wire:
            event_id = await wire.send("response.create", response={"metadata": metadata})
            await refused(wire, event_id, "metadata beyond its limits")
            await in_force(wire)

    return run


async def long_event_id(suite: Suite) -> None:
    async with suite.session() as wire:
        await wire.send_event({"type": "input_audio_buffer.clear", "event_id": "x" * 513})
        event = await wire.next("error", "input_audio_buffer.cleared")
        expect(event.get("type") == "error", "An event_id of 513 characters should be refused.", event)
        await in_force(wire)


async def much_audio(suite: Suite) -> None:
    async with suite.session() as wire:
        try:
            await wire.send_event({**append(bytes(_OVER_BYTES)), "event_id": "much"})
            await refused(wire, "much", "more than 15 MiB in one append")
        except Failed:
            # A server may also refuse the frame itself, as long as it says so.
            if wire.close_code != _TOO_BIG:
                raise
        else:
            await in_force(wire)


SECTION = Section(
    "limits",
    "Limits",
    (
        Check("metadata of 17 pairs is refused", no_metadata({f"key{number}": "x" for number in range(17)})),
        Check("a metadata key of 65 characters is refused", no_metadata({"k" * 65: "x"})),
        Check("a metadata value of 513 characters is refused", no_metadata({"key": "v" * 513})),
        Check("an event_id of 513 characters is refused", long_event_id),
        Check(
            "max_output_tokens of 0 is refused", refuses({**_R, "max_output_tokens": 0}, "session.max_output_tokens")
        ),
        Check(
            "a speed of 2 is refused",
            refuses({**_R, **nested("audio.output.speed", 2.0)}, "session.audio.output.speed"),
        ),
        Check(
            "a threshold of 1.5 is refused",
            refuses(
                {**_R, **nested(_DETECTION, {"type": "server_vad", "threshold": 1.5})},
                f"session.{_DETECTION}.threshold",
            ),
        ),
        Check(
            "an idle timeout of 1 s is refused",
            refuses(
                {**_R, **nested(_DETECTION, {"type": "server_vad", "idle_timeout_ms": 1000})},
                f"session.{_DETECTION}.idle_timeout_ms",
            ),
        ),
        Check(
            "a retention ratio of 2 is refused",
            refuses({**_R, "truncation": {"type": "retention_ratio", "retention_ratio": 2.0}}, "session.truncation"),
        ),
        Check("more than 15 MiB in one append is refused", much_audio),
    ),
)

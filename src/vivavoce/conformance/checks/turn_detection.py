"""Turns that the server finds (PROTOCOL.md 3.4, 4.3)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from vivavoce.audio.pcm import Pcm
from vivavoce.conformance.client import Suite, Wire
from vivavoce.conformance.steps import expect, in_force, not_offered, play, speak, told, voice
from vivavoce.conformance.verdict import Check, Section
from vivavoce.testing.client import Event, at, text

_TURN = (
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
)
_TIMEOUT = "input_audio_buffer.timeout_triggered"
_LONGEST_WAIT_MS = 9000
"""semantic_vad may wait 8 s for a caller who does not sound finished (3.4)."""
_IDLE_MS = 5000
_IDLE_MARGIN_MS = 3000


async def listening(wire: Wire, **detection: object) -> None:
    """Set the turn detection. Raises `NotOffered` when it is refused by name."""
    session = {"type": "realtime", "audio": {"input": {"turn_detection": detection}}}
    await wire.send("session.update", session=session)
    event = await wire.next("session.updated", "error")
    if event.get("type") == "error":
        not_offered(event, "session.audio.input.turn_detection")


async def _a_turn(suite: Suite, wire: Wire, after_ms: int = 1000) -> Event:
    """Speak, and see the turn's events in their order; gives `speech_started`."""
    await speak(suite, wire, after_ms)
    started = await wire.next(_TURN[0])
    item_id = text(started, "item_id")
    seen = [started]
    for kind in _TURN[1:]:
        event = await wire.next(*_TURN, "response.created")
        expect(
            event.get("type") == kind,
            f"After {seen[-1].get('type')} should come {kind}, not {event.get('type')}.",
            event,
        )
        named = text(event, "item_id") or text(event, "item", "id")
        expect(named == item_id, f"{kind} should be of the item that speech_started announced.", event)
        seen.append(event)
    return started


def turns(after_ms: int, **detection: object) -> Callable[[Suite], Awaitable[None]]:
    """A check that this detection finds a turn that so much silence follows, and answers it."""

    async def run(suite: Suite) -> None:
        voice(suite)
        async with suite.session() as wire:
            await listening(wire, **detection)
            await _a_turn(suite, wire, after_ms)
            answer = await told(wire, await wire.next("response.created"))
            expect(answer.status == "completed", "A turn should get a complete answer.", answer.done)

    return run


async def positions(suite: Suite) -> None:
    async with suite.session() as wire:
        spoken = voice(suite)
        await listening(wire, type="server_vad", silence_duration_ms=300, create_response=False)
        started = await _a_turn(suite, wire)
        stopped = wire.of("input_audio_buffer.speech_stopped")[0]
        start, end = started.get("audio_start_ms"), stopped.get("audio_end_ms")
        # Where in the recording the voice begins and ends is not known; but it lies inside what was sent.
        total = 300 + spoken.ms + 1000
        within = isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= total + 100
        expect(within, f"A turn should lie in the {total:.0f} ms that were sent, not from {start} to {end}.", stopped)


async def _bounds(suite: Suite, **detection: object) -> tuple[int, int]:
    """Where a turn starts and ends, in ms, with this detection."""
    async with suite.session() as wire:
        voice(suite)
        await listening(wire, type="server_vad", create_response=False, **detection)
        started = await _a_turn(suite, wire, 2000)
        stopped = wire.of("input_audio_buffer.speech_stopped")[0]
        start, end = started.get("audio_start_ms"), stopped.get("audio_end_ms")
        return start if isinstance(start, int) else 0, end if isinstance(end, int) else 0


async def padding(suite: Suite) -> None:
    bare, _ = await _bounds(suite, prefix_padding_ms=0)
    padded, _ = await _bounds(suite, prefix_padding_ms=250)
    early = bare - padded
    expect(150 <= early <= 350, f"A turn should start 250 ms earlier with a padding of 250 ms, not {early} ms.")


async def pause(suite: Suite) -> None:
    # A sentence may have a pause of its own in which a short silence already ends the turn; a long one never ends it.
    _, soon = await _bounds(suite, silence_duration_ms=600)
    _, late = await _bounds(suite, silence_duration_ms=1200)
    later = late - soon
    expect(later >= 450, f"A turn should end 600 ms later with 600 ms more of silence, not {later} ms.")


async def no_answer(suite: Suite) -> None:
    async with suite.session() as wire:
        voice(suite)
        await listening(wire, type="server_vad", create_response=False)
        await _a_turn(suite, wire)
        await in_force(wire)
        created = wire.of("response.created")
        expect(not created, "With create_response false no response should come.", created[0] if created else None)


async def off(suite: Suite) -> None:
    async with suite.session(audio={"input": {"turn_detection": None}}) as wire:
        await speak(suite, wire)
        await in_force(wire)
        found = wire.of(*_TURN, "response.created")
        expect(not found, "With turn detection off no turn should be found.", found[0] if found else None)


async def silence(suite: Suite) -> None:
    async with suite.session() as wire:
        await play(suite, wire, Pcm.silence(2000))
        await in_force(wire)
        found = wire.of(*_TURN)
        expect(not found, "In silence no turn should be found.", found[0] if found else None)


async def untouched(suite: Suite) -> None:
    async with suite.session() as wire:
        spoken = voice(suite)
        await listening(wire, type="server_vad", create_response=False)
        half = spoken.chunks(int(spoken.ms / 2) + 1)
        await play(suite, wire, Pcm.join([Pcm.silence(300), half[0]]))
        await in_force(wire)
        await play(suite, wire, Pcm.join([*half[1:], Pcm.silence(1000)]))
        await wire.next("input_audio_buffer.speech_stopped")
        await wire.next("conversation.item.done")


async def clears(suite: Suite) -> None:
    async with suite.session() as wire:
        spoken = voice(suite)
        await listening(wire, type="server_vad", create_response=False)
        await play(suite, wire, Pcm.join([Pcm.silence(300), spoken]))
        await wire.next("input_audio_buffer.speech_started")
        await wire.send("input_audio_buffer.clear")
        await wire.next("input_audio_buffer.cleared")
        since = wire.position
        await play(suite, wire, Pcm.silence(1000))
        await in_force(wire)
        found = wire.of("input_audio_buffer.committed", since=since)
        expect(not found, "A turn that was cleared should not be committed.", found[0] if found else None)


async def idle(suite: Suite) -> None:
    async with suite.session(output_modalities=["text"]) as wire:
        await listening(wire, type="server_vad", idle_timeout_ms=_IDLE_MS)
        await wire.send("response.create")
        await told(wire, await wire.next("response.created"))
        # Idleness is time that passes, so this silence takes its time even where audio is sent fast.
        for piece in Pcm.silence(_IDLE_MS + _IDLE_MARGIN_MS).chunks(200):
            await play(suite, wire, piece, live=True)
            if wire.of(_TIMEOUT):
                break
        event = await wire.next(_TIMEOUT)
        item_id = event.get("item_id")
        for kind in _TURN[2:]:
            event = await wire.next(kind)
            named = text(event, "item_id") or text(event, "item", "id")
            expect(named == item_id, f"{kind} should be of the item that timeout_triggered named.", event)
        answer = await told(wire, await wire.next("response.created"))
        expect(at(answer.done, "response", "status") == "completed", "Idleness should be answered.", answer.done)
        expect(bool(at(answer.done, "response", "output")), "The answer to idleness should say something.", answer.done)


SECTION = Section(
    "turn-detection",
    "Turn detection",
    (
        Check("server_vad finds a turn, in the order of the protocol, and answers it", turns(1000, type="server_vad")),
        Check(
            "semantic_vad finds a turn, in the order of the protocol, and answers it",
            turns(_LONGEST_WAIT_MS, type="semantic_vad"),
        ),
        Check("positions lie inside the audio that was sent", positions),
        Check("prefix_padding_ms takes effect", padding),
        Check("silence_duration_ms takes effect", pause),
        Check("create_response false finds turns and answers none", no_answer),
        Check("turn_detection null finds no turn", off),
        Check("silence is no turn", silence),
        Check("an update of something else does not disturb a turn", untouched),
        Check("a clear ends a turn without a commit", clears),
        Check("idle_timeout_ms commits the silence and answers it", idle),
    ),
)

"""How faults are planted: what is changed on its way to the client, and who must find it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass

from tests.conformance.faulty import Event, Fault, Frame

from vivavoce.conformance.rules import Rule

ALWAYS = "always"
CALL_ARGUMENTS = "response.function_call_arguments"
COMPLETED = "conversation.item.input_audio_transcription.completed"


@dataclass(frozen=True)
class Planted:
    """`runs` are the checks that run, as (section, start of the name); `found` is the one that must fail."""

    name: str
    runs: tuple[str, str]
    found: tuple[str, str]
    plant: Callable[[], Fault]


def changed(kinds: str | Iterable[str], change: Callable[[Event], object]) -> Callable[[], Fault]:
    """Change events of these types in place."""
    types = {kinds} if isinstance(kinds, str) else set(kinds)

    def fault(event: Event) -> list[Frame]:
        if event.get("type") in types:
            change(event)
        return [event]

    return lambda: fault


def instead(kind: str, replace: Callable[[Event], list[Frame]]) -> Callable[[], Fault]:
    """Other frames in place of events of a type."""

    def fault(event: Event) -> list[Frame]:
        return replace(event) if event.get("type") == kind else [event]

    return lambda: fault


def again(event: Event, **fields: object) -> Event:
    """The same event once more, under an id of its own."""
    return {**deepcopy(event), "event_id": f"event_again_{event['event_id']}", **fields}


def late(kind: str, after: str) -> Callable[[], Fault]:
    """Hold events of a type back until another one has gone out; the caller's own items go as they are."""

    def plant() -> Fault:
        held: list[Event] = []

        def fault(event: Event) -> list[Frame]:
            if event["type"] == kind and event.get("item", {}).get("role") != "user":
                held.append(event)
                return []
            if event["type"] == after:
                out: list[Frame] = [event, *held]
                held.clear()
                return out
            return [event]

        return fault

    return plant


def ignored_update() -> Fault:
    """`session.updated` shows the session of `session.created`."""
    first: list[Event] = []

    def fault(event: Event) -> list[Frame]:
        if event["type"] == "session.created":
            first.append(event["session"])
        elif event["type"] == "session.updated":
            event["session"] = first[0]
        return [event]

    return fault


def half_refused() -> Fault:
    """A refused update changes the instructions all the same."""
    refused: list[Event] = []

    def fault(event: Event) -> list[Frame]:
        if event["type"] == "error":
            refused.append(event)
        elif event["type"] == "session.updated" and refused:
            event["session"]["instructions"] = "Not to be."
        return [event]

    return fault


def talks_over() -> Fault:
    """The last piece of audio is sent once more after `speech_started`."""
    audio: list[Event] = []

    def fault(event: Event) -> list[Frame]:
        if event["type"] == "response.output_audio.delta":
            audio.append(event)
        if event["type"] == "input_audio_buffer.speech_started" and audio:
            return [event, again(audio[-1])]
        return [event]

    return fault


def mirrors() -> Fault:
    """Items outside the conversation are shown as if they were in it."""

    def fault(event: Event) -> list[Frame]:
        if event["type"] == "response.output_item.added":
            return [event, again(event, type="conversation.item.added", previous_item_id=None)]
        return [event]

    return fault


def not_cancelled(event: Event) -> None:
    """A cancelled response says that it is complete."""
    if event["response"]["status"] == "cancelled":
        event["response"]["status"] = "completed"
        event["response"]["status_details"] = None


def no_answer(event: Event) -> None:
    """What is no call is not made."""
    if any(item["type"] == "message" for item in event["response"]["output"]):
        event["response"]["status"] = "incomplete"


def renamed(event: Event) -> None:
    for item in event["response"]["output"]:
        item["name"] = "another"


def calling(event: Event) -> None:
    """Whatever is answered, there is a call beside it."""
    call = {"id": "item_call", "type": "function_call", "name": "weather", "call_id": "call_x", "arguments": "{}"}
    event["response"]["output"].append(call)


def without_reason(event: Event) -> None:
    if event["response"]["status"] == "cancelled":
        event["response"]["status_details"] = None


def drop_audio(event: Event) -> None:
    for part in event["item"]["content"]:
        part.pop("audio", None)


def drop_transcript(event: Event) -> None:
    for part in event["item"]["content"]:
        part.pop("transcript", None)


def odd_bytes(event: Event) -> None:
    event["delta"] = base64.b64encode(base64.b64decode(event["delta"]) + b"\0").decode()


def no_booleans(event: Event) -> None:
    detection = event["session"]["audio"]["input"]["turn_detection"]
    if detection:
        detection.pop("interrupt_response")


def untrue(event: Event) -> None:
    event["session"]["audio"]["input"]["turn_detection"]["silence_duration_ms"] += 100


def no_voice(event: Event) -> None:
    event["session"]["audio"]["output"].pop("voice")


def code(name: str) -> Callable[[Event], object]:
    """Another error code."""
    return lambda event: event["error"].update(code=name)


def dropped(event: Event) -> list[Frame]:
    return []


def answer(found: Rule, name: str, plant: Callable[[], Fault]) -> Planted:
    """A fault in a written answer that a rule must find."""
    return Planted(name, ("text-response", "it has words"), (ALWAYS, found.value), plant)


def sound(found: Rule, name: str, plant: Callable[[], Fault]) -> Planted:
    """A fault in a spoken answer that a rule must find."""
    return Planted(name, ("audio-response", "it has audio"), (ALWAYS, found.value), plant)


def turn(found: Rule, name: str, plant: Callable[[], Fault]) -> Planted:
    """A fault in a turn that a rule must find."""
    return Planted(name, ("turn-detection", "create_response false"), (ALWAYS, found.value), plant)


def check(section: str, name: str, fault: str, plant: Callable[[], Fault]) -> Planted:
    """A fault that the check which meets it must find."""
    return Planted(fault, (section, name), (section, name), plant)

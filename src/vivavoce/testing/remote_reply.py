"""How the fake server of the Realtime wire answers (PROTOCOL.md 4.4 to 4.7): a script, and the events that it makes."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from vivavoce.audio.pcm import Pcm
from vivavoce.testing.script import sound

WORD_MS = 300
GAP_MS = 60
"""Silence after each word."""
PAUSE_MS = 240
"""After a clause."""

Event = dict[str, object]
_BETA = {
    "response.output_audio.": "response.audio.",
    "response.output_audio_transcript.": "response.audio_transcript.",
    "response.output_text.": "response.text.",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the fake server, and how it goes wrong.

    `text` is said or written, then `calls` are made (names, and arguments as JSON). `leading`: the whole transcript
    comes before any audio; `trailing`: after the audio; `wordless`: never. `pace`: seconds of audio that are sent in
    one second; None: all at once. Of its events only `stall_after` are sent before there is silence, or `break_after`
    before the connection is dropped; `frames` are sent in the place of all but the first, and `early` before it begins.
    """

    text: str = "Hello from afar."
    calls: Sequence[tuple[str, str]] = ()
    status: Literal["completed", "incomplete", "failed", "cancelled"] = "completed"
    reason: str | None = None
    code: str = "server_error"
    message: str = "Scripted."
    usage: Mapping[str, object] | None = None
    leading: bool = False
    trailing: bool = False
    wordless: bool = False
    interleaved: bool = False
    """The arguments of all calls come at once."""
    beta: bool = False
    """Events have the names of the beta."""
    metadata: bool = True
    """That of the request is repeated."""
    pace: float | None = None
    stall_after: int | None = None
    break_after: int | None = None
    frames: Sequence[str | bytes] = ()
    early: Sequence[str | bytes] = ()


@dataclass(slots=True)
class Made:
    """What an answer has made so far, as `response.done` shows it."""

    response_id: str
    output: list[Event] = field(default_factory=list)


def spoken(text: str) -> Iterator[tuple[str, Pcm]]:
    """Each word of a text, and its sound."""
    for word in re.findall(r"\s*\S+", text):
        gap = PAUSE_MS if word[-1] in ".,!?" else GAP_MS
        yield word, Pcm.join([*sound(WORD_MS - GAP_MS), Pcm.silence(gap)])


def events(reply: Reply, made: Made, written: bool, item_ids: Iterator[str]) -> Iterator[Event]:
    """All events between `response.created` and `response.done`, by their present names."""
    if reply.text:
        yield from _message(reply, made, written, next(item_ids))
    yield from _calls(reply, made, item_ids)


def cut_off(made: Made) -> Iterator[Event]:
    """The end of the item that an answer was at when it was cancelled (PROTOCOL.md 4.6)."""
    for index, item in enumerate(made.output):
        if item["status"] == "in_progress":
            item["status"] = "incomplete"
            yield _item_event("done", made, index, item)


def beta(event: Event) -> Event:
    """The same event as servers of the beta have it."""
    kind = str(event["type"])
    old = next((now for now in _BETA if kind.startswith(now)), None)
    return event if old is None else {**event, "type": kind.replace(old, _BETA[old])}


def _message(reply: Reply, made: Made, written: bool, item_id: str) -> Iterator[Event]:
    part: Event = {"type": "output_text", "text": ""} if written else {"type": "output_audio", "transcript": ""}
    item: Event = {"id": item_id, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    place = {"response_id": made.response_id, "item_id": item_id, "output_index": 0, "content_index": 0}
    made.output.append(item)
    yield _item_event("added", made, 0, {**item})
    item["content"] = [part]
    kind, said = ("text", "text") if written else ("audio_transcript", "transcript")

    def words(text: str) -> Event:
        part[said] = f"{part[said]}{text}"
        return {"type": f"response.output_{kind}.delta", **place, "delta": text}

    yield {"type": "response.content_part.added", **place, "part": _part(part)}
    voices = list(spoken(reply.text))
    if written or reply.leading:
        for word, _ in voices:
            yield words(word)
    for word, voice in voices if not written else ():
        if not (reply.leading or reply.trailing or reply.wordless):
            yield words(word)
        for piece in voice.chunks(200):
            data = b64encode(piece.to_bytes()).decode()
            yield {"type": "response.output_audio.delta", **place, "delta": data, "_ms": piece.ms}
    if reply.trailing and not written:
        part[said] = reply.text
    if not written:
        yield {"type": "response.output_audio.done", **place}
    yield {"type": f"response.output_{kind}.done", **place, said: part[said]}
    yield {"type": "response.content_part.done", **place, "part": _part(part)}
    item["status"] = "completed"
    yield _item_event("done", made, 0, item)


def _calls(reply: Reply, made: Made, item_ids: Iterator[str]) -> Iterator[Event]:
    begun: list[list[Event]] = []
    for name, arguments in reply.calls:
        item_id = next(item_ids)
        call: Event = {"id": item_id, "type": "function_call", "status": "in_progress", "call_id": f"call_{item_id}"}
        call |= {"name": name, "arguments": ""}
        index = len(made.output)
        place: Event = {"response_id": made.response_id, "item_id": item_id, "output_index": index}
        place["call_id"] = call["call_id"]
        whole: Event = {**call, "status": "completed", "arguments": arguments}
        made.output.append(whole)
        kind = "response.function_call_arguments"
        begun.append(
            [
                _item_event("added", made, index, call),
                *({"type": f"{kind}.delta", **place, "delta": each} for each in (arguments[:3], arguments[3:])),
                {"type": f"{kind}.done", **place, "name": name, "arguments": arguments},
                _item_event("done", made, index, whole),
            ]
        )
    if reply.interleaved:
        yield from (event for step in zip(*begun, strict=True) for event in step)
    else:
        yield from (event for call in begun for event in call)


def _item_event(what: str, made: Made, index: int, item: Event) -> Event:
    return {
        "type": f"response.output_item.{what}",
        "response_id": made.response_id,
        "output_index": index,
        "item": item,
    }


def _part(part: Event) -> Event:
    return {**part, "type": str(part["type"]).removeprefix("output_")}

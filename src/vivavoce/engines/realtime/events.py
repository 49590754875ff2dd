"""What that server sends, as far as it matters here (PROTOCOL.md 2.2, 2.4). Unknown fields and events do no harm."""

from __future__ import annotations

import msgspec
from msgspec import Struct

RENAMED = {
    "response.audio.delta": "response.output_audio.delta",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
}
"""What servers of the beta called them."""


class Fault(Struct, frozen=True):
    """What is wrong. `event_id`: which of our events was refused."""

    type: str | None = None
    code: str | None = None
    message: str | None = None
    event_id: str | None = None


class Item(Struct, frozen=True):
    """Something that an answer is made of."""

    id: str = ""
    type: str = ""
    name: str | None = None
    call_id: str | None = None
    arguments: str | None = None


class InputDetails(Struct, frozen=True):
    """Of the tokens that went in."""

    audio_tokens: int | None = None
    image_tokens: int | None = None
    cached_tokens: int | None = None


class OutputDetails(Struct, frozen=True):
    """Of the tokens that came out."""

    audio_tokens: int | None = None


class Usage(Struct, frozen=True):
    """What an answer took (PROTOCOL.md 5.1)."""

    input_tokens: int = 0
    output_tokens: int = 0
    input_token_details: InputDetails | None = None
    output_token_details: OutputDetails | None = None


class StatusDetails(Struct, frozen=True):
    """Why an answer ended as it did."""

    reason: str | None = None
    error: Fault | None = None


class Response(Struct, frozen=True):
    """An answer."""

    id: str = ""
    status: str | None = None
    status_details: StatusDetails | None = None
    usage: Usage | None = None
    metadata: dict[str, str] | None = None


class Event(Struct, frozen=True):
    """Any of them."""

    type: str
    response_id: str | None = None
    item_id: str | None = None
    delta: str | None = None
    arguments: str | None = None
    transcript: str | None = None
    text: str | None = None
    item: Item | None = None
    response: Response | None = None
    error: Fault | None = None


_decoder = msgspec.json.Decoder(Event)


def decode(frame: str | bytes) -> Event:
    """The event in a frame, by its present name. Raises `ValueError`."""
    event = _decoder.decode(frame)
    name = RENAMED.get(event.type)
    return event if name is None else msgspec.structs.replace(event, type=name)

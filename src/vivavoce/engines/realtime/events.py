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

    code: str | int | None = None
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

    input_tokens: int | None = None
    output_tokens: int | None = None
    input_token_details: InputDetails | None = None
    output_token_details: OutputDetails | None = None


class StatusDetails(Struct, frozen=True):
    """Why an answer ended as it did."""

    reason: str | None = None
    error: Fault | str | None = None

    @property
    def fault(self) -> Fault:
        """What is wrong, however it is told."""
        return _fault(self.error)


class Response(Struct, frozen=True):
    """An answer."""

    id: str = ""
    status: str | None = None
    status_details: StatusDetails | None = None
    usage: Usage | None = None
    metadata: dict[str, str] | None = None


class Format(Struct, frozen=True):
    """Of audio (PROTOCOL.md 3.1). `rate`: in Hz."""

    type: str | None = None
    rate: float | None = None


class Side(Struct, frozen=True):
    """The audio that comes, or goes. A format that is a word is one of the beta's."""

    format: Format | str | None = None


class Audio(Struct, frozen=True):
    """Both sides of a session."""

    input: Side | None = None
    output: Side | None = None


class Session(Struct, frozen=True):
    """What is in force there."""

    audio: Audio | None = None


class Event(Struct, frozen=True):
    """Any of them. Those that are not `_USED` have a type alone."""

    type: str
    response_id: str | None = None
    item_id: str | None = None
    delta: str | None = None
    arguments: str | None = None
    transcript: str | None = None
    text: str | None = None
    item: Item | None = None
    response: Response | None = None
    session: Session | None = None
    error: Fault | str | None = None
    code: str | int | None = None
    """Of an error that is told in words alone."""

    @property
    def fault(self) -> Fault:
        """What is wrong, however it is told."""
        return _fault(self.error, self.code)


class _Kind(Struct, frozen=True):
    type: str


def _fault(told: Fault | str | None, code: str | int | None = None) -> Fault:
    return Fault(code, told) if isinstance(told, str) else told or Fault(code)


_USED = frozenset(
    {
        "error",
        "session.updated",
        "input_audio_buffer.committed",
        "response.created",
        "response.done",
        "response.output_item.added",
        "response.output_item.done",
        "response.output_text.delta",
        "response.output_text.done",
        "response.output_audio.delta",
        "response.output_audio_transcript.delta",
        "response.output_audio_transcript.done",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
    }
)
_kind = msgspec.json.Decoder(_Kind)
_decoder = msgspec.json.Decoder(Event)


def decode(frame: str | bytes) -> Event:
    """The event in a frame, by its present name. Raises `ValueError`."""
    kind = _kind.decode(frame).type
    name = RENAMED.get(kind, kind)
    if name not in _USED:
        return Event(name)
    event = _decoder.decode(frame)
    return event if name == kind else msgspec.structs.replace(event, type=name)

"""Text frames to client events, and server events to text frames.

The common case is one pass of msgspec over the typed union. Only when that fails is the frame read again as plain
JSON, to say in the service's own words what is wrong with it (PROTOCOL.md 2.3).
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from vivavoce.protocol.client import MAX_APPEND_BYTES, MAX_EVENT_ID, AnyClientEvent, InputAudioBufferAppend
from vivavoce.protocol.errors import ProtocolError
from vivavoce.protocol.explain import explain
from vivavoce.protocol.server import ServerEvent

_decoder: msgspec.json.Decoder[AnyClientEvent] = msgspec.json.Decoder(AnyClientEvent)
_encoder = msgspec.json.Encoder()
_E = TypeVar("_E")


def decode(frame: str | bytes) -> AnyClientEvent:
    """The client event in a frame. Raises `ProtocolError` with the code, `param` and client `event_id` to answer."""
    return decoded(frame, _decoder, AnyClientEvent)


def decoded(frame: str | bytes, decoder: msgspec.json.Decoder[_E], union: object) -> _E:
    """The event of a frame by the decoder of a union of client events. Raises like `decode`."""
    try:
        event = decoder.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _fault(frame, str(error), union) from None
    if isinstance(event, InputAudioBufferAppend) and len(event.audio) > MAX_APPEND_BYTES:
        raise ProtocolError(
            "invalid_value",
            f"Invalid 'audio': expected at most {MAX_APPEND_BYTES} bytes of audio, but got {len(event.audio)}.",
            param="audio",
            event_id=event.event_id,
        )
    return event


def encode(event: ServerEvent) -> str:
    """The text frame of a server event; bytes become base64."""
    return _encoder.encode(event).decode()


def binary_refused() -> ProtocolError:
    """The answer to a binary frame (PROTOCOL.md 1.2)."""
    return ProtocolError("invalid_event", "Expected a text WebSocket message; binary frames are not supported.")


def _fault(frame: str | bytes, reason: str, union: object) -> ProtocolError:
    try:
        value = msgspec.json.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return ProtocolError("invalid_json", f"Invalid event: failed to parse JSON value. {error}")
    if not isinstance(value, dict):
        return ProtocolError("invalid_event", "Invalid event: expected a JSON object.")
    given = value.get("event_id")
    event_id = given if isinstance(given, str) and len(given) <= MAX_EVENT_ID else None
    if "type" not in value:
        return ProtocolError("invalid_event", "The 'type' field is missing.", event_id=event_id)
    found = explain(union, value)
    if found is None:
        return ProtocolError("invalid_event", f"Invalid event: {reason}", event_id=event_id)
    return ProtocolError(found.code, found.message, param=found.param, event_id=event_id)

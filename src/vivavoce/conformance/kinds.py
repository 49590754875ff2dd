"""The events of the protocol and the fields that each must have (PROTOCOL.md 2.2, Appendix A.2 and A.4, 9.2)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from vivavoce.testing.client import Event

Kind = tuple[type, ...]
STR: Kind = (str,)
INT: Kind = (int,)
NUMBER: Kind = (int, float)
OBJECT: Kind = (dict,)
ARRAY: Kind = (list,)
STR_OR_NULL: Kind = (str, type(None))

_NOUNS = {str: "a string", int: "an integer", float: "a number", dict: "an object", list: "an array", bool: "a boolean"}
_NOUNS[type(None)] = "null"

_SESSION = {"session": OBJECT}
_ITEM = {"item": OBJECT}
_ITEM_ID = {"item_id": STR}
_IN_RESPONSE = {"response_id": STR, "output_index": INT}
_OUTPUT_ITEM = {**_IN_RESPONSE, "item": OBJECT}
_IN_CONTENT = {**_IN_RESPONSE, "item_id": STR, "content_index": INT}
_CALL = {**_IN_RESPONSE, "item_id": STR, "call_id": STR}
_CAPTION = {"item_id": STR, "content_index": INT}
_CAPTIONS = "conversation.item.input_audio_transcription"

REALTIME: Mapping[str, Mapping[str, Kind]] = MappingProxyType(
    {
        "session.created": _SESSION,
        "session.updated": _SESSION,
        "error": {"error": OBJECT},
        "conversation.created": {"conversation": OBJECT},
        "conversation.item.added": _ITEM,
        "conversation.item.done": _ITEM,
        "conversation.item.retrieved": _ITEM,
        "conversation.item.truncated": {**_CAPTION, "audio_end_ms": INT},
        "conversation.item.deleted": _ITEM_ID,
        f"{_CAPTIONS}.delta": {**_CAPTION, "delta": STR},
        f"{_CAPTIONS}.segment": {**_CAPTION, "id": STR, "text": STR, "speaker": STR, "start": NUMBER, "end": NUMBER},
        f"{_CAPTIONS}.completed": {**_CAPTION, "transcript": STR, "usage": OBJECT},
        f"{_CAPTIONS}.failed": {**_CAPTION, "error": OBJECT},
        "input_audio_buffer.committed": _ITEM_ID,
        "input_audio_buffer.cleared": {},
        "input_audio_buffer.speech_started": {"item_id": STR, "audio_start_ms": INT},
        "input_audio_buffer.speech_stopped": {"item_id": STR, "audio_end_ms": INT},
        "input_audio_buffer.timeout_triggered": {"item_id": STR, "audio_start_ms": INT, "audio_end_ms": INT},
        "input_audio_buffer.dtmf_event_received": {"event": STR, "received_at": INT},
        "output_audio_buffer.started": {"response_id": STR},
        "output_audio_buffer.stopped": {"response_id": STR},
        "output_audio_buffer.cleared": {"response_id": STR},
        "response.created": {"response": OBJECT},
        "response.done": {"response": OBJECT},
        "response.output_item.added": _OUTPUT_ITEM,
        "response.output_item.done": _OUTPUT_ITEM,
        "response.content_part.added": {**_IN_CONTENT, "part": OBJECT},
        "response.content_part.done": {**_IN_CONTENT, "part": OBJECT},
        "response.output_text.delta": {**_IN_CONTENT, "delta": STR},
        "response.output_text.done": {**_IN_CONTENT, "text": STR},
        "response.output_audio.delta": {**_IN_CONTENT, "delta": STR},
        "response.output_audio.done": _IN_CONTENT,
        "response.output_audio_transcript.delta": {**_IN_CONTENT, "delta": STR},
        "response.output_audio_transcript.done": {**_IN_CONTENT, "transcript": STR},
        "response.function_call_arguments.delta": {**_CALL, "delta": STR},
        "response.function_call_arguments.done": {**_CALL, "arguments": STR, "name": STR},
        "rate_limits.updated": {"rate_limits": ARRAY},
        "mcp_list_tools.in_progress": _ITEM_ID,
        "mcp_list_tools.completed": _ITEM_ID,
        "mcp_list_tools.failed": _ITEM_ID,
        "response.mcp_call_arguments.delta": {**_IN_RESPONSE, "item_id": STR, "delta": STR, "obfuscation": STR},
        "response.mcp_call_arguments.done": {**_IN_RESPONSE, "item_id": STR, "arguments": STR},
        "response.mcp_call.in_progress": {"item_id": STR, "output_index": INT},
        "response.mcp_call.completed": {"item_id": STR, "output_index": INT},
        "response.mcp_call.failed": {"item_id": STR, "output_index": INT},
    }
)
"""Every server event of a realtime or transcription session, with its required fields beside `type` and `event_id`."""

TRANSLATION: Mapping[str, Mapping[str, Kind]] = MappingProxyType(
    {
        "session.created": _SESSION,
        "session.updated": _SESSION,
        "session.closed": {},
        "session.input_transcript.delta": {"delta": STR},
        "session.output_transcript.delta": {"delta": STR},
        "session.output_audio.delta": {"delta": STR},
        "error": {"error": OBJECT},
    }
)
"""The same of a translation session, which has a vocabulary of its own (PROTOCOL.md 2.2)."""

WHOLE_ENDINGS = ("_ms", "_index", "_tokens", "expires_at")
NOT_OURS = frozenset({"metadata", "parameters", "variables", "input_schema", "annotations", "tracing"})
"""What the client or a tool put there: any JSON."""


def is_a(value: object, kind: Kind) -> bool:
    """Whether a JSON value is of a kind; true and false are no integers."""
    return isinstance(value, kind) and not (isinstance(value, bool) and bool not in kind)


def noun(kind: Kind) -> str:
    """The kind in words."""
    return " or ".join(_NOUNS[each] for each in kind if not (each is int and float in kind))


def said(value: object) -> str:
    """A value's own kind in words."""
    return _NOUNS.get(type(value), type(value).__name__)


def missing(event: Event, fields: Mapping[str, Kind]) -> list[str]:
    """A sentence for each required field that is absent or of another kind."""
    faults = []
    for name, kind in fields.items():
        if name not in event:
            faults.append(f"'{name}' should be there")
        elif not is_a(event[name], kind):
            # A decimal in place of an integer has a rule of its own.
            if kind == INT and isinstance(event[name], float):
                continue
            faults.append(f"'{name}' should be {noun(kind)}, not {said(event[name])}")
    return faults


def decimals(value: object, where: str = "") -> list[str]:
    """Paths of what should be a whole number and is none."""
    found: list[str] = []
    if isinstance(value, list):
        for number, inner in enumerate(value):
            found += decimals(inner, f"{where}[{number}]")
    elif isinstance(value, dict):
        for name, inner in value.items():
            path = f"{where}.{name}" if where else name
            if name in NOT_OURS:
                continue
            if name.endswith(WHOLE_ENDINGS) and isinstance(inner, float | bool):
                found.append(path)
                continue
            found += decimals(inner, path)
    return found

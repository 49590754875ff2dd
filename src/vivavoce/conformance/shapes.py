"""The objects inside events, as the strictest stock clients read them (PROTOCOL.md 3, 9.2, 9.3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vivavoce.conformance.kinds import INT, NUMBER, STR, STR_OR_NULL, Kind, is_a
from vivavoce.conformance.rules import Fault, Rule
from vivavoce.testing.client import Event, at

STATUSES = ("in_progress", "completed", "incomplete")
ENDINGS = ("completed", "cancelled", "incomplete", "failed")
_ROLES = {
    "system": ("input_text",),
    "user": ("input_text", "input_audio", "input_image"),
    "assistant": ("output_text", "output_audio"),
}
_FIELDS: Mapping[str, Mapping[str, Kind]] = {
    "message": {},
    "function_call": {"name": STR, "call_id": STR, "arguments": STR},
    "function_call_output": {"call_id": STR, "output": STR},
    "mcp_list_tools": {"server_label": STR, "tools": (list,)},
    "mcp_call": {"server_label": STR, "name": STR, "arguments": STR, "output": STR_OR_NULL},
    "mcp_approval_request": {"server_label": STR, "name": STR, "arguments": STR},
    "mcp_approval_response": {"approval_request_id": STR, "approve": (bool,)},
}


def objects(value: object) -> list[Event]:
    """The objects of a list; nothing where there is no list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def object_at(event: Event, key: str) -> Event:
    """The object at a key; an empty one where there is none."""
    value = event.get(key)
    return value if isinstance(value, dict) else {}


def item(value: Event, retrieved: bool = False) -> Iterator[Fault]:
    """Faults of an item; only a retrieved one carries audio (3.10)."""
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in _FIELDS:
        yield Fault(Rule.ITEM, f"an item's type should be one of {', '.join(_FIELDS)}, not {kind!r}")
        return
    fields = {"id": STR, **_FIELDS[kind]}
    for name, wanted in fields.items():
        if not is_a(value.get(name), wanted) or (name not in value):
            yield Fault(Rule.ITEM, f"'{name}' of a {kind} item is missing or of another kind")
    if value.get("object", "realtime.item") != "realtime.item":
        yield Fault(Rule.ITEM, f"an item's object should be 'realtime.item', not {value['object']!r}")
    if value.get("status", "completed") not in STATUSES:
        yield Fault(Rule.ITEM, f"an item's status should be one of {', '.join(STATUSES)}, not {value['status']!r}")
    if kind == "message":
        yield from _message(value, retrieved)


def _message(value: Event, retrieved: bool) -> Iterator[Fault]:
    role = value.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        yield Fault(Rule.ITEM, f"a message's role should be one of {', '.join(_ROLES)}, not {role!r}")
        return
    if not isinstance(value.get("content"), list):
        yield Fault(Rule.ITEM, "a message should have a list as its content")
    for part in objects(value.get("content")):
        kind = part.get("type")
        if kind not in _ROLES[role]:
            yield Fault(Rule.ITEM, f"content of a {role} message should be {' or '.join(_ROLES[role])}, not {kind!r}")
        elif kind in ("input_text", "output_text") and not isinstance(part.get("text"), str):
            yield Fault(Rule.ITEM, f"an {kind} part should have its text as a string")
        elif kind == "input_audio" and "transcript" not in part:
            yield Fault(Rule.ITEM, "an input_audio part should have the key 'transcript', null while it is unknown")
        elif kind in ("input_audio", "output_audio") and not is_a(part.get("transcript"), STR_OR_NULL):
            yield Fault(Rule.ITEM, f"the transcript of an {kind} part should be a string or null")
        if "audio" in part and part["audio"] is not None and not retrieved:
            yield Fault(Rule.ITEM, "an item should carry its audio only where it is retrieved")


def part(value: Event) -> Iterator[Fault]:
    """Faults of a `content_part` event's part (9.2)."""
    kind = value.get("type")
    if kind not in ("text", "audio"):
        yield Fault(Rule.PART, f"a content part's type should be 'text' or 'audio', not {kind!r}")
    for name, inner in value.items():
        if inner is None:
            yield Fault(Rule.PART, f"'{name}' of a content part should be left out, not null")
    words = {"text": "text", "audio": "transcript"}.get(str(kind))
    if words and not isinstance(value.get(words, ""), str):
        yield Fault(Rule.PART, f"'{words}' of a content part should be a string")


def error(value: Event) -> Iterator[Fault]:
    """Faults of `error.error` (2.3)."""
    absent = [name for name in ("type", "code", "message", "param", "event_id") if name not in value]
    if absent:
        yield Fault(Rule.ERROR, f"an error should always have {' and '.join(map(repr, absent))}, null where empty")
    for name in ("type", "message"):
        if name in value and not isinstance(value[name], str):
            yield Fault(Rule.ERROR, f"'{name}' of an error should be a string")
    for name in ("code", "param", "event_id"):
        if not is_a(value.get(name), STR_OR_NULL):
            yield Fault(Rule.ERROR, f"'{name}' of an error should be a string or null")


def no_nulls(value: Event, what: str) -> Iterator[Fault]:
    """Keys of an object that should be left out rather than null (9.2)."""
    for name, inner in value.items():
        if inner is None:
            yield Fault(Rule.NULLS, f"'{name}' of {what} should be left out, not null")


def session(value: Event) -> Iterator[Fault]:
    """Faults of a session object (3.1, 3.8, 9.2)."""
    kind = value.get("type")
    if kind not in ("realtime", "transcription", "translation"):
        yield Fault(Rule.SESSION, f"a session's type should be realtime, transcription or translation, not {kind!r}")
    if not isinstance(value.get("id", ""), str):
        yield Fault(Rule.SESSION, "a session's id should be a string")
    objects_named = {"realtime": "realtime.session", "transcription": "realtime.transcription_session"}
    wanted = objects_named.get(str(kind))
    if wanted and value.get("object", wanted) != wanted:
        yield Fault(Rule.SESSION, f"a {kind} session's object should be {wanted!r}, not {value['object']!r}")
    if kind == "translation":
        return
    for side in ("input", "output"):
        yield from _format(at(value, "audio", side, "format"), side)
    if kind == "realtime":
        yield from _realtime(value)


def _format(value: object, side: str) -> Iterator[Fault]:
    if not isinstance(value, dict):
        return
    kind, rate = value.get("type"), value.get("rate")
    if kind not in ("audio/pcm", "audio/pcmu", "audio/pcma"):
        yield Fault(Rule.SESSION, f"the {side} format should be audio/pcm, audio/pcmu or audio/pcma, not {kind!r}")
    elif (kind == "audio/pcm") != (rate == 24_000 and is_a(rate, INT)):
        yield Fault(Rule.SESSION, f"the rate of {kind} should be {'24000' if kind == 'audio/pcm' else 'left out'}")


def _realtime(value: Event) -> Iterator[Fault]:
    modalities = value.get("output_modalities")
    if modalities is not None and modalities not in (["audio"], ["text"]):
        yield Fault(Rule.SESSION, f"output_modalities should be ['audio'] or ['text'], not {modalities!r}")
    detection = at(value, "audio", "input", "turn_detection")
    if detection is None:
        return
    for name in ("create_response", "interrupt_response"):
        if not isinstance(at(detection, name), bool):
            yield Fault(Rule.SESSION, f"turn_detection should say {name}, true or false")


def response(value: Event, done: bool) -> Iterator[Fault]:
    """Faults of a response object (3.11), at its beginning or its end."""
    if value.get("object") != "realtime.response":
        yield Fault(Rule.RESPONSE, f"a response's object should be 'realtime.response', not {value.get('object')!r}")
    if not isinstance(value.get("id"), str):
        yield Fault(Rule.RESPONSE, "a response's id should be a string")
    status = value.get("status")
    if not done:
        if status != "in_progress" or value.get("output") != [] or value.get("usage") is not None:
            yield Fault(Rule.RESPONSE, "a response should begin in_progress, with output [] and no usage")
        return
    if status not in ENDINGS:
        yield Fault(Rule.RESPONSE, f"a response should end with a status of {', '.join(ENDINGS)}, not {status!r}")
    if not isinstance(value.get("output"), list):
        yield Fault(Rule.RESPONSE, "a response that is done should list its output")
    for each in objects(value.get("output")):
        yield from item(each)
    yield from _details(value.get("status_details"), status)


def _details(details: object, status: object) -> Iterator[Fault]:
    if details is None:
        if status in ("cancelled", "incomplete", "failed"):
            yield Fault(Rule.DETAILS, f"status_details of a {status} response should say why")
    elif not isinstance(details, dict) or details.get("type") != status:
        yield Fault(Rule.DETAILS, f"status_details should be an object whose type is {status!r}, or null")
    elif status in ("cancelled", "incomplete") and not isinstance(details.get("reason"), str):
        yield Fault(Rule.DETAILS, f"status_details of a {status} response should give a reason")
    elif status == "failed" and not isinstance(details.get("error"), dict):
        yield Fault(Rule.DETAILS, "status_details of a failed response should give its error")


def usage(value: object, status: object) -> Iterator[Fault]:
    """Faults of `response.usage` (5.1)."""
    if not isinstance(value, dict):
        if status != "failed":
            yield Fault(Rule.USAGE, "response.done should have a usage")
        return
    yield from _sum(value, "total_tokens", ("input_tokens", "output_tokens"), value)
    for side in ("input", "output"):
        details = value.get(f"{side}_token_details")
        if not isinstance(details, dict):
            yield Fault(Rule.USAGE, f"usage should have {side}_token_details")
            continue
        names = ("text_tokens", "audio_tokens", "image_tokens") if side == "input" else ("text_tokens", "audio_tokens")
        yield from _sum(value, f"{side}_tokens", names, details)
    cached, taken = at(value, "input_token_details", "cached_tokens"), value.get("input_tokens")
    if isinstance(cached, int) and isinstance(taken, int) and cached > taken:
        yield Fault(Rule.USAGE, f"cached_tokens should be part of input_tokens, but {cached} is more than {taken}")
    reused = at(value, "input_token_details", "cached_tokens_details")
    if isinstance(reused, dict):
        whole = {"cached_tokens": cached}
        yield from _sum(whole, "cached_tokens", ("text_tokens", "audio_tokens", "image_tokens"), reused)


def caption_usage(value: object) -> Iterator[Fault]:
    """Faults of a transcription's usage, by tokens or by duration (5.2)."""
    if not isinstance(value, dict) or value.get("type") not in ("tokens", "duration"):
        yield Fault(Rule.USAGE, "a transcription's usage should be of type tokens or duration")
    elif value["type"] == "duration":
        if not is_a(value.get("seconds"), NUMBER):
            yield Fault(Rule.USAGE, "a transcription's usage by duration should give its seconds")
    else:
        yield from _sum(value, "total_tokens", ("input_tokens", "output_tokens"), value)
        details = value.get("input_token_details")
        if details is not None and not all(is_a(at(details, f"{each}_tokens"), INT) for each in ("text", "audio")):
            yield Fault(Rule.USAGE, "input_token_details of a transcription should count text and audio tokens")


def _sum(whole: Event, total: str, names: tuple[str, ...], parts: Event) -> Iterator[Fault]:
    """Token counts that should add up; an absent part counts nothing."""
    counts = [parts.get(name, 0) for name in names]
    wanted = whole.get(total)
    numbers = [count for count in counts if isinstance(count, int)]
    if not is_a(wanted, INT) or len(numbers) != len(counts):
        yield Fault(Rule.USAGE, f"'{total}' and {', '.join(names)} should be whole numbers")
    elif sum(numbers) != wanted:
        yield Fault(Rule.USAGE, f"{' + '.join(names)} should be {total}, but {sum(numbers)} is not {wanted}")

"""`POST /chat/completions` of the fake remote server: as strict as the strictest, and it calls tools as it is told."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from vivavoce.engines.openai.payload import Json, find
from vivavoce.testing.remote_audio import Hears, Speaks, spoken_faults, voice_faults

IMAGE_TOKENS = 1000
"""What a picture takes of a prompt."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ID = re.compile(r"[A-Za-z0-9]{9}")
_PICTURE = re.compile(r"data:image/(png|jpeg|webp|gif);base64,(.+)", re.DOTALL)
_PIECE = 7
"""Characters of arguments in one event."""


@dataclass(frozen=True, slots=True)
class Calls:
    """An answer that calls: pairs of a name and the arguments as text, after `said`."""

    calls: tuple[tuple[str, str], ...]
    said: str = ""


def fault_in(asked: Json, hears: Hears | None = None, speaks: Speaks | None = None) -> str:
    """Why a request is refused by a model that hears and speaks like this; "" if it is not."""
    faults = chain(_faults(asked), voice_faults(asked, hears), spoken_faults(asked, speaks))
    return next(faults, "")


def tokens_of(text: str) -> list[str]:
    """The words, each with the blank before it."""
    return [word if number == 0 else f" {word}" for number, word in enumerate(text.split(" "))] if text else []


def events(chunks: Sequence[Mapping[str, object]], reason: str, usage: Mapping[str, object] | None) -> list[bytes]:
    """The stream of an answer: a comment that keeps the line alive, the chunks, the end, the usage, `[DONE]`."""
    first = chunk_of({"role": "assistant", "content": ""})
    whole = [first, *chunks, {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}], "usage": None}]
    if usage is not None:
        whole.append({"choices": [], "usage": usage})
    lines = [json.dumps({"object": "chat.completion.chunk", **chunk}, ensure_ascii=False) for chunk in whole]
    return [b": keep-alive\n\n", *(f"data: {line}\n\n".encode() for line in lines), b"data: [DONE]\n\n"]


def chunk_of(delta: Mapping[str, object]) -> dict[str, object]:
    """A piece of an answer."""
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": None}], "usage": None}


def words_in(asked: Json) -> int:
    """Tokens of a request: the words of its messages, and `IMAGE_TOKENS` for each picture."""
    contents = [find(message, "content") for message in _list(asked, "messages")]
    parts = [part for content in contents for part in (content if isinstance(content, list) else [{"text": content}])]
    words = sum(len(str(find(part, "text") or "").split()) for part in parts)
    return words + IMAGE_TOKENS * sum(find(part, "type") == "image_url" for part in parts)


def forced(asked: Json) -> Calls | None:
    """What a model calls that must: with arguments that the schema demands, as constrained decoding makes them."""
    choice = find(asked, "tool_choice")
    tools = _list(asked, "tools")
    if isinstance(choice, Mapping):
        tools = [tool for tool in tools if find(tool, "function", "name") == find(choice, "function", "name")]
    elif choice != "required":
        return None
    arguments = _sample(find(tools[0], "function", "parameters"))
    return Calls(((str(find(tools[0], "function", "name")), json.dumps(arguments)),))


def message_calls(calls: Calls) -> list[dict[str, Json]]:
    """`tool_calls` of a whole message."""
    return [
        {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for number, (name, arguments) in enumerate(calls.calls)
    ]


def call_deltas(calls: Calls) -> list[dict[str, object]]:
    """The deltas of a stream, as OpenAI sends them: each call by its index, its arguments in pieces."""
    deltas: list[dict[str, object]] = []
    for index, (name, arguments) in enumerate(calls.calls):
        function = {"name": name, "arguments": ""}
        deltas.append(
            {"tool_calls": [{"index": index, "id": f"call_{index}", "type": "function", "function": function}]}
        )
        for start in range(0, len(arguments), _PIECE):
            piece = {"arguments": arguments[start : start + _PIECE]}
            deltas.append({"tool_calls": [{"index": index, "function": piece}]})
    return deltas


def _list(document: Json, name: str) -> Sequence[Json]:
    found = find(document, name)
    return found if isinstance(found, list) else []


def _sample(schema: Json) -> Json:
    """The least that fits a plain schema."""
    if allowed := _list(schema, "enum"):
        return allowed[0]
    samples: dict[Json, Json] = {"string": "word", "integer": 1, "number": 1.5, "boolean": True, "array": []}
    kind = find(schema, "type")
    if isinstance(kind, str) and kind in samples:
        return samples[kind]
    return {str(name): _sample(find(schema, "properties", str(name))) for name in _list(schema, "required")}


# --- what the real ones refuse ---


def _faults(asked: Json) -> Iterator[str]:
    yield from _tool_faults(asked)
    waiting: list[Json] = []
    for number, message in enumerate(_list(asked, "messages")):
        where = f"messages[{number}]"
        role = find(message, "role")
        if role not in ("system", "user", "assistant", "tool"):
            yield f"'{where}.role' is {role!r}"
        if role == "tool":
            if find(message, "tool_call_id") not in waiting:
                yield "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'"
            waiting = [each for each in waiting if each != find(message, "tool_call_id")]
        elif waiting:
            yield f"an assistant message with 'tool_calls' must be followed by tool messages: {waiting}"
        for call in _list(message, "tool_calls"):
            yield from _call_faults(call, where)
            waiting.append(find(call, "id"))
        yield from _content_faults(message, where)
    if waiting:
        yield f"an assistant message with 'tool_calls' must be followed by tool messages: {waiting}"


def _tool_faults(asked: Json) -> Iterator[str]:
    names = [find(tool, "function", "name") for tool in _list(asked, "tools")]
    if bad := [name for name in names if not _NAME.fullmatch(str(name))]:
        yield f"Invalid 'tools[0].function.name': {bad[0]!r}"
    if len(set(names)) < len(names):
        yield "tool names must be unique"
    choice = find(asked, "tool_choice")
    if choice is not None and not names:
        yield "'tool_choice' is only allowed when 'tools' are specified"
    if find(asked, "parallel_tool_calls") is not None and not names:
        yield "'parallel_tool_calls' is only allowed when 'tools' are specified"
    if choice not in (None, "none", "auto", "required") and find(choice, "function", "name") not in names:
        yield f"Tool choice {choice!r} not found in 'tools'"


def _call_faults(call: Json, where: str) -> Iterator[str]:
    if not _ID.fullmatch(str(find(call, "id"))):
        yield f"'{where}': a tool call id must be a-z, A-Z, 0-9, with a length of 9"
    if not _NAME.fullmatch(str(find(call, "function", "name"))):
        yield f"Invalid '{where}.tool_calls[0].function.name'"
    try:
        arguments = json.loads(str(find(call, "function", "arguments")))
    except ValueError:
        arguments = None
    if not isinstance(arguments, dict):
        yield f"'{where}': the arguments of a tool call must be a JSON object"


def _content_faults(message: Json, where: str) -> Iterator[str]:
    content = find(message, "content")
    if content is None and not _list(message, "tool_calls"):
        yield f"'{where}.content' is missing"
    for part in content if isinstance(content, list) else ():
        url = find(part, "image_url", "url")
        if find(part, "type") == "image_url" and (find(message, "role") != "user" or not _is_picture(str(url))):
            yield f"'{where}': Invalid image data"
        if find(part, "type") not in ("text", "image_url", "input_audio", "audio_url"):
            yield f"'{where}': a part of type {find(part, 'type')!r}"


def _is_picture(url: str) -> bool:
    match = _PICTURE.fullmatch(url)
    try:
        return match is not None and bool(base64.b64decode(match[2], validate=True))
    except binascii.Error:
        return False

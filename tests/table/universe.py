"""Everything that the protocol has: the names of all events and fields, read from the types of the `openai` package."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from openai.types.realtime import (
    ConversationItem,
    RealtimeClientEvent,
    RealtimeResponseCreateParams,
    RealtimeServerEvent,
    RealtimeSessionCreateRequest,
    RealtimeTranscriptionSessionCreateRequest,
    RealtimeTranslationClientEvent,
    RealtimeTranslationServerEvent,
    RealtimeTranslationSessionUpdateRequest,
)
from pydantic import BaseModel

CONTAINERS = frozenset(
    {
        "session.audio",
        "session.audio.input",
        "session.audio.output",
        "session.truncation.token_limits",
        "transcription.audio",
        "transcription.audio.input",
        "response.audio",
        "response.audio.output",
        "translation.audio",
        "translation.audio.input",
        "translation.audio.output",
    }
)
"""Fields that only hold others."""
WHOLE = frozenset({"session.tools", "session.tool_choice", "response.tools", "response.tool_choice", "response.input"})
"""Fields that are served or refused as they are, whatever they hold; some of their values have rows of their own."""


def client_events() -> list[str]:
    """By type."""
    return _tags(RealtimeClientEvent)


def server_events() -> list[str]:
    """By type."""
    return _tags(RealtimeServerEvent)


def translation_events() -> list[str]:
    """Both ways, by who sends them and type; `error` is the same as elsewhere."""
    sent = [f"client {tag}" for tag in _tags(RealtimeTranslationClientEvent)]
    return [*sent, *(f"server {tag}" for tag in _tags(RealtimeTranslationServerEvent) if tag != "error")]


def session_fields() -> list[str]:
    """Of `session.update`."""
    return list(_fields(RealtimeSessionCreateRequest, "session"))


def transcription_fields() -> list[str]:
    """Of `session.update` in a transcription session."""
    return list(_fields(RealtimeTranscriptionSessionCreateRequest, "transcription"))


def translation_fields() -> list[str]:
    """Of `session.update` in a translation session."""
    return list(_fields(RealtimeTranslationSessionUpdateRequest, "translation"))


def response_fields() -> list[str]:
    """Of `response.create`."""
    return list(_fields(RealtimeResponseCreateParams, "response"))


def items() -> list[str]:
    """Types of items; of messages, each kind of content for its role."""
    names: list[str] = []
    for model in _members(ConversationItem):
        tag = _tag(model)
        if tag != "message":
            names.append(tag)
            continue
        role = _literal(model.model_fields["role"].annotation)
        (content,) = _members(model.model_fields["content"].annotation)
        names += [f"{role} {kind}" for kind in get_args(_members(content.model_fields["type"].annotation)[0])]
    return names


# --- reading types ---


def _members(annotation: Any) -> list[Any]:
    """The types of a union, of whatever kind; of a list, those of its elements."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _members(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [member for each in get_args(annotation) for member in _members(each) if member is not type(None)]
    if origin is list:
        return _members(get_args(annotation)[0])
    value = getattr(annotation, "__value__", None)
    return [annotation] if value is None else _members(value)


def _literal(annotation: Any) -> str:
    (literal,) = (member for member in _members(annotation) if get_origin(member) is Literal)
    return str(get_args(literal)[0])


def _tag(model: Any) -> str:
    return _literal(model.model_fields["type"].annotation)


def _tags(union: Any) -> list[str]:
    return [_tag(model) for model in _members(union)]


def _fields(model: type[BaseModel], path: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if name == "type":
            continue
        where = f"{path}.{field.alias or name}"
        if where not in CONTAINERS:
            yield where
        if where in WHOLE:
            continue
        inner = [each for each in _members(field.annotation) if isinstance(each, type) and issubclass(each, BaseModel)]
        for each in inner:
            tagged = len(inner) > 1 and "type" in each.model_fields
            yield from _fields(each, f"{where}[{_tag(each)}]" if tagged else where)

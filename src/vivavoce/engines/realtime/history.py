"""What that server should hold of a conversation, item by item, so that it can be compared with what it does hold."""

from __future__ import annotations

import zlib
from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.audio.resample import resample
from vivavoce.engines.realtime.link import Json
from vivavoce.ports import Image, Message, Speech, ToolCall, ToolOutput

Key = tuple[object, ...]
"""Two items with the same key say the same. In that of a message, each part after the role has a key of its own."""
_Part = str | Speech | Image


@dataclass(frozen=True, slots=True)
class Said:
    """A message of the caller's or of the system's, or what stands for one."""

    key: Key
    role: str
    parts: tuple[_Part, ...]

    @property
    def voice(self) -> Pcm | None:
        """The recording that is all of it, at the wire's rate."""
        only = self.parts[0] if len(self.parts) == 1 else None
        return _wire(only.audio) if isinstance(only, Speech) and len(only.audio.samples) else None

    def item(self, ids: Mapping[str, str]) -> Json:
        """For `conversation.item.create`."""
        return {"type": "message", "role": self.role, "content": [self._content(part) for part in self.parts]}

    def _content(self, part: _Part) -> Json:
        match part:
            case Speech():
                return {"type": "input_audio", "audio": _wire(part.audio).to_bytes()}
            case Image():
                url = f"data:{part.media_type};base64,{b64encode(part.data).decode()}"
                return {"type": "input_image", "image_url": url, "detail": part.detail}
            case _:
                return {"type": "output_text" if self.role == "assistant" else "input_text", "text": part}


@dataclass(frozen=True, slots=True)
class Called:
    """A call of a tool."""

    key: Key
    call: ToolCall
    voice: None = None

    def item(self, ids: Mapping[str, str]) -> Json:
        """For `conversation.item.create`."""
        call = self.call
        return {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments}


@dataclass(frozen=True, slots=True)
class Returned:
    """What came of a call."""

    key: Key
    output: ToolOutput
    voice: None = None

    def item(self, ids: Mapping[str, str]) -> Json:
        """For `conversation.item.create`; `ids`: what that server calls the calls that it made itself."""
        call_id = ids.get(self.output.call_id, self.output.call_id)
        return {"type": "function_call_output", "call_id": call_id, "output": self.output.output}


Wanted = Said | Called | Returned


async def wanted(messages: Collection[Message], images: bool, known: Collection[object]) -> list[Wanted]:
    """The items of a conversation. Raises `EngineError` when a voice or a picture cannot be put into words.

    `images`: that server sees. `known`: the keys of parts that it holds; an old recording that is not kept any more is
    put into words unless it is among them.
    """
    items: list[Wanted] = []
    made: set[str] = set()
    for message in messages:
        parts: list[_Part] = []
        for part in message.content:
            if isinstance(part, ToolCall):
                items += _said(message.role, parts)
                parts = []
                made.add(part.call_id)
                items.append(Called(called(part.call_id, part.name, part.arguments), part))
            elif isinstance(part, ToolOutput) and part.call_id in made:
                items.append(Returned(("output", part.call_id, part.output), part))
            else:
                parts.append(await _read(part, images, known))
        items += _said(message.role, parts)
    return items


def called(call_id: str | None, name: str, arguments: str) -> Key:
    """The key of a call; without an id: that server made it, and we have not given it one yet."""
    return ("call", call_id, name, arguments)


def answered(text: str) -> Key:
    """The key of an answer in words, spoken or not."""
    return ("assistant", text.strip())


def _said(role: str, parts: list[_Part]) -> Iterator[Said]:
    if role == "assistant":
        text = "".join(part for part in parts if isinstance(part, str))
        if text.strip():
            yield Said(answered(text), role, (text,))
        return
    told = tuple(part for part in parts if not isinstance(part, str) or part.strip())
    if told:
        role = "user" if role == "user" else "system"  # the output of a call that is not there has no call to follow
        yield Said((role, *map(_key, told)), role, told)


async def _read(part: _Part | ToolOutput, images: bool, known: Collection[object]) -> _Part:
    if isinstance(part, ToolOutput):
        return f"This is the result of a call that was made before:\n{part.output}"
    if isinstance(part, Image) and not images:
        return await part.description()
    if isinstance(part, Speech) and not len(part.audio.samples) and _key(part) not in known:
        return await part.transcript()
    return part


def _key(part: _Part) -> object:
    match part:
        case Speech() if part.item:
            return ("speech", part.item)
        case Speech():
            return ("speech", len(part.audio.samples), zlib.crc32(part.audio.samples.tobytes()))
        case Image():
            return ("image", len(part.data), zlib.crc32(part.data))
        case _:
            return part


def _wire(pcm: Pcm) -> Pcm:
    return pcm if pcm.rate == WIRE_RATE else resample(pcm, WIRE_RATE)

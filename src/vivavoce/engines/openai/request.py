"""What a remote language model is asked: the conversation and the tools in the shapes of `POST /chat/completions`.

Strict servers decide the shapes: calls of one answer are one message, their outputs come directly behind it, and names
and ids are of the narrowest kind that anybody demands.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Sequence

from vivavoce.engines.calls import callable_tools
from vivavoce.engines.openai import pictures, speech
from vivavoce.engines.openai.payload import Json
from vivavoce.engines.openai.schema import parsed
from vivavoce.engines.openai.speech import SpeechPart
from vivavoce.ports import Image, Message, Prompt, Speech, Tool, ToolCall, ToolOutput

SPOKEN_STYLE = (
    "Your answer will be spoken aloud. Use a few short, whole sentences of plain words; "
    "no markdown, no lists, no headings, no emoji."
)
"""Added to the instructions of an answer that will be heard."""

TOKENS_PER_BYTE = 1 / 3.5
"""A careful guess, for this server's tokenizer is not known: English has some 4.3 bytes a token, most others 3 to 4."""
TURN_TOKENS = 5
"""What a chat template puts around a message, about."""
LONGEST_NAME = 64
"""Characters of a function's name at OpenAI, which are letters, digits, `_` and `-`."""
ID_LENGTH = 9
"""Characters of a call's id at Mistral, all of them letters and digits; no other server minds."""


class Names:
    """The tools' names as servers take them; tools of MCP servers may be called anything."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._sent: dict[str, str] = {}
        for tool in tools:
            taken = self._sent.values()
            plain = _plain(tool.name)
            others = (f"{plain[: LONGEST_NAME - 4]}_{number}" for number in range(2, len(tools) + 2))
            self._sent[tool.name] = next(name for name in (plain, *others) if name not in taken)
        self._ours = {sent: name for name, sent in self._sent.items()}

    def sent(self, name: str) -> str:
        """A name as the server gets it; it may be of a tool that is gone."""
        return self._sent.get(name) or _plain(name)

    def ours(self, sent: str) -> str:
        """A name that the server gave; it may be of no tool at all."""
        return self._ours.get(sent, sent)


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)[:LONGEST_NAME]


# --- tools ---


def tool_fields(prompt: Prompt, names: Names) -> dict[str, Json]:
    """`tools` and `tool_choice`, or nothing where there are no tools.

    The tools stay what they are whatever the choice, for they stand at the beginning of what servers keep computed.
    Only where some of them may be called, but no particular one must be, are the others left out: hardly a server
    knows OpenAI's `allowed_tools`.
    """
    if not prompt.tools:
        return {}
    choice: Json = prompt.tool_choice
    sent: Sequence[Tool] = prompt.tools
    if prompt.tool_choice != "none" and prompt.callable is not None:
        if prompt.tool_choice == "required" and len(prompt.callable) == 1:
            choice = {"type": "function", "function": {"name": names.sent(prompt.callable[0])}}
        else:
            sent = callable_tools(prompt)
    return {"tools": [_tool(tool, names) for tool in sent], "tool_choice": choice} if sent else {}


def _tool(tool: Tool, names: Names) -> Json:
    parameters: Json = dict(tool.parameters)  # type: ignore[arg-type]  # JSON, as it came
    function = {"name": names.sent(tool.name), "description": tool.description, "parameters": parameters}
    return {"type": "function", "function": function}


def call_message(text: str, calls: Sequence[ToolCall], names: Names) -> dict[str, Json]:
    """A message of the assistant: what it said, and what it called."""
    return {"role": "assistant", "content": text or None, "tool_calls": [_call(call, names) for call in calls]}


def output_message(output: ToolOutput) -> dict[str, Json]:
    """What a call returned."""
    return {"role": "tool", "tool_call_id": _id(output.call_id), "content": output.output}


def _call(call: ToolCall, names: Names) -> Json:
    # Servers read the arguments before they show them to the model, and refuse the whole request over a bad one.
    given = parsed(call.arguments)
    arguments = call.arguments if given is not None else json.dumps({"arguments": call.arguments})
    return {
        "id": _id(call.call_id),
        "type": "function",
        "function": {"name": names.sent(call.name), "arguments": arguments},
    }


def _id(call_id: str) -> str:
    return hashlib.sha256(call_id.encode()).hexdigest()[:ID_LENGTH]


# --- the conversation ---


def system_text(prompt: Prompt) -> str:
    """The instructions, and what we add to them."""
    return "\n\n".join(filter(None, (prompt.instructions, SPOKEN_STYLE if prompt.spoken and not prompt.plain else "")))


def rendered(
    prompt: Prompt, messages: Sequence[Message], names: Names, shape: SpeechPart = "input_audio"
) -> list[Json]:
    """`messages`, with the instructions before them. `shape`: how voices are sent, which take some time to encode."""
    system = system_text(prompt)
    said: list[Json] = [{"role": "system", "content": system}] if system else []
    for message in _joined(messages):
        calls = [part for part in message.content if isinstance(part, ToolCall)]
        outputs = [part for part in message.content if isinstance(part, ToolOutput)]
        if calls:
            said.append(call_message(text_of(message), calls, names))
        elif outputs:
            said.extend(output_message(output) for output in outputs)
        else:
            # The result of a call far above is the user's word, for a tool's belongs directly behind its call.
            role = "user" if message.role == "tool" else message.role
            said.append({"role": role, "content": _content(message, shape)})
    return said


def _joined(messages: Sequence[Message]) -> list[Message]:
    """Each message of calls is one with what the assistant said or called just before."""
    joined: list[Message] = []
    for message in messages:
        if joined and joined[-1].role == "assistant" and any(isinstance(part, ToolCall) for part in message.content):
            joined.append(Message("assistant", joined.pop().content + message.content))
        else:
            joined.append(message)
    return joined


def _content(message: Message, shape: SpeechPart) -> Json:
    if not any(isinstance(part, Image | Speech) for part in message.content):
        return text_of(message)
    parts: list[Json] = []
    for part in message.content:
        if isinstance(part, str):
            parts.append({"type": "text", "text": part})
        elif isinstance(part, Image):
            parts.append(pictures.part(part))
        elif isinstance(part, Speech):
            parts.append(speech.part(part, shape))
    return parts


def text_of(message: Message) -> str:
    """The words of a message."""
    return "\n".join(part for part in message.content if isinstance(part, str))


# --- what it takes of the model's window ---


def tokens(text: str) -> int:
    """A guess."""
    return math.ceil(len(text.encode()) * TOKENS_PER_BYTE) + TURN_TOKENS


def size_of(message: Message) -> int:
    """Tokens of a message, about."""
    words = [text_of(message)]
    for part in message.content:
        if isinstance(part, ToolCall):
            words += (part.name, part.arguments)
        if isinstance(part, ToolOutput):
            words.append(part.output)
    heard = sum(speech.tokens(voice) for voice in speech.voices_in([message]))
    return tokens("".join(words)) + sum(pictures.tokens(image) for image in images_in([message])) + heard


def overhead(prompt: Prompt, names: Names) -> int:
    """Tokens of what stands before the messages, about."""
    fields = tool_fields(prompt, names)
    return tokens(system_text(prompt)) + (tokens(json.dumps(fields["tools"])) if fields else 0)


def images_in(messages: Sequence[Message]) -> list[Image]:
    """All pictures."""
    return [part for message in messages for part in message.content if isinstance(part, Image)]

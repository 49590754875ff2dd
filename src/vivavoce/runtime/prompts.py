"""From what the core knows of a conversation to what an engine is asked."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Literal, assert_never

from msgspec import UNSET, UnsetType

from vivavoce.audio.pcm import Pcm
from vivavoce.core import effects as fx
from vivavoce.ports import Image, Message, Prompt, Retention, Speech, Tool, ToolCall, ToolOutput, Voice
from vivavoce.protocol import items
from vivavoce.protocol.session import RetentionRatio, TokenLimits, Truncation
from vivavoce.runtime.images import Images
from vivavoce.runtime.transcripts import Transcripts

_Content = str | Speech | Image | ToolCall | ToolOutput


class Prompts:
    """Of one session."""

    def __init__(self, transcripts: Transcripts, images: Images) -> None:
        self._transcripts = transcripts
        self._images = images

    def prompt(self, context: fx.Context) -> Prompt:
        """The same with engines' types."""
        return Prompt(
            instructions=context.instructions,
            messages=self._messages(context),
            spoken=context.modality == "audio",
            voice=Voice(context.voice, context.speed, context.language),
            max_tokens=context.max_output_tokens,
            truncation=_truncation(context.truncation),
            effort=context.effort,
            parallel_tool_calls=context.parallel_tool_calls,
            plain=context.plain,
            tools=tuple(Tool(tool.name, tool.description, tool.parameters) for tool in context.tools),
            tool_choice=context.tool_choice,
            callable=context.callable,
            verbatim=context.verbatim,
            aside=context.aside,
        )

    def _messages(self, context: fx.Context) -> tuple[Message, ...]:
        """Calls join the words, and the calls, that the assistant said right before them: it is one turn."""
        messages: list[Message] = []
        history = _Calls(context)
        for item in context.items:
            if isinstance(item, items.Message):
                messages.append(Message(item.role, tuple(self._content(item, part) for part in item.content)))
                continue
            for part in history.shown(item):
                role: Literal["assistant", "tool"] = "assistant" if isinstance(part, ToolCall) else "tool"
                if messages and messages[-1].role == role:
                    messages[-1] = Message(role, (*messages[-1].content, part))
                else:
                    messages.append(Message(role, (part,)))
        return tuple(messages)

    def _content(self, item: items.Message, part: items.Part) -> _Content:
        match part:
            case items.InputText() | items.OutputText():
                return part.text
            case items.OutputAudio():
                return part.transcript
            case items.InputAudio():
                pcm = part.audio if isinstance(part.audio, bytes) else b""
                language = partial(self._transcripts.languages.of, item.id)
                words = self._transcripts.reader(item.id, part.transcript)
                return Speech(Pcm.from_bytes(pcm), words, item.id, language)
            case items.InputImage():
                return self._images.part(part)
            case _:
                assert_never(part)


class _Calls:
    """The calls of a conversation, of either kind, and what came of them.

    A call of an MCP server goes by the id of its item, or of the request for its approval where there was one: it is
    the request that the model has seen, and the call and its result are what comes of that later.
    """

    def __init__(self, context: fx.Context) -> None:
        self._names = {tool.name for tool in context.tools}
        self._asked: set[str] = set()
        """Requests for approval, and calls, so far."""

    def shown(self, item: items.Item) -> Iterator[ToolCall | ToolOutput]:
        """What a model sees of an item that is no message. An output whose call is not there stays an output."""
        match item:
            case items.FunctionCall():
                if item.status == "completed":
                    yield ToolCall(item.call_id, item.name, item.arguments)
            case items.FunctionCallOutput():
                yield ToolOutput(item.call_id, item.output)
            case items.McpApprovalRequest():
                self._asked.add(item.id)
                yield ToolCall(item.id, self._name(item), item.arguments)
            case items.McpApprovalResponse():
                if not item.approve:
                    yield ToolOutput(item.approval_request_id, _declined(item.reason))
            case items.McpCall():
                yield from self._mcp_call(item)
            case items.McpListTools() | items.Message():
                pass
            case _:
                assert_never(item)

    def _mcp_call(self, item: items.McpCall) -> Iterator[ToolCall | ToolOutput]:
        if item.status == "incomplete" and item.output is None and item.error is None:
            return  # it was never made
        call_id = item.id
        if item.approval_request_id in self._asked:
            call_id = item.approval_request_id or item.id
        elif item.id not in self._asked:  # one that ended late comes twice: pending, and once more with its result
            self._asked.add(item.id)
            yield ToolCall(call_id, self._name(item), item.arguments)
        if item.error is not None:
            yield ToolOutput(call_id, f"The call failed: {item.error.message}")
        elif item.status != "in_progress":
            yield ToolOutput(call_id, item.output or "")

    def _name(self, item: items.McpCall | items.McpApprovalRequest) -> str:
        """The name that the model knows it by: that of its server too, where another has a tool of that name."""
        full = f"{item.server_label}_{item.name}"
        return full if full in self._names else item.name


def _declined(reason: str | None) -> str:
    why = f" Their reason: {reason}" if reason else ""
    return f"The user declined this call, so it was not made.{why}"


def _truncation(truncation: Truncation) -> Literal["auto", "disabled"] | Retention:
    if not isinstance(truncation, RetentionRatio):
        return truncation
    limits = truncation.token_limits
    most = limits.post_instructions if isinstance(limits, TokenLimits) else UNSET
    return Retention(truncation.retention_ratio, None if isinstance(most, UnsetType) else most)

"""Calls of tools as a language model is shown them (PROTOCOL.md 4.7).

A call may stay open for many turns. The model then has to know that there is no result yet, or it invents one, and
what it has been told must not change later: the text before it is computed once and kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vivavoce.ports import Message, Prompt, Tool, ToolCall, ToolOutput

PENDING = (
    "There is no result yet: the call is still running, and its result will come by itself. Do not make this call"
    " again and do not guess its result. Should the user ask for it, say that you are still waiting."
)
"""What stands in the place of an output that has not come."""


def shown(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The conversation in which every call has its output directly behind it, as chat templates and APIs demand.

    A call without one is given `PENDING`, and keeps it. An output that comes later becomes a message of the "tool" at
    its own place whose content is text (not a `ToolOutput`) that names the call. To be done before the conversation is
    cut (`window.fit`): the call may be dropped then, and its late output still says what it belongs to.
    """
    history = _History()
    return tuple(each for message in messages for each in history.add(message)) + tuple(history.close())


def callable_tools(prompt: Prompt) -> tuple[Tool, ...]:
    """The tools that may be called now."""
    if prompt.tool_choice == "none":
        return ()
    return tuple(tool for tool in prompt.tools if prompt.callable is None or tool.name in prompt.callable)


def open_calls(messages: Sequence[Message]) -> tuple[ToolCall, ...]:
    """The calls whose output has not come."""
    parts = [part for message in messages for part in message.content]
    answered = {part.call_id for part in parts if isinstance(part, ToolOutput)}
    return tuple(part for part in parts if isinstance(part, ToolCall) and part.call_id not in answered)


class _History:
    def __init__(self) -> None:
        self._made: dict[str, ToolCall] = {}
        self._open: dict[str, ToolCall] = {}  # made last, and without an output
        self._answered = False  # an output of the calls made last has come

    def add(self, message: Message) -> Iterator[Message]:
        """The message as it is shown, and before it what was still missing."""
        if message.role == "tool":
            for part in message.content:
                yield from self._output(part) if isinstance(part, ToolOutput) else (Message("tool", (part,)),)
            return
        calls = {part.call_id: part for part in message.content if isinstance(part, ToolCall)}
        if not calls or self._answered:  # otherwise they belong to the calls before them: one answer may make several
            yield from self.close()
        self._made |= calls
        self._open |= calls
        yield message

    def close(self) -> Iterator[Message]:
        """Nothing comes directly behind the last calls any more."""
        for call_id in self._open:
            yield Message("tool", (ToolOutput(call_id, PENDING),))
        self._open.clear()
        self._answered = False

    def _output(self, output: ToolOutput) -> Iterator[Message]:
        if self._open.pop(output.call_id, None):
            self._answered = True
            yield Message("tool", (output,))
            return
        yield from self.close()
        call = self._made.get(output.call_id)
        what = f"the call {call.name}({call.arguments}), made before" if call else "a call that was made before"
        yield Message("tool", (f"This is the result of {what}:\n{output.output}",))

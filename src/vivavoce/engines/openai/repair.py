"""A model that calls what it may not, or with arguments that do not fit, is told so once and asked again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vivavoce.engines.calls import callable_tools
from vivavoce.engines.openai.answer import Answer
from vivavoce.engines.openai.calls import Call
from vivavoce.engines.openai.payload import Json
from vivavoce.engines.openai.request import Names, call_message, output_message
from vivavoce.engines.openai.schema import Schema, parsed
from vivavoce.ports import Prompt, ToolCall, ToolOutput

_CALL_ID = "call_that_was_wrong"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an answer: one of its calls, or that it has none."""

    call: Call | None
    why: str
    again: Prompt
    """What is asked instead: the same, and the tool is fixed where it is known."""


def fault_of(call: Call, prompt: Prompt) -> Fault | None:
    """What is wrong with a call; its name is ours. Raises `EngineError` (`invalid_tool`)."""
    tools = {tool.name: tool for tool in callable_tools(prompt)}
    if not tools:
        return Fault(call, "No tool may be called now. Answer in words.", prompt)
    if call.name not in tools:
        return Fault(call, f"There is no tool {call.name!r} to call. There are: {', '.join(tools)}.", prompt)
    arguments = parsed(call.arguments)
    faults = "They are no JSON object." if arguments is None else Schema(tools[call.name]).faults(arguments)
    if not faults:
        return None
    why = f"These arguments were refused:\n{faults}\nCall {call.name} again, with arguments that fit its schema."
    return Fault(call, why, replace(prompt, tool_choice="required", callable=(call.name,)))


def missing(answer: Answer, prompt: Prompt) -> Fault | None:
    """The fault of an answer without a call where one is demanded."""
    if prompt.tool_choice != "required" or answer.calls or answer.reason != "stop":
        return None
    names = ", ".join(tool.name for tool in callable_tools(prompt))
    return Fault(None, f"Do not answer in words now, but call one of these tools: {names}.", prompt)


def conversation(fault: Fault, answer: Answer, names: Names) -> Sequence[Json]:
    """What goes behind the conversation when it is sent again."""
    if fault.call is not None:
        call = ToolCall(_CALL_ID, fault.call.name, fault.call.arguments)
        return (call_message(answer.text, [call], names), output_message(ToolOutput(_CALL_ID, fault.why)))
    said: tuple[Json, ...] = ({"role": "assistant", "content": answer.text},) if answer.text else ()
    return (*said, {"role": "user", "content": fault.why})

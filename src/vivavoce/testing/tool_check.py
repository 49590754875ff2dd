"""The contract of calls (`vivavoce.ports.CallPart`), for `vivavoce.testing.conformance`."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import jsonschema

from vivavoce.ports import (
    CallArguments,
    CallBegan,
    CallEnded,
    Finished,
    Message,
    Prompt,
    ResponsePart,
    Tool,
    ToolCall,
    ToolOutput,
)
from vivavoce.testing.probes import Probe, require

LIGHT = Tool(
    "set_light",
    "Switches the light of a room.",
    {
        "type": "object",
        "properties": {
            "room": {"type": "string", "enum": ["kitchen", "bedroom"]},
            "on": {"type": "boolean"},
            "percent": {"type": "integer", "minimum": 0, "maximum": 100},
        },
        "required": ["room", "on"],
        "additionalProperties": False,
    },
)
TIMER = Tool(
    "start_timer",
    "Starts a kitchen timer.",
    {
        "type": "object",
        "properties": {"minutes": {"type": "integer", "minimum": 1, "maximum": 600}, "label": {"type": "string"}},
        "required": ["minutes"],
        "additionalProperties": False,
    },
)
_MOST_TOKENS = 200
_Part = TypeVar("_Part", bound=ResponsePart)


@dataclass(frozen=True, slots=True)
class WholeCall:
    """A call of an answer."""

    name: str
    arguments: str


def whole_calls(parts: Sequence[ResponsePart]) -> list[WholeCall]:
    """The calls of an answer, in order. A call that is not whole is one that the answer's limit cut off."""
    whole: list[WholeCall] = []
    name: str | None = None
    pieces: list[str] = []
    for part in parts:
        match part:
            case CallBegan():
                require(name is None, "A call begins before the one before it has ended.")
                name, pieces = part.name, []
            case CallArguments():
                require(name is not None, "Arguments come outside of a call.")
                require(bool(part.text), "A piece of arguments is empty.")
                pieces.append(part.text)
            case CallEnded():
                require(name is not None, "A call ends that has not begun.")
                whole.append(WholeCall(str(name), "".join(pieces)))
                name = None
            case Finished():
                require(name is None or part.reason == "length", f"The call of {name} does not end.")
            case _:
                pass
    return whole


async def check_calls(probe: Probe, ask: Callable[[Prompt], AsyncGenerator[_Part, None]], asked: Prompt) -> None:
    """What must be called is called with arguments that fit, what may not be is not, and a call can be cut off.

    `ask` is the engine's, `asked` a prompt that it answers with words.
    """

    async def made(prompt: Prompt) -> list[WholeCall]:
        return whole_calls([part async for part in ask(prompt)])

    for tool in (LIGHT, TIMER):
        forced = _with_tools(asked, "required", tool.name)
        calls = await probe.within(made(forced), f"An answer that must call {tool.name}")
        require(bool(calls), f"{tool.name} must be called, and is not.")
        _check_arguments(calls, (tool,))
    calls = await probe.within(made(_with_tools(asked, "required")), "An answer that must call something")
    require(bool(calls), "Something must be called, and nothing is.")
    _check_arguments(calls, (LIGHT, TIMER))
    calls = await probe.within(made(_with_tools(asked, "none")), "An answer that may call nothing")
    require(not calls, "A tool is called though none may be.")
    for history in (_PENDING, _RETURNED, _LATE):
        prompt = replace(_with_tools(asked, "auto"), messages=(*asked.messages, *history))
        _check_arguments(await probe.within(made(prompt), "An answer after a call"), (LIGHT, TIMER))
    await probe.stops(lambda: ask(_with_tools(asked, "required", TIMER.name)), "a call")


_CALL = Message("assistant", (ToolCall("call_1", "start_timer", '{"minutes": 3}'),))
_OUTPUT = Message("tool", (ToolOutput("call_1", "The timer runs."),))
_TALK = Message("user", ("And how are you today?",))
_PENDING = (_CALL, _TALK)
_RETURNED = (_CALL, _OUTPUT)
_LATE = (_CALL, _TALK, Message("assistant", ("I am well.",)), _OUTPUT)


def _with_tools(prompt: Prompt, choice: Literal["none", "auto", "required"], only: str | None = None) -> Prompt:
    names = None if only is None else (only,)
    tools = (LIGHT, TIMER)
    return replace(prompt, tools=tools, tool_choice=choice, callable=names, max_tokens=_MOST_TOKENS)


def _check_arguments(calls: Sequence[WholeCall], tools: Sequence[Tool]) -> None:
    known = {tool.name: tool for tool in tools}
    for call in calls:
        require(call.name in known, f"{call.name!r} is called, which may not be.")
        try:
            jsonschema.validate(json.loads(call.arguments), known[call.name].parameters)
        except (ValueError, jsonschema.ValidationError) as error:
            why = error.message if isinstance(error, jsonschema.ValidationError) else str(error)
            require(False, f"The arguments of {call.name} are wrong: {why}")

"""A conversation as ChatML text for models of the Qwen2.5 family.

We render the template ourselves because the prefix cache of llama.cpp needs every turn to repeat the text of the
turn before it to the letter, and because nothing that a caller says, or a tool returns, may become a control token.
"""

from __future__ import annotations

import json
import re

from vivavoce.engines import calls
from vivavoce.ports import EngineError, Message, Prompt, Tool, ToolCall, ToolOutput

SPOKEN_STYLE = (
    "Your words are spoken aloud. Unless asked for more, answer in at most two short spoken sentences; the first one"
    " is the shortest possible answer. No lists, no markdown."
)
"""How a spoken answer should sound. It stands behind the instructions, in the part of the text that never changes,
so it costs prefill once per session; a line in each turn obeyed no better and cost some 20 tokens a turn."""

TOOLS = """# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
{tools}
</tools>

For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:
<tool_call>
{{"name": <function-name>, "arguments": <args-json-object>}}
</tool_call>

Call a function only when the user asks for something that it does. In all other cases, answer the user in words: \
greetings, small talk, feelings, and questions that you can answer yourself.

When no function is needed, the name is "none"."""
"""How tools are told, with the first half in the words that Qwen2.5 was taught with. The second half is what the
choice between words and a call is read from (`llama_answer`)."""

RESULT = "Say in words what this means for my request: the result, or that it is done."
"""Behind what a tool returned. Without it this model passes over most results ("Is there anything else?"): of 16 that
it was tried with it told 4, and with it 16."""

TURN = "<|im_start|>"
"""Begins each turn; one token, and no text holds it."""
ANSWER = f"{TURN}assistant\n"
"""The answer begins behind it."""


def render(prompt: Prompt) -> str:
    """The whole prompt, up to where the assistant's answer begins."""
    return "".join(_turn(role, text) for role, text in _turns(prompt)) + ANSWER


def render_prefix(prompt: Prompt) -> str:
    """What `render` of this conversation's next answer will begin with: the user's last words stay open."""
    turns = _turns(prompt)
    last = turns.pop()[1] if turns and turns[-1][0] == "user" else ""
    return "".join(_turn(role, text) for role, text in turns) + f"{TURN}user\n{last}"


def shares(prompt: Prompt) -> tuple[str, ...]:
    """What the rendered prompt is made of: the turn of the instructions, `ANSWER`, then each message's turn.

    A part without words is empty. Neighbours of one role, which `render` merges, only become shorter by that.
    """
    parts = (("system", _system(prompt)), *((_role(m), _text(m)) for m in prompt.messages))
    instructions, *messages = (_turn(role, text) if text else "" for role, text in parts)
    return instructions, ANSWER, *messages


def _turns(prompt: Prompt) -> list[tuple[str, str]]:
    """Role and text of each turn: empty ones left out, neighbours of one role merged."""
    turns: list[tuple[str, str]] = []
    parts = [("system", _system(prompt)), *((_role(m), _text(m)) for m in prompt.messages)]
    for role, text in parts:
        if not text:
            continue
        if turns and turns[-1][0] == role:
            turns[-1] = (role, f"{turns[-1][1]}\n{text}")
        else:
            turns.append((role, text))
    return turns


def _turn(role: str, text: str) -> str:
    return f"{TURN}{role}\n{text}<|im_end|>\n"


def _role(message: Message) -> str:
    """In Qwen's format, what a tool returned is told by the user."""
    return "user" if message.role == "tool" else message.role


def _system(prompt: Prompt) -> str:
    """The tools are told whether they may be called now or not: the text must not change from turn to turn."""
    style = SPOKEN_STYLE if prompt.spoken and not prompt.plain else ""
    tools = TOOLS.format(tools="\n".join(map(_tool, prompt.tools))) if prompt.tools else ""
    return "\n\n".join(part for part in (_harmless(prompt.instructions), style, tools) if part)


def _tool(tool: Tool) -> str:
    shown = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return _harmless(json.dumps({"type": "function", "function": shown}, ensure_ascii=False))


def _text(message: Message) -> str:
    parts: list[str] = []
    for part in message.content:
        match part:
            case str():
                words = _harmless(part)
                parts.append(_result(words) if message.role == "tool" else words)
            case ToolOutput(output=calls.PENDING):
                parts.append(_response(calls.PENDING))
            case ToolOutput():
                parts.append(_result(_harmless(part.output)))
            case ToolCall():
                parts.append(_call(part))
            case _:
                raise EngineError("engine_failed", "The language model was given speech or a picture instead of text.")
    return "\n".join(p for p in parts if p)


def _call(call: ToolCall) -> str:
    """As the model writes it (`tool_grammar`)."""
    name, arguments = _harmless(call.name), _harmless(call.arguments)
    return f'<tool_call>\n{{"name": "{name}", "arguments": {arguments}}}\n</tool_call>'


def _result(output: str) -> str:
    return f"{_response(output)}\n{RESULT}"


def _response(output: str) -> str:
    return f"<tool_response>\n{output}\n</tool_response>"


def _harmless(text: str) -> str:
    """Text whose `<|im_start|>` and the like are only words: all of Qwen's control tokens begin with `<|`, or are the
    tags of tools."""
    return re.sub(r"<(?=\||/?tool)", "< ", text).strip()

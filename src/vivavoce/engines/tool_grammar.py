"""What a local model may write: speech, or calls of tools whose arguments fit their schemas.

A call is written as Qwen2.5 was taught to: `<tool_call>`, a line of JSON with "name" and "arguments", `</tool_call>`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache

from vivavoce.engines.grammar import gbnf
from vivavoce.engines.grammar.merge import SchemaError
from vivavoce.engines.grammar.schema import Grammar, grammar
from vivavoce.ports import EngineError, Tool

SPOKEN = r"root ::= [^\x00-\x1f\x7f*#_`~^<>{}|\[\]\\\U00002190-\U00002BFF\U0000FE0F\U0001F000-\U0001FAFF]+"
"""Spoken text has no line breaks, no markdown marks, no arrows and no emoji. Costs under 1 % of generation speed."""
WRITTEN = r"root ::= [^{<`\x00] [^\x00]*"
"""Written text where a call would be possible: it does not begin like one."""
OPENING = '<tool_call>\n{"name": "'
"""What a call begins with."""
MIDDLE = '", "arguments": '
"""Between its name and its arguments."""
CLOSING = "}\n</tool_call>"
CALLS = 8
"""Calls of one answer at most."""
_KEPT = 64


class ToolGrammar:
    """Some tools that may be called. Raises `EngineError` (`invalid_tool`) for one whose schema cannot be kept to."""

    def __init__(self, tools: Sequence[tuple[str, str]]) -> None:
        """Each with its name and its schema as JSON."""
        self._tools = {name: _compiled(name, schema, index) for index, (name, schema) in enumerate(tools)}

    def text(self, parallel: bool) -> str:
        """The grammar of what follows `OPENING`: a call, or several."""
        calls = [
            f"{gbnf.literal(name + MIDDLE)} {each.root} {gbnf.literal(CLOSING)}" for name, each in self._tools.items()
        ]
        more = f" ({gbnf.literal(chr(10) + OPENING)} call){{0,{CALLS - 1}}}" if parallel else ""
        rules = {name: body for each in self._tools.values() for name, body in each.rules.items()}
        lines = {"root": f"call{more}", "call": gbnf.choice(calls), **rules}
        return "\n".join(f"{name} ::= {body}" for name, body in lines.items())

    def exact(self, name: str) -> bool:
        """The grammar alone sees to it that this tool's arguments are valid."""
        return self._tools[name].exact

    def valid(self, name: str, arguments: str) -> bool:
        """Whether these are."""
        try:
            return self._tools[name].valid(json.loads(arguments))
        except ValueError:
            return False


def tool_grammar(tools: Sequence[Tool]) -> ToolGrammar:
    """The grammar of these tools, kept for the next time. Raises `EngineError` (`invalid_tool`)."""
    return _kept(tuple((tool.name, json.dumps(tool.parameters)) for tool in tools))


def refused(tool: Tool) -> str | None:
    """Why this tool cannot be called by a model whose words a grammar rules; None: it can."""
    try:
        _compiled(tool.name, json.dumps(tool.parameters), 0)
    except EngineError as error:
        return error.message
    return None


@lru_cache(_KEPT)
def _kept(tools: tuple[tuple[str, str], ...]) -> ToolGrammar:
    return ToolGrammar(tools)


@lru_cache(4 * _KEPT)
def _compiled(name: str, schema: str, index: int) -> Grammar:
    try:
        parsed = json.loads(schema)
        # Arguments are an object, whatever else the schema leaves open.
        whole = {**parsed, "allOf": [*parsed.get("allOf", ()), {"type": "object"}]}
        return grammar(whole if parsed.get("type") != "object" else parsed, f"v{index}-")
    except SchemaError as error:
        raise EngineError("invalid_tool", f"The tool {name!r} cannot be offered to this model: {error}.") from None

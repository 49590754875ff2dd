"""Stored prompts: `prompt` of a session or a response becomes its instructions (PROTOCOL.md 3.1)."""

from __future__ import annotations

import re

from vivavoce.core.capabilities import Capabilities
from vivavoce.protocol.errors import ProtocolError, invalid_value
from vivavoce.protocol.session import PromptReference, PromptText

_VARIABLE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")


def render(reference: PromptReference, can: Capabilities, param: str) -> str:
    """The instructions that the reference stands for.

    Raises `ProtocolError` for an unknown prompt or version, and for variables that are missing or not in the text.
    """
    stored = can.prompts.get(reference.id)
    if stored is None:
        raise ProtocolError("invalid_value", f"Prompt with id '{reference.id}' not found.", param=f"{param}.id")
    version = reference.version or stored.version
    if version not in stored.versions:
        raise invalid_value(f"{param}.version", version, tuple(stored.versions))
    text = stored.versions[version]
    given = reference.variables or {}
    wanted = _VARIABLE.findall(text)
    for name in given:
        if name not in wanted:
            where = f"{param}.variables.{name}"
            raise ProtocolError("unknown_parameter", f"Unknown parameter: '{where}'.", param=where)
    for name in wanted:
        if name not in given:
            where = f"{param}.variables.{name}"
            raise ProtocolError("missing_required_parameter", f"Missing required parameter: '{where}'.", param=where)
    # In one pass: what a variable holds is never taken for a variable itself.
    return _VARIABLE.sub(lambda match: _text(given[match[1]]), text)


def _text(value: str | PromptText) -> str:
    return value if isinstance(value, str) else value.text

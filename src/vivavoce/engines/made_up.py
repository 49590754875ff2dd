"""Arguments that fit a tool's JSON schema and say nothing: for an engine that calls tools without a model."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from vivavoce.ports import EngineError

_NOTES = frozenset(("$schema", "$comment", "title", "description", "default", "examples", "deprecated"))
_HEEDED = frozenset(
    (
        *("type", "const", "enum", "anyOf", "properties", "required", "additionalProperties", "items", "minItems"),
        *("maxItems", "minLength", "maxLength", "minimum", "maximum"),
    )
)
_DEEPEST = 20


def made_up(schema: Mapping[str, object]) -> str:
    """The least that the schema allows, a JSON object as text: properties that are required, and no more.

    Raises `EngineError` (`unsupported_schema`) for keywords beyond the plain ones, instead of making up what does not
    fit.
    """
    arguments = _value({"type": "object", **schema}, 0)
    if not isinstance(arguments, Mapping):
        raise _unsupported("anything but an object")
    return json.dumps(arguments)


def _value(schema: object, depth: int) -> object:
    if schema is True:
        return "x"
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        raise _unsupported("such a schema")
    if unknown := sorted(schema.keys() - _NOTES - _HEEDED):
        raise _unsupported(f"the keyword {unknown[0]!r}")
    if "const" in schema:
        return schema["const"]
    if isinstance(values := schema.get("enum"), list) and values:
        return values[0]
    if isinstance(choices := schema.get("anyOf"), list) and choices:
        if schema.keys() - _NOTES - {"anyOf"}:
            raise _unsupported("the keyword 'anyOf' beside others")
        return _value(choices[0], depth + 1)
    return _of_type(schema, depth)


def _of_type(schema: Mapping[str, object], depth: int) -> object:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    match kind[0] if isinstance(kind, list) and kind else kind:
        case "object":
            known, required = schema.get("properties", {}), schema.get("required", [])
            if not isinstance(known, Mapping) or not isinstance(required, list):
                raise _unsupported("such properties")
            return {name: _value(known.get(name, True), depth + 1) for name in required}
        case "array":
            least = schema.get("minItems", 0)
            least = least if isinstance(least, int) else 0
            return [_value(schema.get("items", True), depth + 1) for _ in range(least)]
        case "string":
            shortest, longest = _number(schema, "minLength", 1), _number(schema, "maxLength", math.inf)
            return "x" * int(min(max(1, shortest), longest))
        case "integer":
            low, high = _number(schema, "minimum", -math.inf), _number(schema, "maximum", math.inf)
            return math.ceil(max(low, min(1, math.floor(high) if high < 1 else 1)))
        case "number":
            return max(_number(schema, "minimum", -math.inf), min(1.0, _number(schema, "maximum", math.inf)))
        case "boolean":
            return False
        case "null":
            return None
        case _:
            raise _unsupported(f"the type {kind!r}")


def _number(schema: Mapping[str, object], name: str, otherwise: float) -> float:
    value = schema.get(name, otherwise)
    return value if isinstance(value, int | float) else otherwise


def _unsupported(what: str) -> EngineError:
    return EngineError("unsupported_schema", f"The instant engine cannot make up arguments for {what}.")

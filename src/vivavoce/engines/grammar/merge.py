"""Two JSON schemas as one that both allow: what `allOf` and a `$ref` with neighbours mean."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction

Schema = Mapping[str, object]
PAIRS = 100
"""Alternatives that two lists of them may make together."""
_ALL = ("array", "boolean", "integer", "null", "number", "object", "string")


class SchemaError(ValueError):
    """There is no grammar for this schema; the message says why."""


def merged(a: Schema, b: Schema) -> Schema:
    """What satisfies both. Schemas inside are not merged yet: they become `allOf`. Raises `SchemaError`."""
    both = {key: _both(key, a[key], b[key]) for key in a.keys() & b.keys() - _BY_OBJECT}
    found: dict[str, object] = {**a, **b, **both}
    if "properties" in a or "properties" in b:
        found["properties"] = {
            name: _together(_of(a, name), _of(b, name)) for name in {**_properties(a), **_properties(b)}
        }
    if "additionalProperties" in a and "additionalProperties" in b:
        found["additionalProperties"] = _together(a["additionalProperties"], b["additionalProperties"])
    return found


def types(schema: Schema) -> tuple[str, ...]:
    """Those that it names; none: it names none."""
    named = schema.get("type", ())
    return (named,) if isinstance(named, str) else tuple(map(str, named)) if isinstance(named, list | tuple) else ()


def _properties(schema: Schema) -> Mapping[str, object]:
    found = schema.get("properties", {})
    return found if isinstance(found, Mapping) else {}


def _of(schema: Schema, name: str) -> object:
    """What it says of this property."""
    return _properties(schema).get(name, schema.get("additionalProperties", True))


def _together(a: object, b: object) -> object:
    if a is True or a == b:
        return b
    return a if b is True else {"allOf": [a, b]}


def _both(key: str, a: object, b: object) -> object:
    if a == b:
        return a
    if key in _BY_KEY:
        return _BY_KEY[key](a, b)
    if key in ("items", "contains", "propertyNames", "not"):
        return _together(a, b)
    return a  # a word about the schema, or one that is checked afterwards


def _types(a: object, b: object) -> list[str]:
    first, second = types({"type": a}), types({"type": b})
    found = [each for each in _ALL if _has(first, each) and _has(second, each)]
    return [each for each in found if not (each == "integer" and "number" in found)]


def _has(named: tuple[str, ...], one: str) -> bool:
    return one in named or (one == "integer" and "number" in named)


def _lists(join: Callable[[list[object], list[object]], list[object]]) -> Callable[[object, object], object]:
    def both(a: object, b: object) -> object:
        return join(a, b) if isinstance(a, list) and isinstance(b, list) else a

    return both


def _numbers(join: Callable[[float, float], float]) -> Callable[[object, object], object]:
    def both(a: object, b: object) -> object:
        return join(a, b) if isinstance(a, int | float) and isinstance(b, int | float) else a

    return both


def _multiple(a: float, b: float) -> float:
    x, y = Fraction(str(a)), Fraction(str(b))
    both = Fraction(math.lcm(x.numerator, y.numerator), math.gcd(x.denominator, y.denominator))
    return int(both) if both.denominator == 1 else float(both)


def _pairs(a: list[object], b: list[object]) -> list[object]:
    if len(a) * len(b) > PAIRS:
        raise SchemaError("it is too large")
    return [_together(x, y) for x in a for y in b]


def _zipped(a: list[object], b: list[object]) -> list[object]:
    if len(a) != len(b):
        raise SchemaError("two prefixItems of different lengths")
    return [_together(x, y) for x, y in zip(a, b, strict=True)]


_BY_OBJECT = {"properties", "additionalProperties"}
_LOW, _HIGH = _numbers(max), _numbers(min)
_BY_KEY: Mapping[str, Callable[[object, object], object]] = {
    "type": _types,
    "enum": _lists(lambda a, b: [each for each in a if each in b]),
    "required": _lists(lambda a, b: [*a, *(each for each in b if each not in a)]),
    "anyOf": _lists(_pairs),
    "oneOf": _lists(_pairs),
    "allOf": _lists(lambda a, b: [*a, *b]),
    "prefixItems": _lists(_zipped),
    "multipleOf": _numbers(_multiple),
    "uniqueItems": lambda a, b: bool(a or b),
    **dict.fromkeys(("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"), _LOW),
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"), _HIGH),
}

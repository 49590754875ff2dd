"""Whatever a grammar made from a schema lets through is valid; what cannot be said in one is refused by name."""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator, Draft202012Validator
from tests.engines.gbnf_walk import Grammar as Walker
from tests.engines.schemas import schemas

from vivavoce.engines.grammar.gbnf import integer
from vivavoce.engines.grammar.merge import SchemaError
from vivavoce.engines.grammar.schema import grammar

WALKS = 8


def walked(schema: dict[str, Any], times: int = 60) -> list[Any]:
    """Values that its grammar lets through and that are valid, none of them refused by the check afterwards."""
    found = grammar(schema)
    text = "\n".join((f"root ::= {found.root}", *(f"{name} ::= {body}" for name, body in found.rules.items())))
    walker, random = Walker(text), Random(1)
    values = [json.loads(walker.walk(random)) for _ in range(times)]
    kind = Draft7Validator if "$schema" in schema else Draft202012Validator
    for value in values:
        errors = [error.message for error in kind(schema).iter_errors(value)]
        assert not errors or not found.exact, f"{errors[0]} of {value!r} for {schema}"
        assert bool(errors) != found.valid(value) or found.exact
    return values


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(schemas())
def test_any_schema(schema: dict[str, Any]) -> None:
    try:
        walked(schema, WALKS)
    except SchemaError as refusal:
        # Random schemas may contradict themselves; that is no fault of a grammar.
        event(str(refusal))
        if not any(why in str(refusal) for why in ("no value fits", "beside enum", "is not supported")):
            raise


OBJECT = {"type": "object"}


@pytest.mark.parametrize(
    ("schema", "some"),
    [
        (OBJECT, {}),
        ({"properties": {"a": {"type": "boolean"}}, "required": ["a"]}, {"a": True}),
        ({"type": ["integer", "null"], "minimum": 3, "maximum": 3}, None),
        ({"type": "integer", "exclusiveMinimum": -3, "exclusiveMaximum": -1}, -2),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.1}, 0.01),
        ({"type": "integer", "minimum": 5, "maximum": 20, "multipleOf": 7}, 14),
        ({"type": "number", "minimum": 1, "maximum": 2, "multipleOf": 0.5}, 1.5),
        ({"type": "array", "items": {"enum": ["a", "b"]}, "uniqueItems": True, "minItems": 2}, ["a", "b"]),
        ({"type": "array", "prefixItems": [{"const": 1}], "items": False, "minItems": 1}, [1]),
        (
            {
                "$schema": "http://json-schema.org/draft-07/schema#",
                "items": [{"const": 1}],
                "minItems": 1,
                "additionalItems": False,
            },
            [1],
        ),
        (
            {
                "type": "object",
                "additionalProperties": {"const": 1},
                "propertyNames": {"enum": ["x"]},
                "minProperties": 1,
                "maxProperties": 1,
            },
            {"x": 1},
        ),
        ({"type": "object", "patternProperties": {"^x$": {"const": 1}}, "additionalProperties": False}, {"x": 1}),
        (
            {
                "type": "object",
                "properties": {"a": {"const": 1}, "b": {"const": 2}},
                "minProperties": 1,
                "maxProperties": 1,
            },
            {"b": 2},
        ),
        ({"type": "string", "pattern": '^(yes|n"o)$'}, 'n"o'),
        ({"type": "string", "format": "date", "pattern": "^2024-02-2[0-8]$"}, "2024-02-20"),
        ({"allOf": [{"type": "number", "minimum": 2}, {"type": "integer", "maximum": 2}]}, 2),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"const": "x"}}}, "x"),
        ({"enum": [1, "x", None], "type": "string"}, "x"),
        (
            {"$ref": "#/$defs/n", "$defs": {"n": {"properties": {"n": {"$ref": "#/$defs/n"}}, "required": ["v"]}}},
            None,
        ),
    ],
)
def test_kinds_of_schemas(schema: dict[str, Any], some: object) -> None:
    values = walked(schema, 200)
    assert some is None or some in values


@pytest.mark.parametrize(
    ("branches", "exact"),
    [
        ([{"type": "string"}, {"type": "integer"}], True),
        ([{"enum": [1, 2]}, {"enum": [3]}], True),
        ([{"type": "integer"}, {"type": "number"}], False),
        ([{"type": "object", "properties": {"k": {"const": k}}, "required": ["k"]} for k in "ab"], True),
        ([{"type": "object", "properties": {"k": {"type": "string"}}, "required": ["k"]}, {"type": "object"}], False),
    ],
)
def test_one_of_is_exact_where_no_value_fits_two(branches: list[object], exact: bool) -> None:
    assert grammar({"oneOf": branches}).exact is exact
    walked({"oneOf": branches})


def _bomb() -> dict[str, object]:
    """Each level stands twice in the one before it, once with a bound that makes it another schema."""
    level = {
        f"a{i}": {
            "anyOf": [{"$ref": f"#/$defs/a{i + 1}"}, {"allOf": [{"$ref": f"#/$defs/a{i + 1}"}, {"maxLength": i}]}]
        }
        for i in range(40)
    }
    return {"$ref": "#/$defs/a0", "$defs": level | {"a40": {"type": "integer"}}}


def _nested() -> dict[str, object]:
    schema: dict[str, object] = {"type": "integer"}
    for _ in range(12):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
    return schema


REFUSED: list[tuple[dict[str, object], str]] = [
    (_bomb(), "too large"),
    ({"allOf": [{"anyOf": [{"minimum": i + 10 * j} for i in range(10)]} for j in range(10)]}, "too large"),
    ({"$ref": "#"}, "too large"),
    ({"enum": ["x" * 60_000]}, "too large"),
    ({"properties": {f"p{i}": {"type": "string", "maxLength": 1000 + i} for i in range(300)}}, "too large"),
    (_nested(), "nested more than 10 deep"),
    (
        {"$ref": "#/$defs/n", "$defs": {"n": {"properties": {"n": {"$ref": "#/$defs/n"}}, "required": ["n"]}}},
        "no value",
    ),
    ({"$ref": "https://example.com/schema"}, "does not point into it"),
    ({"$ref": "#/$defs/x"}, "points to nothing"),
    ({"type": "strange"}, "$.type"),
    ({"type": "string", "minimum": "x"}, "$.minimum"),
    ({"type": "integer", "minimum": 3, "maximum": 2}, "no number"),
    ({"type": "string", "minLength": 3, "maxLength": 2}, "3 to 2 characters"),
    ({"type": "array", "minItems": 3, "maxItems": 2}, "3 to 2 items"),
    ({"type": "array", "items": {"enum": [1]}, "uniqueItems": True, "minItems": 2}, "of 1 values"),
    ({"type": "array", "items": False, "minItems": 1}, "no value"),
    ({"type": "object", "properties": {"a": {}}, "minProperties": 2}, "of its properties"),
    ({"allOf": [{"type": "string"}, {"type": "null"}]}, "no value"),
    ({"enum": ["x"], "type": "integer"}, "no value that fits"),
    ({"type": "string", "pattern": r"^(?=a)b$"}, "is not supported"),
    ({"enum": ["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"], "pattern": "^(a+)+$"}, "a pattern beside enum"),
    ({"properties": {"a": {}}, "patternProperties": {"^b": {}}}, "patternProperties beside"),
    ({"patternProperties": {"^a": {}, "^b": {}}}, "several patternProperties"),
    ({"type": "string", "not": {"pattern": "^a"}}, "a pattern inside not"),
]


@pytest.mark.parametrize(("schema", "why"), REFUSED)
def test_what_cannot_be_said_is_refused_and_nothing_hangs(schema: dict[str, object], why: str) -> None:
    with pytest.raises(SchemaError, match=re.escape(why)):
        grammar(schema)


@given(st.integers(-300, 300), st.integers(0, 300), st.integers(0, 10**6))
def test_integers_are_within_their_bounds_and_reach_them(low: int, span: int, seed: int) -> None:
    expression, random = integer(low, low + span), Random(seed)
    assert expression is not None
    found = {int(Walker(f"root ::= {expression}").walk(random)) for _ in range(30)}
    assert all(low <= each <= low + span for each in found)
    assert span > 3 or len(found) == span + 1

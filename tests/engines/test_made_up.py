"""Arguments that are made up fit their schema; what is too much is refused by name."""

from __future__ import annotations

import json

import jsonschema
import pytest

from vivavoce.engines.made_up import made_up
from vivavoce.ports import EngineError

FITS: list[tuple[dict[str, object], object]] = [
    ({}, {}),
    ({"type": "object", "properties": {"city": {"type": "string"}}}, {}),
    ({"properties": {"a": {"type": "string", "minLength": 3}}, "required": ["a"]}, {"a": "xxx"}),
    ({"properties": {"a": {"type": "string", "maxLength": 0}}, "required": ["a"]}, {"a": ""}),
    ({"properties": {"a": {"enum": ["C", "F"]}}, "required": ["a"]}, {"a": "C"}),
    ({"properties": {"a": {"const": 7}}, "required": ["a"]}, {"a": 7}),
    ({"properties": {"a": {"type": "integer", "minimum": 2.5}}, "required": ["a"]}, {"a": 3}),
    ({"properties": {"a": {"type": "integer", "maximum": -1.5}}, "required": ["a"]}, {"a": -2}),
    ({"properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"a": 1}),
    ({"properties": {"a": {"type": "number", "maximum": 0.5}}, "required": ["a"]}, {"a": 0.5}),
    ({"properties": {"a": {"type": ["boolean", "null"]}}, "required": ["a"]}, {"a": False}),
    ({"properties": {"a": {"anyOf": [{"type": "null"}, {"type": "string"}]}}, "required": ["a"]}, {"a": None}),
    ({"properties": {"a": {"type": "array", "items": {"type": "integer"}, "minItems": 2}}, "required": ["a"]},
     {"a": [1, 1]}),
    ({"properties": {"a": {"properties": {"b": True}, "required": ["b"]}}, "required": ["a"]}, {"a": {"b": "x"}}),
    ({"title": "Nothing", "additionalProperties": False}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "arguments"), FITS)
def test_the_least_that_fits(schema: dict[str, object], arguments: object) -> None:
    made = json.loads(made_up(schema))
    assert made == arguments
    jsonschema.validate(made, schema)


REFUSED: list[tuple[dict[str, object], str]] = [
    ({"properties": {"a": {"pattern": "^x$"}}, "required": ["a"]}, "the keyword 'pattern'"),
    ({"$ref": "#/$defs/a"}, "the keyword '\\$ref'"),
    ({"properties": {"a": {"anyOf": [{}], "minLength": 9}}, "required": ["a"]}, "'anyOf' beside others"),
    ({"type": "array"}, "anything but an object"),
    ({"properties": {"a": {"type": "date"}}, "required": ["a"]}, "the type 'date'"),
    ({"properties": {"a": False}, "required": ["a"]}, "such a schema"),
    ({"properties": [], "required": ["a"]}, "such properties"),
]


@pytest.mark.parametrize(("schema", "what"), REFUSED)
def test_what_is_too_much_is_refused_by_name(schema: dict[str, object], what: str) -> None:
    with pytest.raises(EngineError, match=f"cannot make up arguments for .*{what}") as error:
        made_up(schema)
    assert error.value.code == "unsupported_schema"


def test_a_schema_that_is_nested_without_an_end_is_refused() -> None:
    schema: dict[str, object] = {"required": ["a"]}
    schema["properties"] = {"a": schema}
    with pytest.raises(EngineError):
        made_up(schema)

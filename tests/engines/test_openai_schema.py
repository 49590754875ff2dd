"""Arguments are checked against any schema that somebody sends; none of them can keep the server busy."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from vivavoce.engines.openai.schema import Schema, parsed
from vivavoce.ports import EngineError, Tool

Json = Mapping[str, object]


def faults(parameters: Json, arguments: Json) -> str:
    return Schema(Tool("tool", "", parameters)).faults(arguments)


def unusable(parameters: Json, arguments: Json) -> str:
    with pytest.raises(EngineError) as caught:
        faults(parameters, arguments)
    assert caught.value.code == "invalid_tool"
    return caught.value.message.removeprefix("The parameters of the tool tool are no usable JSON schema: ")


TREE = {
    "type": "object",
    "properties": {"of": {"type": "array", "items": {"$ref": "#"}}},
    "additionalProperties": False,
}
CITY = {"properties": {"city": {"type": "string", "pattern": "^[A-Z][a-z]+$"}}, "required": ["city"]}
OLD = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "definitions": {"age": {"type": "integer"}},
    "properties": {"age": {"$ref": "#/definitions/age"}},
}


@pytest.mark.parametrize(
    ("parameters", "good", "bad", "why"),
    [
        ({}, {"any": 1}, None, ""),
        (CITY, {"city": "Rome"}, {"city": "rome"}, "$.city: 'rome' does not match '^[A-Z][a-z]+$'"),
        (CITY, {"city": "Rome"}, {"city": 5}, "$.city: 5 is not of type 'string'"),
        (TREE, {"of": [{"of": []}, {}]}, {"of": [{"of": [{"or": 1}]}]}, "$.of[0].of[0]: Additional properties"),
        (OLD, {"age": 3}, {"age": "3"}, "$.age: '3' is not of type 'integer'"),
        ({"$schema": "http://nowhere/", "required": ["a"]}, {"a": 1}, {}, "$: 'a' is a required property"),
        (
            {"patternProperties": {"^x-": {"type": "integer"}}, "additionalProperties": False},
            {"x-a": 1},
            {"y": 1},
            "$: 'y' does not match any of the regexes",
        ),
    ],
)
def test_what_fits_and_what_does_not(parameters: Json, good: Json, bad: Json | None, why: str) -> None:
    assert faults(parameters, good) == ""
    if bad is not None:
        assert faults(parameters, bad).startswith(why)


def test_a_few_faults_are_told_at_once_and_shortly() -> None:
    told = faults({"properties": {str(i): {"type": "null"} for i in range(9)}}, {str(i): "x" * 999 for i in range(9)})
    assert [len(line) for line in told.split("\n")] == [300] * 3


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ({"type": "thing"}, "'thing' is not valid"),
        ({"$schema": 5}, "5 is not of type 'string'"),
        ({"$ref": "#/$defs/nothing"}, "a reference leads nowhere"),
        ({"$ref": "http://127.0.0.1:9/schema.json"}, "a reference leads nowhere"),
        ({"$ref": "http://["}, "a reference leads nowhere"),
        ({"$ref": "#"}, "its references lead on without an end"),
        ({"properties": {"a": {"pattern": "^(?=b)"}}}, "the pattern '^(?=b)' is none that can be checked"),
        ({"allOf": [{"patternProperties": {"(a+)+": True}}]}, "the pattern '(a+)+' of patternProperties is not simple"),
    ],
)
def test_what_is_no_usable_schema_is_said(parameters: Json, why: str) -> None:
    assert unusable(parameters, {"a": "b"}).startswith(why)


def test_a_schema_that_is_nested_without_an_end_is_none() -> None:
    deep: dict[str, object] = {}
    for _ in range(5000):
        deep = {"properties": {"a": deep}}
    assert unusable(deep, {}) == "it is nested too deep."


def test_a_pattern_that_takes_python_years_takes_no_time() -> None:
    # With backtracking this test would never end.
    assert faults({"properties": {"a": {"pattern": "^(a+)+$"}}}, {"a": "a" * 5000 + "b"}).startswith("$.a: ")


def test_a_schema_that_doubles_itself_is_given_up() -> None:
    steps: dict[str, object] = {f"a{n}": {"anyOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(60)}
    schema = {"$defs": {**steps, "a60": {"type": "string"}}, "$ref": "#/$defs/a0"}
    assert unusable(schema, {}) == "its references lead on without an end."


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": 1}', {"a": 1}),
        (" {} ", {}),
        ("", None),
        ("[1]", None),
        ("1", None),
        ('{"a": Infinity}', None),
        ('{"a": ' + "[" * 100_000, None),
        ("{'a': 1}", None),
    ],
)
def test_arguments_are_a_json_object(text: str, found: object) -> None:
    assert parsed(text) == found

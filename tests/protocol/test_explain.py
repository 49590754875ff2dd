"""Refused values are named as PROTOCOL.md 2.3 names them; a value is refused exactly when msgspec "
"refuses it."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta, Struct
from tests.protocol.shapes import Pcmu, Session

from vivavoce.protocol.explain import Violation, explain


def refused(value: dict[str, object]) -> tuple[str, str | None, str]:
    found = explain(Session, {"type": "realtime", **value}, "session")
    assert found is not None
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"type": "realtime", **value}, Session)
    return found.code, found.param, found.message


VIOLATIONS: list[tuple[dict[str, object], tuple[str, str, str]]] = [
    ({"bogus_field": 1}, ("unknown_parameter", "bogus_field", "Unknown parameter: 'session.bogus_field'.")),
    (
        {"type": "x"},
        ("invalid_value", "type", "Invalid value: 'x'. Supported values are: 'realtime'."),
    ),
    (
        {"eagerness": "eager"},
        (
            "invalid_value",
            "eagerness",
            "Invalid value: 'eager'. Supported values are: 'high', 'low', 'medium', and null.",
        ),
    ),
    (
        {"eagerness": 3},
        (
            "invalid_type",
            "eagerness",
            "Invalid type for 'session.eagerness': expected one of 'high', 'low', 'medium', or null, "
            "but got an integer instead.",
        ),
    ),
    (
        {"format": {"type": "audio/opus"}},
        (
            "invalid_value",
            "format.type",
            "Invalid value: 'audio/opus'. Supported values are: 'audio/pcm', 'audio/pcmu', and 'audio/pcma'.",
        ),
    ),
    (
        {"format": {"rate": 24_000}},
        ("missing_required_parameter", "format.type", "Missing required parameter: 'session.format.type'."),
    ),
    (
        {"format": {"type": "audio/pcm"}},
        ("missing_required_parameter", "format.rate", "Missing required parameter: 'session.format.rate'."),
    ),
    (
        {"format": {"type": "audio/pcmu", "rate": 8000}},
        ("unknown_parameter", "format.rate", "Unknown parameter: 'session.format.rate'."),
    ),
    (
        {"format": {"type": "audio/pcm", "rate": 16_000}},
        (
            "integer_below_min_value",
            "format.rate",
            "Invalid 'session.format.rate': integer below minimum value. "
            "Expected a value >= 24000, but got 16000 instead.",
        ),
    ),
    (
        {"format": {"type": None}},
        (
            "invalid_type",
            "format.type",
            "Invalid type for 'session.format.type': expected one of 'audio/pcm', 'audio/pcmu', or "
            "'audio/pcma', "
            "but got null instead.",
        ),
    ),
    (
        {"format": "pcm16"},
        (
            "invalid_type",
            "format",
            "Invalid type for 'session.format': expected an object or null, but got a string instead.",
        ),
    ),
    (
        {"tokens": 5000},
        (
            "integer_above_max_value",
            "tokens",
            "Invalid 'session.tokens': integer above maximum value. Expected a value <= 4096, but got 5000 instead.",
        ),
    ),
    (
        {"tokens": "many"},
        ("invalid_value", "tokens", "Invalid value: 'many'. Supported values are: 'inf' and an integer."),
    ),
    (
        {"tokens": 1.5},
        (
            "invalid_type",
            "tokens",
            "Invalid type for 'session.tokens': expected one of 'inf' or an integer, but got a decimal instead.",
        ),
    ),
    (
        {"truncation": "off"},
        (
            "invalid_value",
            "truncation",
            "Invalid value: 'off'. Supported values are: 'auto', 'disabled', and an object.",
        ),
    ),
    (
        {"truncation": {"retention_ratio": 2}},
        (
            "decimal_above_max_value",
            "truncation.retention_ratio",
            "Invalid 'session.truncation.retention_ratio': decimal above maximum value. "
            "Expected a value <= 1, but got 2 instead.",
        ),
    ),
    (
        {"speed": 0.25},
        (
            "decimal_below_min_value",
            "speed",
            "Invalid 'session.speed': decimal below minimum value. Expected a value > 0.25, but got 0.25 instead.",
        ),
    ),
    (
        {"speed": 1.5},
        (
            "decimal_above_max_value",
            "speed",
            "Invalid 'session.speed': decimal above maximum value. Expected a value < 1.5, but got 1.5 instead.",
        ),
    ),
    (
        {"speed": True},
        (
            "invalid_type",
            "speed",
            "Invalid type for 'session.speed': expected a decimal, but got a boolean instead.",
        ),
    ),
    (
        {"amount": 10**400},
        (
            "decimal_above_max_value",
            "amount",
            "Invalid 'session.amount': decimal above maximum value. "
            "Expected a value <= 1.79769313486e+308, but got a larger number instead.",
        ),
    ),
    (
        {"tools": [{"name": "ok"}, {"parameters": {}}]},
        (
            "missing_required_parameter",
            "tools[1].name",
            "Missing required parameter: 'session.tools[1].name'.",
        ),
    ),
    (
        {"tools": [{}, {}, {}]},
        (
            "array_above_max_length",
            "tools",
            "Invalid 'session.tools': array too long. "
            "Expected an array with maximum length 2, but got an array with length 3 instead.",
        ),
    ),
    (
        {"tools": [{"name": "ABC"}]},
        (
            "invalid_value",
            "tools[0].name",
            "Invalid 'session.tools[0].name': string does not match pattern. "
            "Expected a string that matches the pattern '^[a-z]+$'.",
        ),
    ),
    (
        {"tools": [{"name": "far_too_long"}]},
        (
            "string_above_max_length",
            "tools[0].name",
            "Invalid 'session.tools[0].name': string too long. "
            "Expected a string with maximum length 8, but got a string with length 12 instead.",
        ),
    ),
    (
        {"tools": [{"name": ""}]},
        (
            "string_below_min_length",
            "tools[0].name",
            "Invalid 'session.tools[0].name': string too short. "
            "Expected a string with minimum length 1, but got a string with length 0 instead.",
        ),
    ),
    (
        {"modalities": ["text", 1]},
        (
            "invalid_type",
            "modalities[1]",
            "Invalid type for 'session.modalities[1]': expected a string, but got an integer instead.",
        ),
    ),
    (
        {"metadata": {"a": "1", "b": "2", "c": "3"}},
        (
            "object_above_max_properties",
            "metadata",
            "Invalid 'session.metadata': too many properties. "
            "Expected an object with at most 2 properties, but got an object with 3 properties instead.",
        ),
    ),
    (
        {"metadata": {}},
        (
            "object_below_min_properties",
            "metadata",
            "Invalid 'session.metadata': too few properties. "
            "Expected an object with at least 1 properties, but got an object with 0 properties instead.",
        ),
    ),
    (
        {"metadata": {"longer": "1"}},
        (
            "string_above_max_length",
            "metadata.longer",
            "Invalid 'session.metadata.longer': string too long. "
            "Expected a string with maximum length 4, but got a string with length 6 instead.",
        ),
    ),
    (
        {"metadata": {"a": 1}},
        (
            "invalid_type",
            "metadata.a",
            "Invalid type for 'session.metadata.a': expected a string, but got an integer instead.",
        ),
    ),
    (
        {"strict": "yes"},
        (
            "invalid_type",
            "strict",
            "Invalid type for 'session.strict': expected a boolean, but got a string instead.",
        ),
    ),
    (
        {"strict": date(2026, 1, 1)},
        (
            "invalid_type",
            "strict",
            "Invalid type for 'session.strict': expected a boolean, but got a date instead.",
        ),
    ),
    (
        {"number": []},
        (
            "invalid_type",
            "number",
            "Invalid type for 'session.number': expected an integer, a decimal, or null, but got an array instead.",
        ),
    ),
    (
        {"audio": "§"},
        (
            "invalid_value",
            "audio",
            "Invalid 'session.audio': string is not base64. Expected a base64-encoded string.",
        ),
    ),
    (
        {"level": 3},
        ("invalid_value", "level", "Invalid value: '3'. Supported values are: '1', '2', and a string."),
    ),
]


@pytest.mark.parametrize(("value", "expected"), VIOLATIONS)
def test_a_violation_has_the_wires_code_param_and_message(
    value: dict[str, object], expected: tuple[str, str, str]
) -> None:
    code, param, message = expected
    assert refused(value) == (code, f"session.{param}", message)


def test_a_missing_key_is_named_after_those_that_are_present() -> None:
    assert explain(Session, {}, "session") == Violation(
        "missing_required_parameter", "session.type", "Missing required parameter: 'session.type'."
    )
    found = explain(Session, {"speed": "fast"})
    assert found is not None
    assert found.param == "speed"


def test_the_first_violation_in_document_order_is_the_one_reported() -> None:
    one, two = {"strict": 1}, {"speed": "x"}
    assert refused({**one, **two})[1] == "session.strict"
    assert refused({**two, **one})[1] == "session.speed"


def test_a_tag_comes_before_the_keys_it_decides_about() -> None:
    assert refused({"format": {"rate": 1, "type": "x"}})[1] == "session.format.type"


def test_the_whole_value_may_be_of_the_wrong_type() -> None:
    assert explain(Session, []) == Violation(
        "invalid_type", None, "Invalid type: expected an object, but got an array instead."
    )
    found = explain(Annotated[str, Meta(max_length=1)], "ab")
    assert found is not None
    assert found.param is None
    assert found.message.startswith("Invalid string too long. Expected")


def test_what_would_have_been_allowed_is_told_apart_from_the_sentence() -> None:
    unknown = explain(Session, {"type": "realtime", "tool": []})
    assert unknown is not None
    assert "tools" in unknown.allowed
    wrong = explain(Session, {"tokens": "infinite"})
    assert wrong is not None
    assert wrong.allowed == ("inf",)


def test_a_long_wrong_value_is_cut_short_in_the_message() -> None:
    found = explain(Session, {"type": "x" * 1_000_000})
    assert found is not None
    assert len(found.message) < 300


def test_nan_is_inside_no_limit() -> None:
    found = explain(Annotated[float, Meta(le=1)], float("nan"), "x")
    assert found is not None
    assert found.code == "decimal_above_max_value"


def test_a_lone_tagged_struct_may_come_without_its_tag() -> None:
    assert explain(Pcmu, {}) is None
    assert explain(Pcmu, {"type": "audio/pcmu"}) is None
    found = explain(Pcmu, {"type": "x"})
    assert found is not None
    assert found.param == "type"


def test_an_open_struct_ignores_what_it_does_not_know() -> None:
    class Open(Struct):
        a: int = 0

    assert explain(Open, {"b": 1}) is None


def test_anything_goes_where_the_type_says_so() -> None:
    assert explain(Any, {"a": [None]}) is None
    assert explain(object, date(2026, 1, 1)) is None
    assert explain(msgspec.Raw, 1) is None


def test_a_type_it_does_not_know_is_a_mistake_in_the_type() -> None:
    class Row(Struct, array_like=True):
        a: int

    with pytest.raises(TypeError, match="array-like Row"):
        explain(Row, [1])
    with pytest.raises(TypeError, match="DateType"):
        explain(date, "2026-01-01")


def test_valid_values_are_not_refused() -> None:
    whole: dict[str, object] = {
        "type": "realtime",
        "format": {"type": "audio/pcm", "rate": 24_000},
        "speed": 1,
        "tokens": "inf",
        "truncation": {"retention_ratio": 0.5},
        "eagerness": None,
        "tools": [{"name": "look", "parameters": {"any": ["thing"]}}],
        "metadata": {"a": "b"},
        "strict": True,
        "number": 1.5,
        "audio": "AAAA",
        "level": 2,
    }
    assert explain(Session, whole) is None

"""What a local model may write of calls, and how it is read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random

import pytest
from tests.engines.gbnf_walk import Grammar as Walker

from vivavoce.engines.call_reader import CallReader
from vivavoce.engines.tool_grammar import CLOSING, MIDDLE, OPENING, refused, tool_grammar
from vivavoce.ports import CallArguments, CallBegan, CallEnded, EngineError, Finished, TextDelta, Tool, ToolCall

CITY = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city"]}
SET = {"type": "object", "properties": {"s": {"type": "array", "items": {"type": "string"}, "uniqueItems": True}}}
TOOLS = (Tool("weather", "", CITY), Tool('odd"name', "", {}), Tool("tags", "", SET))
BEGIN, END = CallBegan("weather"), CallEnded()


def written(*calls: tuple[str, str]) -> str:
    """As a model continues behind `OPENING`."""
    return f"\n{OPENING}".join(f"{name}{MIDDLE}{arguments}{CLOSING}" for name, arguments in calls)


def read(text: str, size: int = 1) -> tuple[Sequence[object], CallReader]:
    parts: list[object] = []

    def emit(part: object) -> bool:
        parts.append(part)
        return True

    reader = CallReader(tool_grammar(TOOLS), emit)
    for at in range(0, len(text), size):
        assert reader.on_part(TextDelta(text[at : at + size]))
    reader.on_part(Finished())
    return parts, reader


@pytest.mark.parametrize("parallel", [False, True])
def test_whatever_fits_the_grammar_is_read_as_calls_of_the_tools(parallel: bool) -> None:
    walker, random = Walker(tool_grammar(TOOLS[:2]).text(parallel)), Random(7)
    most = 0
    for _ in range(100):
        parts, _ = read(walker.walk(random), 3)
        names = [part.name for part in parts if isinstance(part, CallBegan)]
        assert names
        assert set(names) <= {"weather", 'odd"name'}
        assert parts.count(END) == len(names)
        most = max(most, len(names))
    assert (most > 1) is parallel


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_arguments_come_as_they_are_written(size: int) -> None:
    arguments = '{"city": "a \\"}{ b\\\\", "days": 3}'
    parts, _ = read(written(("weather", arguments)), size)
    assert (parts[0], *parts[-2:]) == (BEGIN, END, Finished())
    pieces = [part.text for part in parts if isinstance(part, CallArguments)]
    assert "".join(pieces) == arguments
    assert len(pieces) > 5 or size > 1


def test_several_calls_come_one_after_the_other_and_none_twice() -> None:
    rome, oslo = ("weather", '{"city": "Rome"}'), ("weather", '{"city": "Oslo"}')
    parts, _ = read(written(rome, rome, oslo), 1000)
    assert parts == [
        *(BEGIN, CallArguments(rome[1]), END),
        *(BEGIN, CallArguments(oslo[1]), END),
        Finished(),
    ]


def test_a_call_that_is_cut_off_has_no_end() -> None:
    parts, _ = read('weather", "arguments": {"city": "Ro')
    assert parts[0] == BEGIN
    assert END not in parts
    assert parts[-1] == Finished()


def test_what_no_grammar_can_say_is_checked_before_it_is_told() -> None:
    parts, reader = read(written(("tags", '{"s": ["a", "a"]}')))
    assert (parts, reader.only_invalid) == ([], True)
    parts, reader = read(written(("tags", '{"s": ["a", "b"]}')))
    assert parts == [CallBegan("tags"), CallArguments('{"s": ["a", "b"]}'), END, Finished()]
    assert not reader.only_invalid


def test_a_call_that_is_open_is_not_made_again() -> None:
    rome, oslo = ("weather", '{"city": "Rome", "days": 1}'), ("weather", '{"city": "Oslo"}')
    waiting = [ToolCall("call_1", "weather", '{"days":1,"city":"Rome"}'), ToolCall("call_2", "weather", "?")]
    for text, only, told in ((written(rome), True, []), (written(rome, oslo), False, [oslo[1]])):
        parts: list[object] = []
        reader = CallReader(tool_grammar(TOOLS), lambda part, parts=parts: parts.append(part) is None, waiting)
        assert reader.on_part(TextDelta(text))
        assert reader.on_part(Finished())
        assert reader.only_repeated is only
        assert [part.text for part in parts if isinstance(part, CallArguments)] == told
        assert (Finished() in parts) is not only


def test_reading_stops_when_nobody_listens() -> None:
    text = written(("weather", '{"city": "Rome"}'), ("weather", '{"city": "Oslo"}'))
    for allowed in range(6):
        left = iter([True] * allowed + [False])
        reader = CallReader(tool_grammar(TOOLS), lambda _part, left=left: next(left))
        assert not reader.on_part(TextDelta(text))
        assert next(left, None) is None


@pytest.mark.parametrize("schema", [{}, {"properties": {"a": {"type": "null"}}}, {"type": ["object", "string"]}])
def test_arguments_are_an_object_whatever_the_schema_leaves_open(schema: dict[str, object]) -> None:
    walker, random = Walker(tool_grammar([Tool("t", "", schema)]).text(False)), Random(1)
    for _ in range(20):
        arguments = walker.walk(random).removeprefix(f"t{MIDDLE}").removesuffix(CLOSING)
        assert isinstance(json.loads(arguments), dict)
        assert tool_grammar([Tool("t", "", schema)]).valid("t", arguments)
    assert not tool_grammar([Tool("t", "", schema)]).valid("t", "{")


def test_a_tool_that_cannot_be_kept_to_is_refused_by_name() -> None:
    assert refused(Tool("weather", "", CITY)) is None
    for schema, why in (({"type": "string"}, "no value fits"), ({"$ref": "#/x"}, "points to nothing")):
        tool = Tool("t", "", schema)
        with pytest.raises(EngineError, match="'t' cannot be offered") as error:
            tool_grammar([tool])
        assert error.value.code == "invalid_tool"
        assert why in error.value.message
        assert refused(tool) == error.value.message

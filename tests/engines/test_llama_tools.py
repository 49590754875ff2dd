"""The local language model calls tools: held to the choice, with arguments that fit their schemas."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from tests.patience import BUSY

from vivavoce.engines.calls import PENDING
from vivavoce.engines.llama import LlamaLlm
from vivavoce.engines.llama_answer import Asked, Part, answer
from vivavoce.engines.tool_grammar import tool_grammar
from vivavoce.ports import (
    CallArguments,
    CallBegan,
    CallEnded,
    EngineError,
    Finished,
    Message,
    Prompt,
    TextDelta,
    Tool,
    ToolCall,
    ToolOutput,
    Voice,
)
from vivavoce.testing.conformance import check_llm

pytestmark = pytest.mark.models
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = (
    Tool("get_weather", "The weather in a city.", CITY),
    Tool("stop_music", "Stop the music.", {}),
)
HARD: Sequence[dict[str, object]] = (
    {"type": "object", "properties": {"n": {"type": "integer", "minimum": 7, "maximum": 9}}, "required": ["n"]},
    {
        "type": "object",
        "properties": {
            "tags": {"type": "array", "items": {"type": "string", "maxLength": 8}, "uniqueItems": True, "minItems": 2,
                     "maxItems": 3},
        },
        "required": ["tags"],
    },
    {
        "$defs": {"node": {"type": "object", "properties": {"left": {"$ref": "#/$defs/node"}, "v": {"type": "null"}}}},
        "type": "object",
        "properties": {"tree": {"$ref": "#/$defs/node"}, "code": {"type": "string", "pattern": "^[A-Z]{3}-\\d+$"}},
        "required": ["code"],
    },
)  # fmt: skip


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def llm(runner: asyncio.Runner, model_dir: Callable[[str], Path]) -> Iterator[LlamaLlm]:
    engine = LlamaLlm(model_dir("qwen2.5-coder-0.5b") / "model.gguf", slots=2, context=1024, prompt_cache_mib=64)
    runner.run(engine.start())
    yield engine
    runner.run(engine.aclose())
    assert engine.running == 0


def asked(*messages: Message | str) -> Prompt:
    turns = tuple(Message("user", (each,)) if isinstance(each, str) else each for each in messages)
    return Prompt("You are a voice assistant.", turns, True, Voice("alloy"), 48, tools=TOOLS)


async def parts_of(llm: LlamaLlm, prompt: Prompt) -> list[object]:
    async with aclosing(llm.generate(prompt)) as parts:
        return [part async for part in parts]


def names(parts: Sequence[object]) -> list[str]:
    return [part.name for part in parts if isinstance(part, CallBegan)]


def words(parts: Sequence[object]) -> str:
    return "".join(part.text for part in parts if isinstance(part, TextDelta))


def test_a_request_becomes_a_call_when_one_is_required(runner: asyncio.Runner, llm: LlamaLlm) -> None:
    one = replace(asked("What is the weather like in Rome?"), tool_choice="required", parallel_tool_calls=False)
    parts = runner.run(parts_of(llm, one))
    assert names(parts) == ["get_weather"]
    assert (words(parts), isinstance(parts[-1], Finished), parts[-2]) == ("", True, CallEnded())
    given = json.loads("".join(part.text for part in parts if isinstance(part, CallArguments)))
    assert "rome" in given["city"].lower()


def test_only_what_may_be_called_is_called(runner: asyncio.Runner, llm: LlamaLlm) -> None:
    one = replace(asked("What is the weather like in Rome?"), tool_choice="required", callable=("stop_music",))
    parts = runner.run(parts_of(llm, one))
    assert set(names(parts)) == {"stop_music"}
    assert [part.text for part in parts if isinstance(part, CallArguments)] == ["{}"]


def test_none_calls_nothing_and_keeps_the_prefix(runner: asyncio.Runner, llm: LlamaLlm) -> None:
    question = asked("What is the weather like in Rome?")
    runner.run(parts_of(llm, replace(question, tool_choice="required")))
    parts = runner.run(parts_of(llm, replace(question, tool_choice="none")))
    assert not names(parts)
    assert words(parts)
    assert isinstance(finished := parts[-1], Finished)
    assert finished.usage.input_tokens - finished.usage.cached_tokens <= 2


def test_small_talk_is_answered_in_words(runner: asyncio.Runner, llm: LlamaLlm) -> None:
    parts = runner.run(parts_of(llm, asked("Thank you, that was very kind of you.")))
    assert not names(parts)
    assert words(parts)


def test_a_warm_prefix_holds_the_tools(runner: asyncio.Runner, llm: LlamaLlm) -> None:
    prompt = replace(asked("Good morning!"), instructions="You are another voice assistant.")
    runner.run(llm.warm(replace(prompt, messages=())))
    finished = runner.run(parts_of(llm, prompt))[-1]
    assert isinstance(finished, Finished)
    # The caller's words, and the few tokens with which the second look asks for the name.
    assert finished.usage.input_tokens - finished.usage.cached_tokens <= 18


def test_an_open_call_is_shown_as_pending(runner: asyncio.Runner, llm: LlamaLlm) -> None:
    call = ToolCall("call_1", "get_weather", '{"city": "Rome"}')
    seen = runner.run(llm.fitted(asked("Rome?", Message("assistant", (call,)), "Do you know it yet?")))
    assert seen.messages[2] == Message("tool", (ToolOutput("call_1", PENDING),))


def test_a_required_call_without_a_tool_is_refused(runner: asyncio.Runner, llm: LlamaLlm) -> None:
    with pytest.raises(EngineError) as error:
        runner.run(parts_of(llm, replace(asked("Hi."), tool_choice="required", callable=())))
    assert error.value.code == "no_tools"


def test_a_schema_that_cannot_be_kept_to_is_refused(runner: asyncio.Runner, llm: LlamaLlm) -> None:
    tools = (Tool("t", "", {"$ref": "#"}),)
    with pytest.raises(EngineError, match="'t' cannot be offered") as error:
        runner.run(parts_of(llm, replace(asked("Hi."), tools=tools)))
    assert error.value.code == "invalid_tool"


def written(llm: LlamaLlm, schema: dict[str, object], most: int = 400) -> str | None:
    """The arguments that the model writes; None: they are not whole."""
    parts: list[Part] = []

    def emit(part: Part) -> bool:
        parts.append(part)
        return True

    text = f"<|im_start|>user\nCall the tool {json.dumps(schema)}.<|im_end|>\n<|im_start|>assistant\n"
    calls = tool_grammar([Tool("tool", "", schema)])
    answer(llm._library().server, Asked(text, most, True, calls, required=True), emit)
    if not any(isinstance(part, CallEnded) for part in parts):
        assert Finished("length").reason in [part.reason for part in parts if isinstance(part, Finished)]
        return None
    return "".join(part.text for part in parts if isinstance(part, CallArguments))


# The grammars of all of them are walked in test_grammar; a model takes its time for each.
@pytest.mark.parametrize("schema", HARD[::4])
def test_arguments_fit_their_schema(runner: asyncio.Runner, llm: LlamaLlm, schema: dict[str, object]) -> None:
    arguments = written(llm, schema)
    assert arguments is not None
    Draft202012Validator(schema).validate(json.loads(arguments))


def test_conformance(runner: asyncio.Runner, llm: LlamaLlm) -> None:
    runner.run(_conform(llm))


async def _conform(llm: LlamaLlm) -> None:
    await check_llm(llm, bounds=BUSY)

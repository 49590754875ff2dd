"""What an answer of llama.cpp is said to have cost: looks ahead and tries that were not valid count as well."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from vivavoce.engines.llama_answer import Asked, Chunk, Part, answer
from vivavoce.engines.tool_grammar import tool_grammar
from vivavoce.ports import EngineError, Finished, TokenUsage, Tool, ToolCall

TEXT = "<|im_start|>user\nRome?<|im_end|>\n<|im_start|>assistant\n"
# What no grammar can promise, so each try is checked: that all items differ.
TAGS = {"type": "object", "properties": {"t": {"type": "array", "uniqueItems": True, "minItems": 2}}, "required": ["t"]}
CALLS = tool_grammar([Tool("tag", "", TAGS)])
TWICE, APART = '{"t": [1, 1]}', '{"t": [1, 2]}'


class Library:
    """A `Server` on a script: for each call its text, its tokens (prompt, cached, written), and whether it calls."""

    listening_address = ""

    def __init__(self, *script: tuple[str, tuple[int, int, int]]) -> None:
        self._script = list(script)

    def handle_completions(self, request: dict[str, object], on_chunk: Callable[[Chunk], bool]) -> None:
        text, (prompt, cached, written) = self._script.pop(0)
        on_chunk({"prompt_progress": {"total": prompt, "cache": cached, "processed": cached, "time_ms": 0}})
        on_chunk({"prompt_progress": {"total": prompt, "cache": cached, "processed": prompt, "time_ms": 9}})
        if "n_probs" in request:
            likely: Any = [{"token": text, "logprob": math.log(0.99)}]
            on_chunk({"choices": [{"text": text, "logprobs": {"content": [{"top_logprobs": likely}]}}]})
        else:
            on_chunk({"choices": [{"text": text}]})
        details = {"cached_tokens": cached}
        usage: Any = {"prompt_tokens": prompt, "completion_tokens": written, "prompt_tokens_details": details}
        on_chunk({"choices": [{"text": "", "finish_reason": "stop"}], "usage": usage})

    def assert_finished(self) -> None:
        assert not self._script


def cost(library: Library, asked: Asked) -> TokenUsage:
    parts: list[Part] = []

    def emit(part: Part) -> bool:
        parts.append(part)
        return True

    answer(library, asked, emit)
    library.assert_finished()
    (end,) = [part for part in parts if isinstance(part, Finished)]
    return end.usage


def written(arguments: str) -> str:
    """A call of the tool, but for its opening, which is in the prompt."""
    return f'tag", "arguments": {arguments}}}'


WORDS = Asked(TEXT, 50, spoken=True)
MAY_CALL = replace(WORDS, calls=CALLS, tools=True)
MUST_CALL = replace(MAY_CALL, required=True)


def test_words_cost_what_the_library_says() -> None:
    assert cost(Library(("Hello.", (40, 30, 3))), WORDS) == TokenUsage(40, 3, 30)


def test_a_look_that_finds_no_call_is_one_token_more_and_one_computed_again() -> None:
    library = Library(("Hello", (40, 30, 1)), ("Hello.", (40, 39, 3)))
    assert cost(library, MAY_CALL) == TokenUsage(41, 4, 30)


def test_both_looks_count() -> None:
    library = Library(("{", (40, 30, 1)), ("tag", (44, 40, 1)), (written(APART), (44, 43, 12)))
    assert cost(library, MAY_CALL) == TokenUsage(45, 14, 30)


def test_a_try_that_was_not_valid_counts() -> None:
    library = Library((written(TWICE), (44, 30, 12)), (written(APART), (44, 43, 13)))
    assert cost(library, MUST_CALL) == TokenUsage(45, 25, 30)


def test_a_call_that_is_open_already_counts_and_so_do_the_words_instead() -> None:
    waiting: Sequence[ToolCall] = (ToolCall("call_1", "tag", APART),)
    asked = replace(MAY_CALL, open_calls=tuple(waiting))
    library = Library(
        ("{", (40, 40, 1)), ("tag", (44, 40, 1)), (written(APART), (44, 43, 12)), ("A moment.", (40, 39, 3))
    )
    assert cost(library, asked) == TokenUsage(40 + 4 + 1 + 1, 17, 40)


def test_arguments_that_never_get_valid_fail() -> None:
    library = Library(*[(written(TWICE), (44, 43, 12))] * 5)
    with pytest.raises(EngineError) as error:
        cost(library, MUST_CALL)
    assert error.value.code == "invalid_arguments"

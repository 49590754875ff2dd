"""One answer of llama.cpp, in the thread that waits for it: words, or calls of tools.

Whether the model talks or calls is not left to its first token. A small model begins a call in many ways, some of them
in the middle of a sentence; but how likely it finds a call shows in two probabilities: that its answer begins like one,
and, were it one, that its name is "none". Then a grammar holds it to what was chosen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypedDict

from vivavoce.engines.call_reader import CallReader
from vivavoce.engines.calls import callable_tools, open_calls
from vivavoce.engines.crew import computed
from vivavoce.engines.tool_grammar import OPENING, SPOKEN, WRITTEN, ToolGrammar, tool_grammar
from vivavoce.ports import CallPart, EngineError, Finished, Prompt, TextDelta, TokenUsage, ToolCall

CALL_LIKELY = 0.135
"""Of `P(begins like a call) ** (1/3) * (1 - P("none")) ** 2`, from where on it is a call. Chosen, like the powers,
on `bench.tools_lines.DEVELOPMENT` and a few lines more, under three instructions: these move the first one most."""
CALL_UNLIKELY = 0.01
"""Of the first of these alone, up to where it is not."""
PROBABILITIES = 60
"""Of this many tokens, the likeliest; the rest is next to nothing."""
TRIES = 5
"""Times that arguments are written which a grammar alone cannot keep valid."""


class Choice(TypedDict, total=False):
    text: str
    finish_reason: str | None
    logprobs: _Logprobs | None


class _Logprobs(TypedDict):
    content: list[_Top]


class _Top(TypedDict):
    top_logprobs: list[_Logprob]


class _Logprob(TypedDict):
    token: str
    logprob: float


class _Details(TypedDict):
    cached_tokens: int


class _Usage(TypedDict):
    prompt_tokens: int
    completion_tokens: int
    prompt_tokens_details: _Details


class _Failure(TypedDict, total=False):
    type: str


class Chunk(TypedDict, total=False):
    """What the library hands to its callback: a token, the progress of the prefill, the end, or an error."""

    choices: list[Choice]
    usage: _Usage
    prompt_progress: dict[str, int]
    error: _Failure


class Server(Protocol):
    """What we use of xllamacpp's `Server`. The call blocks; the callback returns True to stop it."""

    @property
    def listening_address(self) -> str: ...
    def handle_completions(self, request: dict[str, object], on_chunk: Callable[[Chunk], bool]) -> None: ...


@dataclass(frozen=True, slots=True)
class Prefilling:
    """Some of the prompt has been computed. Only there so that a cancel is noticed during a prefill."""


Part = TextDelta | CallPart | Finished | Prefilling
Emit = Callable[[Part], bool]
"""False: nobody listens any more."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be answered: the rendered prompt, and the tokens that the answer may have."""

    text: str
    most: int
    spoken: bool = False
    calls: ToolGrammar | None = None
    """What may be called."""
    required: bool = False
    parallel: bool = False
    tools: bool = False
    """There are tools, callable now or not: words must not begin like a call."""
    open_calls: tuple[ToolCall, ...] = ()
    """Calls that must not be made again. None where a call is required: there would be nothing else to do."""

    @classmethod
    def of(cls, prompt: Prompt, text: str, most: int) -> Asked:
        """Raises `EngineError` (`invalid_tool`)."""
        tools = callable_tools(prompt)
        required = prompt.tool_choice == "required"
        if required and not tools:
            raise EngineError("no_tools", "A call is required, and there is no tool that could be called.")
        calls = tool_grammar(tools) if tools else None
        # Left to itself, a small model goes on to call whatever else there is.
        parallel = prompt.parallel_tool_calls is True
        waiting = () if required else open_calls(prompt.messages)
        return cls(text, most, prompt.spoken, calls, required, parallel, bool(prompt.tools), waiting)


def answer(server: Server, asked: Asked, emit: Emit) -> None:
    """The whole answer, part by part. Raises `EngineError`."""
    bill = _Bill()
    if asked.calls is not None and not asked.required:
        first = _look(server, asked.text, emit, bill)
        if first is None:
            return
        called = False
        if first.opens > CALL_UNLIKELY:
            second = _look(server, asked.text + OPENING, emit, bill)
            if second is None:
                return
            called = first.opens ** (1 / 3) * (1 - second.none) ** 2 > CALL_LIKELY
        if not called:
            _words(server, asked, emit, bill)
            return
    if asked.calls is None:
        _words(server, asked, emit, bill)
    else:
        _calls(server, asked, asked.calls, emit, bill)


def prefill(server: Server, text: str, slot: int | None, emit: Emit) -> None:
    """Compute `text` into the cache, of this slot if one is given; `emit` is told of the end by `Finished`."""
    sent = request(text, 0)
    if slot is not None:  # otherwise llama.cpp takes the one that knows most of the text
        sent["id_slot"] = slot
    _Stream(server, sent, emit, _Bill()).run()


def request(text: str, most: int) -> dict[str, object]:
    """What every call of the library is asked with."""
    return {
        "prompt": text,
        "n_predict": most,
        "temperature": 0,
        "stream": True,
        "return_progress": True,
        "cache_prompt": True,
    }


def _words(server: Server, asked: Asked, emit: Emit, bill: _Bill) -> None:
    # Greedy decoding of a small model may loop ("remove the wheel, remove the ..."): DRY ends that. It lets
    # 32 tokens repeat first, so that a telephone number or an address is read back as it was given.
    dry = {"dry_multiplier": 1.0, "dry_allowed_length": 32, "dry_penalty_last_n": 256}
    sent = request(asked.text, asked.most) | dry
    if asked.spoken or asked.tools:
        sent["grammar"] = SPOKEN if asked.spoken else WRITTEN
    _Stream(server, sent, emit, bill).run()


def _calls(server: Server, asked: Asked, calls: ToolGrammar, emit: Emit, bill: _Bill) -> None:
    """Calls, of which at least one is given out: it is tried again where only a check tells that one is not valid."""
    sent = request(asked.text + OPENING, asked.most) | {"grammar": calls.text(asked.parallel)}
    name = ""
    for attempt in range(TRIES):
        reader = CallReader(calls, emit, asked.open_calls)
        _Stream(server, sent, reader.on_part, bill).run()
        if reader.only_repeated:
            _words(server, asked, emit, bill)
            return
        if not reader.only_invalid:
            return
        name = reader.name
        sent |= {"temperature": attempt + 1.0, "seed": attempt, "top_p": 1.0, "min_p": 0.0}  # farther from it each time
    raise EngineError("invalid_arguments", f"The model wrote no valid arguments for the tool {name!r}.")


@dataclass(frozen=True, slots=True)
class _Look:
    """What the model would write next."""

    opens: float
    """The probability that it begins like a call."""
    none: float
    """That it is the word that stands for no tool."""


def _look(server: Server, text: str, emit: Emit, bill: _Bill) -> _Look | None:
    """None: nobody listens any more."""
    found: list[Sequence[_Logprob]] = []
    over = False

    def on_part(part: Part) -> bool:
        nonlocal over
        over = over or isinstance(part, Finished)
        return not isinstance(part, Prefilling) or emit(part)

    stream = _Stream(server, request(text, 1) | {"n_probs": PROBABILITIES}, on_part, bill)
    stream.on_probabilities = found.append
    stream.run()
    if not over:
        return None
    likely = [(each["token"], math.exp(each["logprob"])) for each in found[0]] if found else []
    opens = sum(chance for token, chance in likely if token[:1] in ("{", "<", "`"))
    none = sum(chance for token, chance in likely if token.strip().lower() == "none")
    return _Look(opens, none)


@dataclass(slots=True)
class _Bill:
    """What all calls of the library for one answer took: looks ahead and tries that were not valid count as well."""

    cached: int | None = None
    """Tokens of the prompt that were there before the first of them."""
    computed: int = 0
    """Tokens of prompts that were not."""
    written: int = 0

    def add(self, usage: _Usage) -> TokenUsage:
        """One more call has ended: the sum."""
        cached = usage["prompt_tokens_details"]["cached_tokens"]
        self.cached = cached if self.cached is None else self.cached
        self.computed += usage["prompt_tokens"] - cached
        self.written += usage["completion_tokens"]
        return TokenUsage(self.cached + self.computed, self.written, self.cached)


class _Stream:
    """One call of the library, whose chunks become parts. `bill`: of all calls for the same answer."""

    def __init__(self, server: Server, sent: dict[str, object], emit: Emit, bill: _Bill) -> None:
        self._server = server
        self._sent = sent
        self._emit = emit
        self._bill = bill
        self._prefilled: int | None = None
        self._failure: Exception | None = None
        self.on_probabilities: Callable[[Sequence[_Logprob]], None] = lambda _: None

    def run(self) -> None:
        """Raises `EngineError`."""
        try:
            self._server.handle_completions(self._sent, self._on_chunk)
        except Exception as failure:
            raise EngineError("engine_failed", "The language model failed.") from failure
        if self._failure is not None:
            raise self._failure

    def _on_chunk(self, chunk: Chunk) -> bool:
        """True stops the call."""
        if error := chunk.get("error"):
            self._failure = _failure(error)
        elif progress := chunk.get("prompt_progress"):
            before = progress["cache"] if self._prefilled is None else self._prefilled
            self._prefilled = progress["processed"]
            computed(max(0, self._prefilled - before))
            return not self._emit(Prefilling())
        else:
            return self._on_tokens(chunk)
        return True

    def _on_tokens(self, chunk: Chunk) -> bool:
        choice = chunk["choices"][0]
        if (found := choice.get("logprobs")) and found["content"]:
            self.on_probabilities(found["content"][0]["top_logprobs"])
        if not chunk.get("usage"):
            computed(1)
        if choice["text"] and not self._emit(TextDelta(choice["text"])):
            return True
        if usage := chunk.get("usage"):  # the last chunk
            tokens = self._bill.add(usage)
            return not self._emit(Finished("length" if choice["finish_reason"] == "length" else "stop", tokens))
        return False


def _failure(error: _Failure) -> Exception:
    if error.get("type") == "exceed_context_size_error":
        return EngineError("context_too_long", "The conversation is longer than the model's window.")
    return EngineError("engine_failed", "The language model failed.")

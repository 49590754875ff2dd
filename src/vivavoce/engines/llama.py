"""A local language model: llama.cpp inside this process, through xllamacpp.

Source: the xllamacpp package (MIT) and the completion API of llama.cpp's server, which it wraps.

`OMP_WAIT_POLICY=passive` has to be in the environment before xllamacpp is imported (the command line sees to it):
otherwise OpenMP's threads spin between tokens, and any other load on the cores slows generation twentyfold.

The library always opens an HTTP port of its own on 127.0.0.1. It cannot be turned off, so it gets a random key.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypedDict, TypeVar

from vivavoce.engines import chatml
from vivavoce.engines.bridge import Worker
from vivavoce.ports import EngineError, Finished, Message, Prompt, TextDelta, TokenUsage, Voice

_T = TypeVar("_T")
BATCH_TOKENS = 32
"""Prompt tokens computed in one go (about 0.5 s on two cores): what a cancel during prefill waits for, and what the
other answers wait for between two of their tokens. Larger batches were no faster per token on a CPU."""

SPOKEN_GRAMMAR = r"root ::= [^\x00-\x1f\x7f*#_`~^<>{}|\[\]\\\U00002190-\U00002BFF\U0000FE0F\U0001F000-\U0001FAFF]+"
"""Spoken text has no line breaks, no markdown marks, no arrows and no emoji. Costs under 1 % of generation speed."""


class _Choice(TypedDict):
    text: str
    finish_reason: str | None


class _Details(TypedDict):
    cached_tokens: int


class _Usage(TypedDict):
    prompt_tokens: int
    completion_tokens: int
    prompt_tokens_details: _Details


class _Progress(TypedDict):
    total: int


class _Failure(TypedDict, total=False):
    type: str
    message: str
    n_prompt_tokens: int


class _Chunk(TypedDict, total=False):
    """What the library hands to its callback: a token, the progress of the prefill, the end, or an error."""

    choices: list[_Choice]
    usage: _Usage
    prompt_progress: _Progress
    error: _Failure


class _Server(Protocol):
    """The one method of xllamacpp's `Server` that we use. It blocks; the callback returns True to stop it."""

    def handle_completions(self, request: dict[str, object], on_chunk: Callable[[_Chunk], bool]) -> None: ...


class _TooLong(Exception):
    """The prompt has `tokens` tokens, more than there is room for."""

    def __init__(self, tokens: int) -> None:
        super().__init__(tokens)
        self.tokens = tokens


@dataclass(frozen=True, slots=True)
class _Prefilling:
    """Some of the prompt has been computed. Only there so that a cancel is noticed during a prefill."""


class LlamaLlm:
    """Port `Llm`. One loaded model, `slots` answers at a time; more wait in line.

    `context` is the window of one answer in tokens (memory: `slots * context` tokens of KV cache, 28 KB each for
    Qwen2.5-1.5B), `limit` the longest answer, `threads` the cores it may use, `prompt_cache_mib` the memory that
    keeps the computed prefixes of conversations which have lost their slot.
    """

    def __init__(
        self,
        model: Path,
        *,
        name: str = "llama",
        slots: int = 4,
        context: int = 4096,
        limit: int = 1024,
        threads: int = 2,
        prompt_cache_mib: int = 512,
    ) -> None:
        self._name = name
        self._model = model
        self._slots = slots
        self._context = context
        self._limit = limit
        self._threads = threads
        self._prompt_cache_mib = prompt_cache_mib
        self._server: _Server | None = None
        self._next_slot = -1
        self._worker = Worker(name, slots)
        self._ahead = Worker(f"{name}-ahead", 1)  # prefills; apart from the answers, so that these can be counted
        self._answering = 0  # answers that run or wait in line; a warm-up gives way to them
        self._idle = asyncio.Event()
        self._idle.set()
        self._warming = asyncio.Lock()  # prefills ahead of time come one by one
        self._stopping: set[asyncio.Event] = set()  # native calls that nobody listens to, and that have not ended

    @property
    def name(self) -> str:
        return self._name

    @property
    def running(self) -> int:
        return self._worker.running + self._ahead.running

    @property
    def answering(self) -> int:
        """Of these, the calls that generate an answer, abandoned ones included; the others prefill ahead of one."""
        return self._worker.running

    async def start(self) -> None:
        """Load the model and generate a few tokens. Raises `EngineError` (`engine_unavailable`)."""
        if self._server is not None:
            return
        if not self._model.is_file():
            raise EngineError("engine_unavailable", f"The language model's file {self._model.name} is missing.")
        try:
            self._server = await self._worker.run(self._load)
        except EngineError:
            raise
        except Exception as failure:
            raise EngineError("engine_unavailable", "The language model could not be loaded.") from failure
        hello = Prompt("", (Message("user", ("Hello!",)),), spoken=True, voice=Voice(""), max_tokens=4)
        async with aclosing(self.generate(hello)) as answer:
            async for _ in answer:
                pass

    async def aclose(self) -> None:
        """Stop what runs and free the model."""
        await self._ahead.aclose()
        await self._worker.aclose()
        await asyncio.to_thread(self._unload)

    async def generate(self, prompt: Prompt) -> AsyncGenerator[TextDelta | Finished, None]:
        """The answer, token by token, decoded greedily; see `Llm.generate`.

        Raises `EngineError`: `context_too_long`, `engine_unavailable`, `engine_failed`.
        """
        most = min(prompt.max_tokens or self._limit, self._limit)
        room = self._room(most)
        density = chatml.TOKENS_PER_BYTE
        self._answering += 1
        self._idle.clear()
        try:
            await self._settled()
            while True:
                shortened = chatml.fit(prompt, room, density) if prompt.truncation == "auto" else prompt
                text = chatml.render(shortened)
                try:
                    async with aclosing(self._answer(text, most, room, prompt.spoken)) as parts:
                        async for part in parts:
                            yield part
                    return
                except _TooLong as too_long:  # only before the first token
                    if prompt.truncation == "disabled" or not chatml.can_shorten(shortened):
                        message = "The conversation is longer than the model's window."
                        raise EngineError("context_too_long", message) from None
                    density = max(density * 1.25, too_long.tokens / len(text.encode()))
        finally:
            self._answering -= 1
            if not self._answering:
                self._idle.set()

    async def warm(self, prompt: Prompt) -> None:
        """Prefill all that the next answer will share with `prompt`: its last user message counts as unfinished.

        Gives way to answers and goes on when there are none: what it has computed stays cached.
        """
        room = self._room(min(prompt.max_tokens or self._limit, self._limit))
        text = chatml.render_prefix(chatml.fit(prompt, room) if prompt.truncation == "auto" else prompt)
        async with self._warming:
            slot = self._new_place() if not prompt.messages else None
            done = False
            while not done:
                await self._idle.wait()
                await self._settled()
                try:
                    done = await self._prefill(text, room, slot)
                except _TooLong:
                    return

    def _room(self, most: int) -> int:
        """Tokens that a prompt may have when `most` may follow; a quarter of the window is enough to reserve."""
        return self._context - min(most, self._context // 4)

    def _new_place(self) -> int:
        """A slot for a conversation that begins, each in its turn: callers at once then each find a warm one."""
        self._next_slot = (self._next_slot + 1) % self._slots
        return self._next_slot

    async def _answer(
        self, text: str, most: int, room: int, spoken: bool
    ) -> AsyncGenerator[TextDelta | Finished, None]:
        request = self._request(text, most)
        if spoken:
            request["grammar"] = SPOKEN_GRAMMAR
        server = self._loaded()

        def produce(emit: Callable[[TextDelta | Finished | _Prefilling], bool]) -> None:
            answer = _Answer(emit, room)
            _complete(server, request, answer.on_chunk)
            answer.check()

        # The thread never waits for a slow listener: it would hold a place in line that the model no longer needs.
        ahead = most + room // BATCH_TOKENS + 8
        async with aclosing(self._native(self._worker, produce, ahead)) as parts:
            async for part in parts:
                if not isinstance(part, _Prefilling):
                    yield part

    async def _prefill(self, text: str, room: int, slot: int | None) -> bool:
        """Compute `text` into the cache. False: it gave way to an answer."""
        server, request = self._loaded(), self._request(text, 0)
        if slot is not None:  # otherwise llama.cpp takes the one that knows most of the text
            request["id_slot"] = slot

        def produce(emit: Callable[[_Prefilling | Finished], bool]) -> None:
            def give_way(part: TextDelta | Finished | _Prefilling) -> bool:
                return not self._answering and (isinstance(part, TextDelta) or emit(part))

            answer = _Answer(give_way, room)
            _complete(server, request, answer.on_chunk)
            answer.check()

        finished = False
        async with aclosing(self._native(self._ahead, produce, room // BATCH_TOKENS + 8)) as parts:
            async for part in parts:
                finished = finished or isinstance(part, Finished)
        return finished

    async def _settled(self) -> None:
        """Wait until abandoned calls have ended, a batch at most.

        Each still holds the place with the cache that the next call needs; it would get another one, and begin cold.
        """
        for over in list(self._stopping):
            await over.wait()
            self._stopping.discard(over)

    async def _native(
        self, worker: Worker, produce: Callable[[Callable[[_T], bool]], None], ahead: int
    ) -> AsyncGenerator[_T, None]:
        """`Worker.stream`, and a note of calls that go on when nobody listens any more."""
        loop, over, begun = asyncio.get_running_loop(), asyncio.Event(), False

        def call(emit: Callable[[_T], bool]) -> None:
            nonlocal begun
            begun = True
            try:
                produce(emit)
            finally:
                with suppress(RuntimeError):  # the loop is closed, and nobody waits
                    loop.call_soon_threadsafe(over.set)

        try:
            async with aclosing(worker.stream(call, ahead)) as parts:
                async for part in parts:
                    yield part
        finally:
            if begun and not over.is_set():
                self._stopping.add(over)

    def _request(self, text: str, most: int) -> dict[str, object]:
        return {
            "prompt": text,
            "n_predict": most,
            "temperature": 0,
            # Greedy decoding of a small model may loop ("remove the wheel, remove the ..."): DRY ends that. It lets
            # 32 tokens repeat first, so that a telephone number or an address is read back as it was given.
            "dry_multiplier": 1.0,
            "dry_allowed_length": 32,
            "dry_penalty_last_n": 256,
            "stream": True,
            "return_progress": True,
            "cache_prompt": True,
        }

    def _load(self) -> _Server:
        # Imported here and not above: it loads 100 MB and starts OpenMP, which reads its environment only once.
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(self._model)
        params.n_ctx = self._slots * self._context  # llama.cpp divides it by the slots
        params.n_parallel = self._slots
        params.n_batch = params.n_ubatch = BATCH_TOKENS
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = self._threads
        params.cache_ram_mib = self._prompt_cache_mib
        params.api_keys = [secrets.token_hex(32)]
        params.endpoint_slots = False
        params.ui = False
        params.verbosity = -1  # llama.cpp writes to stderr otherwise
        server: _Server = xllamacpp.Server(params)
        return server

    def _loaded(self) -> _Server:
        if self._server is None:
            raise EngineError("engine_unavailable", "The language model is not loaded.")
        return self._server

    def _unload(self) -> None:
        self._server = None  # the destructor joins the library's threads


class _Answer:
    """Turns the library's chunks of one call into parts, in the thread of that call."""

    def __init__(self, emit: Callable[[TextDelta | Finished | _Prefilling], bool], room: int) -> None:
        self._emit = emit
        self._room = room
        self._failure: Exception | None = None

    def on_chunk(self, chunk: _Chunk) -> bool:
        """True stops the call."""
        if error := chunk.get("error"):
            self._failure = _failure(error)
        elif progress := chunk.get("prompt_progress"):
            if progress["total"] > self._room:
                self._failure = _TooLong(progress["total"])
            else:
                return not self._emit(_Prefilling())
        else:
            return self._on_tokens(chunk)
        return True

    def check(self) -> None:
        """Raises what went wrong."""
        if self._failure is not None:
            raise self._failure

    def _on_tokens(self, chunk: _Chunk) -> bool:
        choice = chunk["choices"][0]
        if choice["text"] and not self._emit(TextDelta(choice["text"])):
            return True
        if usage := chunk.get("usage"):  # the last chunk
            cached = usage["prompt_tokens_details"]["cached_tokens"]
            tokens = TokenUsage(usage["prompt_tokens"], usage["completion_tokens"], cached)
            return not self._emit(Finished("length" if choice["finish_reason"] == "length" else "stop", tokens))
        return False


def _failure(error: _Failure) -> Exception:
    if error.get("type") == "exceed_context_size_error":
        return _TooLong(error["n_prompt_tokens"])
    return EngineError("engine_failed", "The language model failed.")


def _complete(server: _Server, request: dict[str, object], on_chunk: Callable[[_Chunk], bool]) -> None:
    try:
        server.handle_completions(request, on_chunk)
    except Exception as failure:
        raise EngineError("engine_failed", "The language model failed.") from failure

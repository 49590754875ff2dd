"""A local language model: llama.cpp inside this process, through xllamacpp.

Source: the xllamacpp package (MIT) and the completion API of llama.cpp's server, which it wraps.

`OMP_WAIT_POLICY=passive` has to be in the environment before xllamacpp is imported (the command line sees to it):
otherwise OpenMP's threads spin between tokens, and any other load on the cores slows generation twentyfold.

The library always opens an HTTP port of its own on 127.0.0.1. It cannot be turned off, so it gets a random key; we
only have tokens counted there.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from vivavoce.engines import chatml, window
from vivavoce.engines.bridge import Worker
from vivavoce.engines.calls import shown
from vivavoce.engines.crew import Crew
from vivavoce.engines.llama_answer import TRIES, Asked, Emit, Part, Prefilling, Server, answer, prefill
from vivavoce.engines.llama_tokens import TokenCounter
from vivavoce.engines.tool_grammar import refused
from vivavoce.ports import CallPart, EngineError, Finished, LlmFeature, Message, Prompt, TextDelta, Voice

_T = TypeVar("_T")
BATCH_TOKENS = 32
"""Prompt tokens computed in one go (about 0.5 s on two cores): what a cancel during prefill waits for, and what the
other answers wait for between two of their tokens. Larger batches were no faster per token on a CPU."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A model in memory, and its tokenizer."""

    server: Server
    tokens: TokenCounter


class LlamaLlm:
    """Port `Llm`. One loaded model, `slots` answers at a time; more wait in line.

    `context` is the window of one answer in tokens (memory: `slots * context` tokens of KV cache, 28 KB each for
    Qwen2.5-1.5B), `limit` the longest answer, `threads` the cores it may use, `prompt_cache_mib` the memory that
    keeps the computed prefixes of conversations which have lost their slot.
    """

    features: tuple[LlmFeature, ...] = ("window", "parallel_tool_calls", "tools")

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
        self._loaded: _Loaded | None = None
        self.refused = refused
        # What an answer may need is reserved, a quarter of the window at most. The same for every answer, whatever
        # its own limit: a conversation is then cut at the same place each time.
        self.room = context - min(limit, context // 4)
        """Tokens that a prompt may have."""
        self._next_slot = -1
        self._crew = Crew()
        self._worker = Worker(name, slots, self._crew)
        # Prefills are apart from the answers, so that these can be counted.
        self._ahead = Worker(f"{name}-ahead", 1, self._crew)
        self._counting = Worker(f"{name}-count", 1, self._crew)
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
        return self._worker.running + self._ahead.running + self._counting.running

    @property
    def answering(self) -> int:
        """Of these, the calls that generate an answer, abandoned ones included; the others prefill ahead of one."""
        return self._worker.running

    async def start(self) -> None:
        """Load the model and generate a few tokens. Raises `EngineError` (`engine_unavailable`)."""
        if self._loaded is not None:
            return
        if not self._model.is_file():
            raise EngineError("engine_unavailable", f"The language model's file {self._model.name} is missing.")
        try:
            with self._crew.hiring():
                self._loaded = await self._worker.run(self._load)
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
        await self._counting.aclose()
        await self._ahead.aclose()
        await self._worker.aclose()
        await asyncio.to_thread(self._unload)

    async def generate(self, prompt: Prompt) -> AsyncGenerator[TextDelta | CallPart | Finished, None]:
        """The answer, token by token, decoded greedily; see `Llm.generate`. It holds words or calls, not both.

        Raises `EngineError`: `context_too_long`, `engine_unavailable`, `engine_failed`; `invalid_tool`, a schema is
        one that no grammar can keep to; `no_tools`, a call is required and nothing may be called; `invalid_arguments`.
        """
        most = min(prompt.max_tokens or self._limit, self._limit)
        self._answering += 1
        self._idle.clear()
        try:
            fitted = await self.fitted(prompt)
            pictures = await self._picture_tokens(fitted)
            asked = Asked.of(prompt, chatml.render(fitted), most)
            await self._settled()
            async with aclosing(self._answer(asked)) as parts:
                async for part in parts:
                    if isinstance(part, Finished) and pictures:
                        part = replace(part, usage=replace(part.usage, image_tokens=pictures))
                    yield part
        finally:
            self._answering -= 1
            if not self._answering:
                self._idle.set()

    async def warm(self, prompt: Prompt) -> None:
        """Prefill all that the next answer will share with `prompt`: its last user message counts as unfinished.

        Gives way to answers and goes on when there are none: what it has computed stays cached.
        """
        turn = (*prompt.messages, Message("user", ()))  # what comes next: the conversation is cut for that
        try:
            text = chatml.render_prefix(await self.fitted(replace(prompt, messages=turn)))
        except EngineError as error:
            if error.code != "context_too_long":
                raise
            return  # the answer will say so
        async with self._warming:
            slot = self._new_place() if not prompt.messages else None
            done = False
            while not done:
                await self._idle.wait()
                await self._settled()
                done = await self._prefill(text, slot)

    async def fitted(self, prompt: Prompt) -> Prompt:
        """The part of the conversation that the model sees, every call with an output behind it.

        Raises `EngineError` (`context_too_long`).
        """
        prompt = replace(prompt, messages=shown(prompt.messages))
        parts = chatml.shares(prompt)
        # No token is shorter than a byte: what is short enough in bytes need not be counted.
        instructions, answer, *messages = (len(part.encode()) for part in parts)
        if sum(messages) > window.room_for(prompt, self.room - instructions - answer):
            tokens = self._library().tokens
            instructions, answer, *messages = await self._counting.run(tokens.counts, parts)
        return window.fit(prompt, messages, self.room - instructions - answer)

    async def _picture_tokens(self, prompt: Prompt) -> int:
        """Tokens of the words that stand for pictures, where they have not been cut off."""
        texts = [part for message in prompt.messages for part in message.content if isinstance(part, str)]
        there = [words for words in set(prompt.described) for text in texts for _ in range(text.count(words))]
        if not there:
            return 0
        counts = await self._counting.run(self._library().tokens.counts, [chatml.TURN + words for words in there])
        return sum(counts) - len(there)  # without the marks of a turn

    def _new_place(self) -> int:
        """A slot for a conversation that begins, each in its turn: callers at once then each find a warm one."""
        self._next_slot = (self._next_slot + 1) % self._slots
        return self._next_slot

    async def _answer(self, asked: Asked) -> AsyncGenerator[TextDelta | CallPart | Finished, None]:
        server = self._library().server

        def produce(emit: Emit) -> None:
            answer(server, asked, emit)

        # The thread never waits for a slow listener: it would hold a place in line that the model no longer needs.
        ahead = TRIES * (2 * asked.most + self.room // BATCH_TOKENS + 8)
        async with aclosing(self._native(self._worker, produce, ahead)) as parts:
            async for part in parts:
                if not isinstance(part, Prefilling):
                    yield part

    async def _prefill(self, text: str, slot: int | None) -> bool:
        """Compute `text` into the cache. False: it gave way to an answer."""
        server = self._library().server

        def produce(emit: Callable[[Part], bool]) -> None:
            def give_way(part: Part) -> bool:
                return not self._answering and (isinstance(part, TextDelta) or emit(part))

            prefill(server, text, slot, give_way)

        finished = False
        async with aclosing(self._native(self._ahead, produce, self.room // BATCH_TOKENS + 8)) as parts:
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

    def _load(self) -> _Loaded:
        # Imported here and not above: it loads 100 MB and starts OpenMP, which reads its environment only once.
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(self._model)
        params.n_ctx = self._slots * self._context  # llama.cpp divides it by the slots
        params.n_parallel = self._slots
        params.n_batch = params.n_ubatch = BATCH_TOKENS
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = self._threads
        params.cache_ram_mib = self._prompt_cache_mib
        params.api_keys = [key := secrets.token_hex(32)]
        params.endpoint_slots = False
        params.ui = False
        params.verbosity = -1  # llama.cpp writes to stderr otherwise
        server: Server = xllamacpp.Server(params)
        return _Loaded(server, TokenCounter(server.listening_address, key, chatml.TURN))

    def _library(self) -> _Loaded:
        if self._loaded is None:
            raise EngineError("engine_unavailable", "The language model is not loaded.")
        return self._loaded

    def _unload(self) -> None:
        self._loaded = None  # the destructor joins the library's threads

"""One session's conversation with a model that hears and speaks all the time: a `Dialogue` that nobody asks.

The model is given everything that the caller says, and silence where a client sends nothing, for its time is the time
of its input. What it says is cut into answers (`utterance.py`); when one begins, the core is told, and performs it like
any other answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import replace

from vivavoce.audio.pcm import Pcm
from vivavoce.core import effects as fx
from vivavoce.ports import (
    Dialogue,
    Duplex,
    DuplexStream,
    EngineError,
    Finished,
    Prompt,
    Responder,
    ResponsePart,
    SpokenAudio,
    SpokenText,
)
from vivavoce.runtime.guard import Timeouts, guarded, guarded_parts
from vivavoce.runtime.utterance import Mouth, Utterance

_log = logging.getLogger(__name__)
GAP_S = 0.25
"""A client that has sent nothing for so long is taken to be silent: more than a network's jitter, less than a pause."""
FRAME_MS = 80
"""The silence that the model is given then, at a time."""
MOST_BEHIND_MS = 3000
"""A model that is further behind loses the oldest: an answer that is later than this answers nothing any more."""
RECALLED_MS = 1000
"""What a model that begins to listen in the middle is given of the past: the beginning of the caller's turn."""
MOST_AHEAD_MS = 2000
"""A model that says more than it has been given time for is not listened to until the caller's time has come so far."""

FORGOTTEN = "The model has forgotten this conversation; it listens again from the caller's next turn on."


class Ear:
    """The caller's audio on its way to the model."""

    def __init__(self) -> None:
        self._pieces: deque[Pcm] = deque()
        self._ms = 0.0
        self._listened = False
        self._dropping = False
        self._something = asyncio.Event()
        self._silent_at = 0.0
        """When the next silence is due, on the loop's clock."""

    def hear(self, pcm: bytes) -> None:
        """More of the caller, 24 kHz."""
        piece = Pcm.from_bytes(pcm)
        self._pieces.append(piece)
        self._ms += piece.ms
        if not self._listened:
            self._trim(RECALLED_MS)
        elif self._ms > MOST_BEHIND_MS:
            if not self._dropping:
                _log.warning("the model is %d ms behind: the oldest of what its caller says is dropped", self._ms)
            self._dropping = True
            self._trim(MOST_BEHIND_MS)
        self._something.set()

    def begin(self) -> None:
        """The model listens from now on, and is told the last of what was said before."""
        self._trim(RECALLED_MS)
        self._listened = True
        self._dropping = False
        self._silent_at = asyncio.get_running_loop().time() + GAP_S

    def end(self) -> None:
        """The model does not listen any more."""
        self._listened = False

    async def next(self) -> Pcm:
        """The caller's next audio, or silence while the client sends nothing."""
        try:
            async with asyncio.timeout_at(self._silent_at):
                await self._something.wait()
        except TimeoutError:
            self._silent_at += FRAME_MS / 1000
            return Pcm.silence(FRAME_MS)
        self._silent_at = asyncio.get_running_loop().time() + GAP_S
        piece = self._pieces.popleft()
        self._ms -= piece.ms
        if not self._pieces:
            self._dropping = False
            self._something.clear()
        return piece

    def _trim(self, ms: float) -> None:
        while self._ms > ms and len(self._pieces) > 1:
            self._ms -= self._pieces.popleft().ms


class Conversing:
    """The answers of a model that speaks by itself."""

    def __init__(self, duplex: Duplex, timeouts: Timeouts, tell: Callable[[fx.Speaks], Sequence[fx.AnyOutput]]) -> None:
        self._duplex = duplex
        self._timeouts = timeouts
        self._tell = tell
        self._ear = Ear()
        self._mouth = Mouth()
        self._utterance: Utterance | None = None
        """The latest."""
        self._listening = False
        self._tried = False
        """It was to listen once before: to the session's first audio, whatever that was."""
        self._owed = False
        """The caller has begun a turn since then: where nobody listens, that is said."""
        self._given_ms = self._said_ms = 0.0
        """How far the caller's time has come, and the model's."""
        self._time_passes = asyncio.Event()

    def begin(self, command: fx.Converse, group: asyncio.TaskGroup) -> None:
        """The model shall listen, if it does not: to the session's first audio, and to each turn."""
        self._owed = self._tried
        self._tried = True
        if not self._listening:
            self._listening = True
            group.create_task(self._converse(command))

    def hear(self, pcm: bytes) -> None:
        """What the caller says, 24 kHz."""
        self._ear.hear(pcm)

    def hush(self) -> None:
        """The answer in progress is not wanted any more: the model is not heard until it has finished with it."""
        if self._utterance is not None:
            self._utterance.drop()

    # --- as a dialogue ---

    def respond(self, prompt: Prompt) -> AsyncGenerator[ResponsePart, None]:
        """What the model has begun to say, whatever the prompt. Raises `EngineError`."""
        assert self._utterance is not None, "nobody asks a model that speaks by itself"
        return self._utterance.parts()

    async def warm(self, prompt: Prompt) -> None:
        """Nothing can be prepared: the model is never asked."""

    async def aclose(self) -> None:
        """The conversation has ended with the session's tasks."""

    # --- inside ---

    async def _converse(self, command: fx.Converse) -> None:
        self._mouth = Mouth()
        self._given_ms = self._said_ms = 0.0
        self._ear.begin()
        try:
            async with self._stream(command) as stream, asyncio.TaskGroup() as group:
                group.create_task(self._feed(stream))
                await self._follow(stream)
        except* EngineError as errors:
            fault = errors.exceptions[0]
            assert isinstance(fault, EngineError)
            self._ear.end()
            _log.warning("a conversation with the model was lost: %s", fault.message)
            # The first audio may be the beginning of a turn, which tries again: of one turn it is said once.
            if self._owed or self._given_ms:
                await self._lost(fault)
        finally:
            self._listening = False

    @asynccontextmanager
    async def _stream(self, command: fx.Converse) -> AsyncIterator[DuplexStream]:
        limits = self._timeouts
        stream = await guarded(_conversation(self._duplex, command), limits.first_part_s, "model")
        try:
            yield stream
        finally:
            with suppress(EngineError):  # it is over in any case; what is odd has been logged
                await guarded(stream.aclose(), limits.next_part_s, "model")

    async def _feed(self, stream: DuplexStream) -> None:
        while True:
            piece = await self._ear.next()
            await guarded(stream.push(piece), self._timeouts.first_part_s, "model")
            self._given_ms += piece.ms
            self._time_passes.set()

    async def _follow(self, stream: DuplexStream) -> None:
        limits = self._timeouts
        parts = guarded_parts(_parts(stream), limits.first_part_s, limits.next_part_s, "model")
        async with aclosing(parts):
            async for part in parts:
                if isinstance(part, SpokenAudio):
                    await self._in_time(part.audio.ms)
                await self._said(part)
        raise EngineError("engine_failed", "The model has ended the conversation.")

    async def _in_time(self, ms: float) -> None:
        self._said_ms += ms
        while self._said_ms > self._given_ms + MOST_AHEAD_MS:
            self._time_passes.clear()
            await self._time_passes.wait()

    async def _said(self, part: SpokenAudio | SpokenText) -> None:
        utterance = self._utterance
        if self._mouth.speaking and utterance is not None:
            if not utterance.over.is_set():
                await utterance.put(part)
                if self._mouth.ends(part):
                    utterance.end(Finished())
                return
            self._mouth.hush()
        if begun := self._mouth.begins(part):
            utterance = await self._offer()
            for each in begun:
                await utterance.put(each)

    async def _offer(self) -> Utterance:
        """Another answer, once the one before has been performed."""
        if self._utterance is not None:
            await self._utterance.over.wait()
        utterance = self._utterance = Utterance()
        outputs = self._tell(fx.Speaks())
        if not any(isinstance(output, fx.StartResponse) for output in outputs):
            utterance.drop()  # refused, and the client knows why
        return utterance

    async def _lost(self, error: EngineError) -> None:
        """The conversation has broken off: the answer in progress fails, or one that says so."""
        if self._given_ms:
            error = EngineError(error.code, f"{error.message} {FORGOTTEN}")
        utterance = self._utterance
        if utterance is None or utterance.ended or utterance.over.is_set():
            utterance = await self._offer()
        utterance.end(error)


async def _conversation(duplex: Duplex, command: fx.Converse) -> DuplexStream:
    return duplex.converse(command.voice, command.instructions)


async def _parts(stream: DuplexStream) -> AsyncGenerator[SpokenAudio | SpokenText, None]:
    async with aclosing(stream.listen()) as parts:
        async for part in parts:
            yield part


def patience(limits: Timeouts) -> Timeouts:
    """For the answers of a model that speaks by itself: until what is watched here has failed for sure, and said so.

    The model may be waited for, then what it is given, then its goodbye; an answer that gave up before would fail, and
    the conversation once more.
    """
    return replace(limits, next_part_s=limits.first_part_s + 2 * limits.next_part_s)


def opened(
    responder: Responder | Duplex, timeouts: Timeouts, tell: Callable[[fx.Speaks], Sequence[fx.AnyOutput]]
) -> Dialogue:
    """A new session's answers, by a model of either kind."""
    return Conversing(responder, timeouts, tell) if isinstance(responder, Duplex) else responder.open()

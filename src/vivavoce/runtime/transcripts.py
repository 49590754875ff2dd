"""The words of the caller's items: each turn is transcribed once, for the captions and the answer alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass

from vivavoce.audio.pcm import Pcm
from vivavoce.core.effects import Hypothesis, Transcribe, TranscriptMissing, TranscriptReady
from vivavoce.ports import Asr, AsrHint, EngineError, Transcript
from vivavoce.runtime.guard import Timeouts, guarded_parts

LOOK_WHILE_RUNNING = 0
PAUSE_WHILE_RUNNING = 1
"""Transcriptions that may run while a tentative one begins: none for a look at a turn that goes on."""


@dataclass(slots=True)
class _Work:
    command: Transcribe
    task: asyncio.Task[str | EngineError]


class Transcripts:
    """One session's transcriptions in progress.

    A tentative one begins in a pause. If the turn ends there, its result is the turn's; if the caller goes on, it is
    cancelled and forgotten. While the engine is busy there are none: they are only worth idle time.
    """

    def __init__(
        self,
        asr: Asr,
        timeouts: Timeouts,
        group: asyncio.TaskGroup,
        tell: Callable[[Hypothesis | TranscriptReady | TranscriptMissing], object],
        speculate: bool,
    ) -> None:
        self._asr = asr
        self._timeouts = timeouts
        self._group = group
        self._tell = tell
        self._speculate = speculate
        self._work: dict[str, _Work] = {}

    def perform(self, command: Transcribe) -> None:
        """Begin, or adopt what was begun in the pause."""
        if command.tentative and not self._worth_it(command):
            return
        work = self._work.get(command.item_id)
        if work is None or command.voice_end is None or work.command.voice_end != command.voice_end:
            self._forget_tentative()
            work = _Work(command, self._group.create_task(self._text(command)))
            self._work[command.item_id] = work
        work.command = command
        self._group.create_task(self._suppose(work) if command.tentative else self._deliver(work))

    def _worth_it(self, command: Transcribe) -> bool:
        busy = PAUSE_WHILE_RUNNING if command.voice_end is not None else LOOK_WHILE_RUNNING
        return self._speculate and self._asr.running <= busy

    def _forget_tentative(self) -> None:
        for item_id in [item_id for item_id, work in self._work.items() if work.command.tentative]:
            self._work.pop(item_id).task.cancel()

    def reader(self, item_id: str, known: str | None) -> Callable[[], Awaitable[str]]:
        """How an answer gets the words of an item: those that are known, or those on their way.

        An item whose transcription failed earlier has no words; only the answer to that very turn fails with it.
        """
        work = self._work.get(item_id)
        if known is not None or work is None:
            return _constant(known or "")
        task = work.task

        async def read() -> str:
            return _words(await asyncio.shield(task))

        return read

    async def _suppose(self, work: _Work) -> None:
        text = await asyncio.shield(work.task)
        if isinstance(text, str) and work.command.tentative:
            self._tell(Hypothesis(item_id=work.command.item_id, text=text))

    async def _deliver(self, work: _Work) -> None:
        command = work.command
        try:
            text = _words(await asyncio.shield(work.task))
        except EngineError as error:
            self._tell(TranscriptMissing(item_id=command.item_id, code=error.code, message=error.message))
        else:
            seconds = Pcm.from_bytes(command.pcm).ms / 1000
            self._tell(TranscriptReady(item_id=command.item_id, text=text, seconds=round(seconds, 3)))
        finally:
            if self._work.get(command.item_id) is work:
                del self._work[command.item_id]

    async def _text(self, command: Transcribe) -> str | EngineError:
        """The words. A fault is returned: who waits for the words raises it, and nobody may be waiting."""
        try:
            return await self._recognise(command)
        except EngineError as error:
            return error

    async def _recognise(self, command: Transcribe) -> str:
        limit = self._timeouts.transcript_s
        text = ""
        async with aclosing(guarded_parts(self._results(command), limit, limit, "speech recognition")) as in_time:
            async for transcript in in_time:
                text = transcript.text
        return text.strip()

    async def _results(self, command: Transcribe) -> AsyncGenerator[Transcript, None]:
        hint = AsrHint(
            language=command.hint.language if command.hint else None,
            prompt=(command.hint.prompt or "") if command.hint else "",
            telephone=command.telephone,
            quick=command.tentative and command.voice_end is None,
        )
        async with aclosing(self._asr.transcribe(_once(Pcm.from_bytes(command.pcm)), hint)) as results:
            async for transcript in results:
                yield transcript


async def _once(pcm: Pcm) -> AsyncIterator[Pcm]:
    yield pcm


def _constant(text: str) -> Callable[[], Awaitable[str]]:
    async def read() -> str:
        return text

    return read


def _words(result: str | EngineError) -> str:
    if isinstance(result, EngineError):
        raise result
    return result

"""The words of the caller's items: each turn is transcribed once, for the captions and the answer alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from msgspec import UNSET

from vivavoce.audio.level import quiet_point
from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.core.effects import Hypothesis, Transcribe, TranscriptMissing, TranscriptReady
from vivavoce.ports import Asr, AsrHint, EngineError, TokenLogprob, Transcript, spend, working_as
from vivavoce.protocol import transcripts as wire
from vivavoce.protocol.session import Transcription
from vivavoce.runtime.guard import Timeouts, guarded_parts
from vivavoce.runtime.languages import Languages

LOOK_WHILE_RUNNING = 0
PAUSE_WHILE_RUNNING = 1
"""Transcriptions that may run while a tentative one begins: none for a look at a turn that goes on."""
PATIENCE_S = 1.0
"""Looks for captions give way as well, for the final words of others matter more. But their client asked for them:
when they have given way for this long they do so no more."""
_SETTLED = 0.5, 0.9
"""The quiet place up to which words are settled lies between these parts of the audio."""


@dataclass(slots=True)
class _Work:
    command: Transcribe
    audio: Pcm
    """What of the command's is read."""
    task: asyncio.Task[Transcript | EngineError]


class Transcripts:
    """One session's transcriptions in progress.

    A tentative one begins in a pause. If the turn ends there, its result is the turn's; if the caller goes on, it is
    cancelled and forgotten. While the engine is busy there are none: they are only worth idle time.
    A look at a turn that goes on never waits for anything: one that finds the engine at work is left out, and the next
    one hears more. So the looks of all sessions take one of the engine's threads together, and where it has a second
    one, the final words of others wait for a look only on a machine so busy that `PATIENCE_S` matters.
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
        self._clock = asyncio.get_running_loop().time
        self._look: _Work | None = None
        """The latest look at a turn that goes on."""
        self.languages = Languages()
        """Those of the turns whose words are known."""
        self._put_off: float | None = None
        """Since when there was no time for one."""

    def perform(self, command: Transcribe) -> None:
        """Begin, or adopt what was begun in the pause."""
        if command.tentative and command.voice_end is None:
            if self._may_look(command):
                self._look = self._begin(command)
                self._group.create_task(self._suppose(self._look))
            return
        if command.tentative and not (self._speculate and self._asr.running <= PAUSE_WHILE_RUNNING):
            return
        if self._look is not None:
            self._look.task.cancel()
        work = self._work.get(command.item_id)
        if work is None or command.voice_end is None or work.command.voice_end != command.voice_end:
            self._forget_tentative()
            work = self._begin(command)
            self._work[command.item_id] = work
        work.command = command
        self._group.create_task(self._suppose(work) if command.tentative else self._deliver(work))

    def _begin(self, command: Transcribe) -> _Work:
        audio = _audio(command)
        return _Work(command, audio, self._group.create_task(self._text(command, audio)))

    def _may_look(self, command: Transcribe) -> bool:
        going_on = [work for work in (self._look, *self._work.values()) if work and work.command.tentative]
        if not (command.captions or self._speculate) or any(not work.task.done() for work in going_on):
            return False
        now = self._clock()
        if self._asr.running > LOOK_WHILE_RUNNING:
            self._put_off = now if self._put_off is None else self._put_off
            if not command.captions or now - self._put_off < PATIENCE_S:
                return False
        self._put_off = None
        return True

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
            heard = _whole(await asyncio.shield(task))
            if not work.command.tentative:
                self._remember(work.command, heard)
            return heard.text

        return read

    def _remember(self, command: Transcribe, heard: Transcript) -> None:
        self.languages.tell(command.item_id, heard, command.hint.language if command.hint else None)

    async def _suppose(self, work: _Work) -> None:
        heard = await asyncio.shield(work.task)
        command = work.command
        if isinstance(heard, Transcript) and command.tentative:
            self._tell(
                Hypothesis(
                    item_id=command.item_id,
                    text=heard.text,
                    start=command.start,
                    end=command.start + len(work.audio.samples),
                    voice_end=command.voice_end,
                    settle=command.settle,
                    logprobs=_logprobs(heard),
                )
            )

    async def _deliver(self, work: _Work) -> None:
        command = work.command
        try:
            heard = _whole(await asyncio.shield(work.task))
            self._remember(command, heard)
        except EngineError as error:
            self._tell(TranscriptMissing(item_id=command.item_id, code=error.code, message=error.message))
        else:
            self._tell(
                TranscriptReady(
                    item_id=command.item_id,
                    text=heard.text,
                    seconds=round(Pcm.from_bytes(command.pcm).ms / 1000, 3),
                    language=heard.language,
                    logprobs=_logprobs(heard),
                )
            )
        finally:
            if self._work.get(command.item_id) is work:
                del self._work[command.item_id]

    async def _text(self, command: Transcribe, audio: Pcm) -> Transcript | EngineError:
        """The words. A fault is returned: who waits for the words raises it, and nobody may be waiting."""
        try:
            return await self._recognise(command, audio)
        except EngineError as error:
            return error

    async def _recognise(self, command: Transcribe, audio: Pcm) -> Transcript:
        working_as("asr")
        spend(requests=1, samples=len(audio.samples))
        limit = self._timeouts.transcript_s
        heard = Transcript("")
        parts = guarded_parts(self._results(command, audio), limit, limit, "speech recognition")
        async with aclosing(parts) as in_time:
            async for transcript in in_time:
                heard = transcript
        return replace(heard, text=heard.text.strip())

    async def _results(self, command: Transcribe, audio: Pcm) -> AsyncGenerator[Transcript, None]:
        async with aclosing(self._asr.transcribe(_once(audio), _hint(command))) as results:
            async for transcript in results:
                yield transcript


def _audio(command: Transcribe) -> Pcm:
    """All of it, or what is to be settled."""
    pcm = Pcm.from_bytes(command.pcm)
    if not command.settle:
        return pcm
    earliest, latest = (pcm.ms * part for part in _SETTLED)
    return Pcm(pcm.samples[: quiet_point(pcm, earliest, latest)], WIRE_RATE)


def _hint(command: Transcribe) -> AsrHint:
    given = command.hint or Transcription("")
    return AsrHint(
        language=given.language,
        prompt=given.prompt or "",
        keywords=() if given.keywords is UNSET else given.keywords,
        languages=() if given.languages is UNSET else given.languages,
        logprobs=command.logprobs,
        telephone=command.telephone,
        quick=command.tentative and command.voice_end is None,
    )


def _logprobs(heard: Transcript) -> tuple[wire.TokenLogprob, ...]:
    return tuple(_logprob(each) for each in heard.logprobs)


def _logprob(token: TokenLogprob) -> wire.TokenLogprob:
    text = token.data.decode(errors="replace")
    return wire.TokenLogprob(token=text, bytes=tuple(token.data), logprob=token.logprob)


async def _once(pcm: Pcm) -> AsyncIterator[Pcm]:
    yield pcm


def _constant(text: str) -> Callable[[], Awaitable[str]]:
    async def read() -> str:
        return text

    return read


def _whole(result: Transcript | EngineError) -> Transcript:
    if isinstance(result, EngineError):
        raise result
    return result

"""Runs one session: feeds the core, performs its commands, and lets nothing outlive the connection."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from msgspec import UNSET
from msgspec.structs import replace

from vivavoce.audio.pcm import Pcm
from vivavoce.core import effects as fx
from vivavoce.core.session import Session
from vivavoce.ports import Asr, EngineError, Responder, TurnDetector, Vad
from vivavoce.protocol import client as c
from vivavoce.protocol import server as wire
from vivavoce.protocol.codec import binary_refused, decode
from vivavoce.protocol.errors import ProtocolError
from vivavoce.protocol.items import ClientItem, InputAudio, ItemReference
from vivavoce.runtime.connection import Connection
from vivavoce.runtime.guard import Timeouts, guarded
from vivavoce.runtime.listener import Listener
from vivavoce.runtime.observer import Observer, Unobserved
from vivavoce.runtime.outbox import Outbox
from vivavoce.runtime.responses import Responses
from vivavoce.runtime.timeline import Stopwatch
from vivavoce.runtime.transcripts import Transcripts
from vivavoce.runtime.wire_audio import Decoder, decode_whole, encode_whole, pieces

_log = logging.getLogger(__name__)


class Recorder(Protocol):
    """Writes down what a session was told and what it answered."""

    def record(self, now: float, event: fx.Input, outputs: Sequence[fx.Output]) -> None:
        """One step."""


@dataclass(frozen=True, slots=True)
class EngineSet:
    """The loaded engines that all sessions share."""

    vad: Vad
    asr: Asr
    responder: Responder
    turn: TurnDetector | None = None
    speculate: bool = True
    """Transcribe and prefill while a turn may still go on: sooner answers, for work that is sometimes in vain."""
    timeouts: Timeouts = field(default_factory=Timeouts)


class _Gone(Exception):
    """The connection is over; everything that belongs to it must end."""


class Runner:
    """One session on one connection."""

    def __init__(
        self,
        session: Session,
        connection: Connection,
        engines: EngineSet,
        observer: Observer | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self._session = session
        self._connection = connection
        self._engines = engines
        self._observer = observer or Unobserved()
        self._recorder = recorder
        self._clock = asyncio.get_running_loop().time
        self._outbox = Outbox(connection)
        self._listener = Listener(engines.vad)
        self._stopwatch = Stopwatch(self._observer)
        self._decoder = Decoder(session.settings.audio.input.format)
        self._estimating: asyncio.Task[None] | None = None
        self._rescheduled = asyncio.Event()
        self._deadline = session.deadline()

    async def run(self) -> None:
        """Until the client goes or the session closes. Nothing it started is left running."""
        session_id = self._session.settings.id
        self._observer.session_started(session_id)
        try:
            async with asyncio.TaskGroup() as group:
                self._open(group)
                group.create_task(self._send())
                group.create_task(self._receive())
                group.create_task(self._tick())
        except* _Gone as gone:
            traceback.clear_frames(gone.__traceback__)  # they hold the session, see `_forget`
        except* Exception:
            # What is neither the client's fault nor an engine's is a bug: it ends this session, and no other.
            _log.exception("session %s failed", session_id)
            await self._connection.close(1011, "internal error")
        finally:
            self._observer.session_ended(session_id)
            self._forget()

    def _forget(self) -> None:
        """Undo the cycles between the runner and what calls it back: a session's memory is free at once, and not
        when the garbage collector comes round."""
        for name in ("_group", "_responses", "_transcripts"):
            self.__dict__.pop(name, None)

    def stop(self, code: int, reason: str) -> None:
        """Close the connection once what was said before is out: the server shuts down."""
        self._outbox.close(code, reason)

    def _open(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        limits = self._engines.timeouts
        self._transcripts = Transcripts(self._engines.asr, limits, group, self._handle, self._engines.speculate)
        self._responses = Responses(
            self._engines.responder, limits, group, self._outbox, self._transcripts, self._handle
        )
        self._perform_all(self._session.start(), self._clock())

    # --- the wire ---

    async def _send(self) -> None:
        await self._outbox.run()
        raise _Gone

    async def _receive(self) -> None:
        while (frame := await self._connection.receive()) is not None:
            try:
                if isinstance(frame, bytes):
                    raise binary_refused()
                event = decode(frame)
            except ProtocolError as error:
                self._handle(
                    fx.BadFrame(code=error.code, message=error.message, param=error.param, event_id=error.event_id)
                )
            else:
                await self._client(event)
            await self._outbox.drained()
        raise _Gone

    async def _client(self, event: c.AnyClientEvent) -> None:
        match event:
            case c.InputAudioBufferAppend():
                await self._append(event)
            case c.InputAudioBufferCommit():
                if rest := self._decoder.flush():
                    self._handle(fx.AudioIn(pcm=rest))
                self._handle(event)
            case c.InputAudioBufferClear():
                self._decoder.flush()
                self._handle(event)
            case c.ConversationItemCreate():
                self._handle(replace(event, item=await self._decoded(event.item)))
            case c.ResponseCreate(response=c.ResponseParams(input=list() as given) as params):
                decoded = [item if isinstance(item, ItemReference) else await self._decoded(item) for item in given]
                self._handle(replace(event, response=replace(params, input=decoded)))
            case _:
                self._handle(event)

    async def _append(self, event: c.InputAudioBufferAppend) -> None:
        wire_format = self._session.settings.audio.input.format
        if self._decoder.format != wire_format:
            self._decoder = Decoder(wire_format)
        for piece in pieces(event.audio):
            heard = self._handle(fx.AudioIn(pcm=self._decoder.decode(piece), event_id=event.event_id))
            if any(isinstance(output, wire.ErrorEvent) for output in heard):
                return
            await asyncio.sleep(0)  # so that other sessions get their turn while a long one is heard

    async def _decoded(self, item: ClientItem) -> ClientItem:
        wire_format = self._session.settings.audio.input.format
        content = [
            replace(part, audio=await decode_whole(wire_format, part.audio))
            if isinstance(part, InputAudio) and isinstance(part.audio, bytes)
            else part
            for part in item.content
        ]
        return replace(item, content=content)

    # --- the core ---

    def _handle(self, event: fx.Input) -> list[fx.Output]:
        now = self._clock()
        self._stopwatch.input(event, now)
        outputs: list[fx.Output] = []
        try:
            outputs = self._session.handle(event, now)
        finally:
            # Also when the core has a bug: the input that broke it is the one that everybody will ask for.
            if self._recorder is not None:
                self._recorder.record(now, event, outputs)
        self._perform_all(outputs, now)
        if self._session.deadline() != self._deadline:
            self._deadline = self._session.deadline()
            self._rescheduled.set()
        return outputs

    def _perform_all(self, outputs: Sequence[fx.Output], now: float) -> None:
        for output in outputs:
            self._stopwatch.output(output, now)
            if isinstance(output, wire.ServerEvent):
                self._tell(output)
            else:
                self._perform(output)

    def _tell(self, event: wire.ServerEvent) -> None:
        self._observer.event_sent(str(type(event).__struct_config__.tag))
        if isinstance(event, wire.ErrorEvent):
            self._observer.error(event.error.code)
        if isinstance(event, wire.ConversationItemRetrieved):
            event = self._encoded_item(event)
        self._outbox.put(event)

    def _encoded_item(self, event: wire.ConversationItemRetrieved) -> wire.ConversationItemRetrieved:
        wire_format = self._session.settings.audio.input.format
        content = tuple(
            replace(part, audio=encode_whole(wire_format, part.audio))
            if isinstance(part, InputAudio) and part.audio is not UNSET
            else part
            for part in event.item.content
        )
        return replace(event, item=replace(event.item, content=content))

    def _perform(self, command: fx.Command) -> None:
        match command:
            case fx.Listen():
                for likelihood in self._listener.hear(command):
                    self._handle(likelihood)
            case fx.EstimateTurn():
                self._estimate(command)
            case fx.Transcribe():
                self._transcripts.perform(command)
            case fx.Warm():
                self._responses.warm(command)
            case fx.StartResponse():
                self._responses.start(command)
            case fx.CancelResponse():
                self._responses.cancel(command.response_id)
            case fx.Close():
                self._outbox.close(command.code, command.reason)

    def _estimate(self, command: fx.EstimateTurn) -> None:
        if self._estimating is not None:
            self._estimating.cancel()
        self._estimating = self._group.create_task(self._ask(command))

    async def _ask(self, command: fx.EstimateTurn) -> None:
        if self._engines.turn is None:
            return
        call = self._engines.turn.finished(Pcm.from_bytes(command.pcm))
        try:
            probability = await guarded(call, self._engines.timeouts.turn_s, "turn detector")
        except EngineError as error:
            # The core waits the longest time that the eagerness allows: slower, never wrong.
            _log.warning("turn detector: %s", error.message)
        else:
            self._handle(fx.TurnEstimate(at=command.at, probability=probability))

    async def _tick(self) -> None:
        while True:
            self._rescheduled.clear()
            try:
                async with asyncio.timeout_at(self._deadline):
                    await self._rescheduled.wait()
            except TimeoutError:
                self._handle(fx.Tick())

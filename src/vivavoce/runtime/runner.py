"""Runs one session: feeds the core, performs its commands, and lets nothing outlive the connection."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Protocol

from msgspec.structs import replace

from vivavoce.core import effects as fx
from vivavoce.ports import (
    Account,
    Asr,
    Dialogue,
    Duplex,
    ImageFetcher,
    ImageReader,
    NoiseReducer,
    Responder,
    ToolServers,
    TurnDetector,
    Vad,
    charged,
)
from vivavoce.protocol import server as wire
from vivavoce.protocol import translation
from vivavoce.protocol.client import InputAudioBufferAppend
from vivavoce.protocol.codec import encode
from vivavoce.protocol.session import AudioFormat
from vivavoce.runtime.connection import Connection
from vivavoce.runtime.core import AnyEvent, Core
from vivavoce.runtime.duplex import Conversing, opened, patience
from vivavoce.runtime.estimates import Estimates
from vivavoce.runtime.guard import Timeouts
from vivavoce.runtime.images import Images, Sight
from vivavoce.runtime.line import Attention, Line, appended_to_a_call, play, room
from vivavoce.runtime.listener import Listener
from vivavoce.runtime.locks import UNLOCKED, Locks
from vivavoce.runtime.noise import Cleaner
from vivavoce.runtime.observer import Observer, Unobserved
from vivavoce.runtime.responses import Responses
from vivavoce.runtime.seat import Seat
from vivavoce.runtime.timeline import Stopwatch
from vivavoce.runtime.tools import Tools
from vivavoce.runtime.transcripts import Transcripts
from vivavoce.runtime.wire_audio import encoded_item

_log = logging.getLogger(__name__)


class Recorder(Protocol):
    """Writes down what a session was told and what it answered."""

    def record(self, now: float, event: fx.AnyInput, outputs: Sequence[fx.AnyOutput]) -> None:
        """One step."""


@dataclass(frozen=True, slots=True)
class EngineSet:
    """The loaded engines that all sessions share."""

    vad: Vad
    asr: Asr
    responder: Responder | Duplex
    turn: TurnDetector | None = None
    noise: NoiseReducer | None = None
    reader: ImageReader | None = None
    fetcher: ImageFetcher | None = None
    tools: ToolServers | None = None
    speculate: bool = True
    """Transcribe and prefill while a turn may still go on: sooner answers, for work that is sometimes in vain."""
    timeouts: Timeouts = field(default_factory=Timeouts)


_PRIVATE = wire.ErrorEvent | wire.ConversationItemRetrieved | wire.SessionCreated | translation.SessionCreated
"""What only the client gets that asked for it, or did it wrong. Everything else concerns all of them."""
MOST_CLIENTS = 16
"""Of one session. Each that joins may hold up to `JOINED_BYTES`."""
OVER = "The session has ended."


class _Gone(Exception):
    """The caller is gone; everything that belongs to the session must end."""


class Runner:
    """One session: its caller's connection, and those that join it."""

    def __init__(
        self,
        session: Core,
        connection: Connection,
        engines: EngineSet,
        observer: Observer | None = None,
        recorder: Recorder | None = None,
        locks: Locks = UNLOCKED,
        line: Line | None = None,
        account: Account | None = None,
    ) -> None:
        self._account = account
        """Who the work of the engines is for."""
        self._line = line
        self._session = session
        self._engines = engines
        self.refused = engines.responder.refused
        """Why the language model cannot call a tool."""
        self._observer = observer or Unobserved()
        self._recorder = recorder
        self._clock = asyncio.get_running_loop().time
        self._caller = Seat(connection, self, locks)
        self._seats = [self._caller]
        self._ending = 1000, OVER
        """Close code and reason; those that `stop` was given first."""
        self._ended = asyncio.Event()
        self._listener = Listener(engines.vad, account)
        self._stopwatch = Stopwatch(self._observer)
        self._rescheduled = asyncio.Event()
        self._deadline = session.deadline()

    async def run(self) -> None:
        """Until the caller goes or the session closes. Nothing it started is left running."""
        session_id = self._session.settings.id
        self._observer.session_started(session_id)
        try:
            opening = opened(self._engines.responder, self._engines.timeouts, self._handle)
            async with aclosing(opening) as dialogue, asyncio.TaskGroup() as group:
                self._open(group, dialogue)
                group.create_task(self._tick())
                await self._caller.run()
                self.stop(1000, OVER)
                raise _Gone
        except* _Gone as gone:
            traceback.clear_frames(gone.__traceback__)  # they hold the session, see `_forget`
        except* Exception:
            # What is neither the client's fault nor an engine's is a bug: it ends this session, and no other.
            _log.exception("session %s failed", session_id)
            self.stop(1011, "internal error")
            await self._caller.outbox.run()
        finally:
            self._listener.charge()
            self.stop(1000, OVER)
            self._observer.session_ended(session_id)
            self._forget()

    def _forget(self) -> None:
        """Undo the cycles between the runner and what calls it back: a session's memory is free at once, and not
        when the garbage collector comes round."""
        parts = "_group _responses _transcripts _images _tools _estimates _duplex _caller _seats"
        for name in parts.split():
            self.__dict__.pop(name, None)

    @property
    def ended(self) -> bool:
        """It is over, or about to be: nobody can join it any more."""
        return self._ended.is_set()

    @property
    def clients(self) -> int:
        """The caller, and those that have joined."""
        return len(self._seats)

    def stop(self, code: int, reason: str) -> None:
        """End the session once what was said before is out: the server shuts down, or somebody hangs up."""
        if not self.ended:
            self._ending = code, reason
            self._ended.set()
            for seat in self._seats:
                seat.outbox.close(code, reason)

    async def join(self, connection: Connection) -> None:
        """One more client of this session, until it goes or the session ends.

        It is told everything from now on, and what it sends acts like the caller's. Nobody waits for it: if it reads
        too slowly it is dropped (`TOO_SLOW`).
        """
        if self.ended:
            await connection.close(*self._ending)
            return
        seat = Seat(connection, self, caller=self._caller)
        attending = self._attend(seat)
        try:
            task = self._group.create_task(attending)
        except RuntimeError:  # the session is just about to fail
            attending.close()
        else:
            try:
                await asyncio.wait({task})
            finally:
                task.cancel()
            if not task.cancelled() and task.exception() is None:
                return  # it left by itself
        await self._ended.wait()
        seat.outbox.close(*self._ending)
        await seat.outbox.run()

    async def _attend(self, seat: Seat) -> None:
        self._seats.append(seat)
        try:
            self._handle(fx.Joined(), seat)
            await seat.run()
        finally:
            self._seats.remove(seat)

    def _open(self, group: asyncio.TaskGroup, dialogue: Dialogue) -> None:
        self._group = group
        self._duplex = dialogue if isinstance(dialogue, Conversing) else None
        limits = self._engines.timeouts
        self._estimates = Estimates(self._engines.turn, limits.turn_s, group, self._handle)
        self._transcripts = Transcripts(self._engines.asr, limits, group, self._handle, self._engines.speculate)
        sees = "images" in self._engines.responder.features
        sight = Sight(self._engines.reader, self._engines.fetcher, sees)
        self._images = Images(sight, limits, group, self._handle)
        self._tools = Tools(self._engines.tools, self._engines.responder.refused, group, self._handle)
        self._responses = Responses(
            dialogue,
            limits if self._duplex is None else patience(limits),
            group,
            room(self._caller.outbox, self._line),
            self._transcripts,
            self._images,
            self._handle,
        )
        if self._line is not None:
            self._line.open(Attention(self._handle, self.cleaner()))
        self._perform_all(self._session.start(), self._clock())

    # --- the wire ---

    @property
    def input_format(self) -> AudioFormat:
        """Of the caller's audio on the wire."""
        return self._session.input_format

    def cleaner(self) -> Cleaner:
        """For the audio of one client."""
        return Cleaner(self._engines.noise, self._session, self._handle, self._account)

    def decode(self, frame: str) -> AnyEvent:
        """What a client sends. Raises `ProtocolError`."""
        event = self._session.decode(frame)
        if self._line is not None and isinstance(event, InputAudioBufferAppend):
            raise appended_to_a_call(event)
        return event

    def take(self, event: fx.AnyInput, seat: Seat) -> Sequence[fx.AnyOutput]:
        """Handle what one client sent. What answers it alone goes to it alone."""
        return self._handle(event, seat)

    # --- the core ---

    def _handle(self, event: fx.AnyInput, asking: Seat | None = None) -> Sequence[fx.AnyOutput]:
        now = self._clock()
        self._stopwatch.input(event, now)
        outputs: Sequence[fx.AnyOutput] = ()
        try:
            outputs = self._session.handle(event, now)
        finally:
            # Also when the core has a bug: the input that broke it is the one that everybody will ask for.
            if self._recorder is not None:
                self._recorder.record(now, event, outputs)
        self._perform_all(outputs, now, asking)
        if self._session.deadline() != self._deadline:
            self._deadline = self._session.deadline()
            self._rescheduled.set()
        return outputs

    def _perform_all(self, outputs: Sequence[fx.AnyOutput], now: float, asking: Seat | None = None) -> None:
        # Said here, since a line or a client that joined comes with its own tasks. Other roles have tasks of their own.
        with charged(self._account, "responder"):
            for output in outputs:
                self._stopwatch.output(output, now)
                if isinstance(output, wire.ServerEvent):
                    self._tell(output, asking)
                else:
                    self._perform(output)

    def _tell(self, event: wire.ServerEvent, asking: Seat | None) -> None:
        self._observer.event_sent(str(type(event).__struct_config__.tag))
        if isinstance(event, wire.ErrorEvent):
            self._observer.error(event.error.code)
        if isinstance(event, wire.ConversationItemRetrieved):
            event = replace(event, item=encoded_item(self.input_format, event.item))
        frame = encode(event)
        if asking is not None and isinstance(event, _PRIVATE):
            asking.tell(event, frame, asked=True)
            return
        for seat in self._seats:
            seat.tell(event, frame, asked=False)

    def _perform(self, command: fx.Command) -> None:
        match command:
            case fx.Converse():
                assert self._duplex is not None
                self._duplex.begin(command, self._group)
            case fx.Listen():
                if self._duplex is not None:
                    self._duplex.hear(command.pcm)
                for likelihood in self._listener.hear(command):
                    self._handle(likelihood)
            case fx.EstimateTurn():
                self._estimates.ask(command)
            case fx.Transcribe():
                # A call's codec is the line's business, and may change in the middle.
                telephone = command.telephone or (self._line is not None and self._line.telephone)
                self._transcripts.perform(replace(command, telephone=telephone))
            case fx.Look():
                self._images.perform(command)
            case fx.ListTools() | fx.CallTool() | fx.CancelTool():
                self._tools.perform(command)
            case fx.Warm():
                if self._engines.speculate or not command.guess:
                    self._responses.warm(command)
            case fx.StartResponse():
                self._responses.start(command)
            case fx.CancelResponse():
                self._responses.cancel(command.response_id)
                if self._duplex is not None:
                    self._duplex.hush()
            case fx.Play() | fx.PlayEnd() | fx.ClearPlayout():
                assert self._line is not None
                if (cleared := play(self._line, command)) is not None:
                    self._handle(cleared)
            case fx.Close():
                self.stop(command.code, command.reason)

    async def _tick(self) -> None:
        while True:
            self._rescheduled.clear()
            try:
                async with asyncio.timeout_at(self._deadline):
                    await self._rescheduled.wait()
            except TimeoutError:
                self._handle(fx.Tick())

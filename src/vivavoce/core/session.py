"""One session: every event goes in by `handle`, every answer and every command comes out of it, in order.

This module only dispatches; each noun decides for itself. Nothing here waits, so nothing here can be raced.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import assert_never

from msgspec import UNSET
from msgspec.structs import replace

from vivavoce.core import effects as fx
from vivavoce.core.brought import made
from vivavoce.core.capabilities import Capabilities
from vivavoce.core.conversation import Conversation, duplicate_id, silent
from vivavoce.core.duplex import check_event
from vivavoce.core.filler import Filler
from vivavoce.core.hearing import Hearing
from vivavoce.core.idle import Idle
from vivavoce.core.ids import Ids
from vivavoce.core.images import check_images, looks
from vivavoce.core.mcp import Mcp
from vivavoce.core.output_buffer import OutputBuffer
from vivavoce.core.rate_limits import Budget
from vivavoce.core.recordings import transcribe_brought
from vivavoce.core.responding import Responding
from vivavoce.core.settings import merge
from vivavoce.protocol import client as c
from vivavoce.protocol import server as wire
from vivavoce.protocol.codec import decode
from vivavoce.protocol.errors import ProtocolError
from vivavoce.protocol.items import ClientApproval, Item, McpApprovalResponse
from vivavoce.protocol.session import AnySessionPatch, AudioFormat, SessionObject, SessionPatch, shown


class Session:
    """The protocol's state for one caller.

    `expires_in` is the session's length in seconds from `now`; None: unlimited.
    """

    def __init__(
        self, settings: SessionObject, can: Capabilities, ids: Ids, now: float, expires_in: float | None
    ) -> None:
        self.settings = settings
        self._can = can
        self._ids = ids
        self._expires_at = None if expires_in is None else now + expires_in
        self._lifetime = expires_in or 0.0
        self._conversation = Conversation(ids("conv"))
        self._budget = Budget(can.tokens_per_minute, now)
        self._idle = Idle()
        self._output = OutputBuffer(self._conversation, can.media)
        self._mcp = Mcp(self._conversation, ids)
        self._responding = Responding(self._conversation, can, ids, self._budget, self._output, self._mcp)
        self._hearing = Hearing(self._conversation, self._responding, ids, can)
        self._filler = Filler(can, self._conversation)

    decode = staticmethod(decode)
    """The events of its wire."""

    @property
    def input_format(self) -> AudioFormat:
        """Of the caller's audio on the wire."""
        return self.settings.audio.input.format

    def start(self) -> list[fx.Output]:
        """What comes before anything the client sends: `session.created`, always first."""
        created = wire.SessionCreated(session=shown(self.settings))
        if self.settings.type != "realtime":
            return self._stamped([created])
        listings = self._mcp.come_into_force(self.settings.tools)
        return self._stamped([created, *listings, self._responding.warm(self.settings)])

    def deadline(self) -> float | None:
        """When the session wants a `Tick`, in the seconds of `now`."""
        times = [self._expires_at, self._idle.deadline(self.settings), self._filler_due]
        return min((time for time in times if time is not None), default=None)

    def handle(self, event: fx.Input, now: float) -> list[fx.Output]:
        """Everything that follows from one event. The only way in, and the only way out."""
        self._budget.refill(now)
        self._responding.follow_up.at(now)
        try:
            outputs = list(self._dispatch(event, now))
            self._watch(event, outputs, now)
            return self._stamped(outputs)
        except ProtocolError as error:
            event_id = event.event_id if isinstance(event, c.ClientEvent | fx.AudioIn) else None
            return self._stamped([error_event(error, event_id)])

    def _dispatch(self, event: fx.Input, now: float) -> Iterable[fx.Output]:
        match event:
            case fx.AudioIn():
                return self._hearing.audio(event.pcm, self.settings)
            case fx.SpeechLikelihood():
                return self._hearing.likelihood(event, self.settings)
            case fx.TurnEstimate():
                return self._hearing.estimate(event, self.settings)
            case fx.Hypothesis():
                return self._hearing.hypothesis(event, self.settings)
            case fx.TranscriptReady() | fx.TranscriptMissing():
                return self._hearing.transcript(event, self.settings)
            case (
                fx.AnswerBegan()
                | fx.AnswerText()
                | fx.AnswerTimes()
                | fx.AnswerAudio()
                | fx.AnswerCall()
                | fx.AnswerArguments()
                | fx.AnswerCalled()
                | fx.AnswerFinished()
                | fx.AnswerFailed()
            ):
                return self._responding.answer(event, self.settings)
            case fx.PlaybackStarted():
                return self._output.started(event.response_id)
            case fx.PlaybackStopped():
                return self._output.stopped(event.response_id)
            case fx.PlayoutCleared():
                return self._output.cleared(event.played)
            case fx.KeyPressed():
                return [wire.KeyPressed(event=event.key, received_at=event.at)]
            case fx.ToolsListed() | fx.ToolsMissing():
                listed = self._mcp.listed(event)
                return [*listed, self._responding.warm(self.settings)] if listed else []
            case fx.ToolReturned() | fx.ToolFailed():
                return self._responding.returned(event, self._hearing.speaking, self.settings)
            case fx.Speaks():
                return self._responding.unasked(self._hearing.heard, self.settings)
            case fx.LookFailed() | fx.NoiseReductionFailed():
                error = look_error(event) if isinstance(event, fx.LookFailed) else noise_reduction_error(event)
                return [error_event(error, None)]
            case fx.BadFrame():
                return [error_event(ProtocolError(event.code, event.message, param=event.param), event.event_id)]
            case fx.Tick():
                return self._tick(now)
            case fx.Joined():
                return [wire.SessionCreated(session=shown(self.settings))]
            case _:
                return self._client(event)

    def _client(self, event: c.ClientRequest) -> Iterable[fx.Output]:
        if self.settings.type == "transcription" and isinstance(event, _ABOUT_ANSWERS):
            raise _no_answers(event)
        check_event(event, self._can)
        match event:
            case c.SessionUpdate():
                return self._update(event.session)
            case c.InputAudioBufferCommit():
                return self._hearing.commit(self.settings)
            case c.InputAudioBufferClear():
                return self._hearing.clear()
            case c.OutputAudioBufferClear():
                return self._responding.silence(self.settings)
            case c.ConversationItemCreate():
                return self._create_item(event)
            case c.ConversationItemRetrieve():
                return [wire.ConversationItemRetrieved(item=self._conversation.retrieve(event.item_id))]
            case c.ConversationItemTruncate():
                return self._truncate(event)
            case c.ConversationItemDelete():
                self._conversation.delete(event.item_id)
                return [wire.ConversationItemDeleted(item_id=event.item_id)]
            case c.ResponseCreate():
                return self._responding.create(event.response, self.settings)
            case c.ResponseCancel():
                return self._responding.cancel(event.response_id, self.settings)
            case _:
                assert_never(event)

    def _update(self, patch: AnySessionPatch) -> list[fx.Output]:
        before = self.settings
        self.settings = merge(
            before, patch, self._can, self._conversation.has_spoken, self._mcp.known, self._hearing.heard > 0
        )
        if self.settings.audio.input.turn_detection != before.audio.input.turn_detection:
            self._hearing.detection_changed(self.settings)
        outputs: list[fx.Output] = [wire.SessionUpdated(session=shown(self.settings))]
        if isinstance(patch, SessionPatch) and patch.tools is not UNSET:
            outputs += self._mcp.come_into_force(self.settings.tools, before.tools)
        if _prefix(self.settings) != _prefix(before):
            outputs.append(self._responding.warm(self.settings))
        return outputs

    def _create_item(self, event: c.ConversationItemCreate) -> list[fx.Output]:
        given = event.item
        if given.id is not None and given.id == self._hearing.announced:
            raise duplicate_id(given.id)
        if isinstance(given, ClientApproval):
            self._mcp.check_approval(given.approval_request_id)
        item = made(given, given.id or self._ids("item"), self._ids, self._conversation, "item")
        check_images(item, self._conversation, self._can, "item")
        before = self._conversation.add(item, event.previous_item_id)
        return [
            wire.ConversationItemAdded(previous_item_id=before, item=silent(item)),
            wire.ConversationItemDone(previous_item_id=before, item=silent(item)),
            *transcribe_brought(item, self.settings, self._can),
            *looks(item, self.settings),
            *self._decided(item),
        ]

    def _decided(self, item: Item) -> list[fx.Output]:
        """An approval is acted on at once; anything else is what a client talks about from now on."""
        if not isinstance(item, McpApprovalResponse):
            self._responding.follow_up.disturbed()
            return []
        if item.approve:
            self._responding.follow_up.result()
            return self._mcp.decide(item)
        self._mcp.decide(item)
        return self._responding.after_result(self._hearing.speaking, self.settings)

    def _truncate(self, event: c.ConversationItemTruncate) -> list[fx.Output]:
        self._conversation.truncate(event.item_id, event.content_index, event.audio_end_ms)
        return [
            wire.ConversationItemTruncated(
                item_id=event.item_id, content_index=event.content_index, audio_end_ms=event.audio_end_ms
            )
        ]

    def _watch(self, event: fx.Input, outputs: Sequence[fx.Output], now: float) -> None:
        """Who speaks? For the idle timeout."""
        for output in outputs:
            self._filler.watch(output)
            match output:
                case wire.OutputAudioDelta() if isinstance(event, fx.AnswerAudio):
                    self._idle.sound(event.samples, now)
                case wire.InputAudioBufferCommitted():
                    self._idle.disturbed()
                    self._responding.follow_up.disturbed()
                case wire.SpeechStarted() | wire.ResponseCreated():
                    self._idle.disturbed()
                case wire.ResponseDone(response=response) if (
                    response.conversation_id and not self._hearing.speaking and not self._output.sounding(response.id)
                ):
                    self._idle.answered(now)
                    if response.status == "cancelled":
                        self._idle.cut(now)
                case wire.ConversationItemTruncated():
                    self._idle.cut(now)
                case wire.OutputAudioBufferStopped() | wire.OutputAudioBufferCleared() if (
                    not self._hearing.speaking and not self._responding.busy
                ):
                    self._idle.answered(now)
                case _:
                    pass

    @property
    def _filler_due(self) -> float | None:
        busy = self._responding.busy or self._hearing.speaking
        return self._filler.deadline(None if busy else self._idle.since, self.settings)

    def _tick(self, now: float) -> list[fx.Output]:
        if self._expires_at is not None and now >= self._expires_at:
            self._expires_at = None
            return [error_event(expired_error(self._lifetime), None), fx.Close(code=1000, reason="session_expired")]
        idle, filler = self._idle.deadline(self.settings), self._filler_due
        if idle is not None and now >= idle:
            return self._hearing.timed_out(self.settings)
        if filler is not None and now >= filler:
            self._filler.said()
            return self._responding.fill(self._filler.text, self.settings)
        return []

    def _stamped(self, outputs: Iterable[fx.Output]) -> list[fx.Output]:
        return [
            replace(output, event_id=self._ids("event")) if isinstance(output, wire.ServerEvent) else output
            for output in outputs
        ]


def error_event(error: ProtocolError, event_id: str | None) -> wire.ErrorEvent:
    """The wire's form of a refusal."""
    return wire.ErrorEvent(
        error=wire.ErrorBody(
            type=error.kind, code=error.code, message=error.message, param=error.param, event_id=event_id
        )
    )


def noise_reduction_error(event: fx.NoiseReductionFailed) -> ProtocolError:
    """The caller is heard as he is, although the session asked for less."""
    return ProtocolError(event.code, event.message, param="session.audio.input.noise_reduction", kind="server_error")


def look_error(event: fx.LookFailed) -> ProtocolError:
    """A picture came, and nothing can be said of it: the model is told so too."""
    message = f"The picture in item '{event.item_id}' cannot be seen. {event.message}"
    return ProtocolError(event.code, message, param=f"item.content[{event.content_index}].image_url")


def expired_error(seconds: float) -> ProtocolError:
    """A session has been open for as long as one may be (PROTOCOL.md 1.2)."""
    return ProtocolError("session_expired", f"Your session hit the maximum duration of {seconds / 60:g} minutes.")


_ABOUT_ANSWERS = (c.ResponseCreate, c.ResponseCancel, c.ConversationItemTruncate, c.OutputAudioBufferClear)


def _no_answers(event: c.ClientEvent) -> ProtocolError:
    """The event is about an answer, in a session that gives none (PROTOCOL.md 3.8)."""
    kind = str(type(event).__struct_config__.tag)
    message = f"'{kind}' is not allowed in a transcription session: nothing is answered there."
    return ProtocolError("invalid_value", message, param="type")


def _prefix(settings: SessionObject) -> tuple[object, ...]:
    """What an answer's prompt begins with: worth warming when it changes."""
    return settings.instructions, settings.output_modalities, settings.tools

"""Measures each turn: from the caller's last word to the first audio of the answer."""

from __future__ import annotations

from dataclasses import replace

from vivavoce.core import effects as fx
from vivavoce.protocol import server as wire
from vivavoce.protocol import tool_events
from vivavoce.protocol.items import FunctionCall, Item, McpApprovalResponse, McpCall
from vivavoce.runtime.observer import CallKind, CallOutcome, Observer, Timeline


class Stopwatch:
    """Watches one session's inputs and outputs; it decides nothing."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._heard = 0
        """Position of the latest audio, and when it came."""
        self._heard_at = 0.0
        self._turn: Timeline | None = None
        self._item_id: str | None = None
        """The caller's side of the turn that is measured."""
        self._response_id: str | None = None
        """Its answer, once there is one."""

    def input(self, event: fx.AnyInput, now: float) -> None:
        """What the session is about to handle."""
        match event:
            case fx.AudioIn():
                self._heard += len(event.pcm) // 2
                self._heard_at = now
            case fx.TranscriptReady() if event.item_id == self._item_id:
                self._mark(transcript=now)
            case fx.AnswerBegan() if event.response_id == self._response_id:
                self._mark(first_token=now)
            case fx.AnswerCall() if event.response_id == self._response_id:
                self._mark(first_token=now, first_call=now)

    def output(self, output: fx.AnyOutput, now: float) -> None:
        """What the session made of it."""
        match output:
            case fx.Transcribe(tentative=False, voice_end=int() as voice_end):
                ago = (self._heard - voice_end) / (fx.SAMPLES_PER_MS * 1000)
                self._turn = Timeline(speech_end=self._heard_at - ago, turn_decided=now)
                self._item_id, self._response_id = output.item_id, None
            case wire.ResponseCreated() if self._response_id is None and output.response.conversation_id is not None:
                self._response_id = output.response.id
            case wire.OutputAudioDelta() | wire.OutputTextDelta() | fx.Play() if (
                output.response_id == self._response_id
            ):
                self._mark(first_audio=now)
            case wire.ResponseDone():
                self._done(output.response)
            case _ if call := ended_call(output):
                self._observer.call_ended(*call)

    def _mark(self, **reached: float) -> None:
        """A stage counts the first time it is reached."""
        if self._turn is None:
            return
        new = {stage: at for stage, at in reached.items() if getattr(self._turn, stage) is None}
        self._turn = replace(self._turn, **new)

    def _done(self, response: wire.ResponseObject) -> None:
        details = response.status_details
        reason: str | None = details.reason if details and isinstance(details.reason, str) else None
        if details and isinstance(details.error, wire.ResponseErrorBody):
            reason = details.error.code
        self._observer.response_done(response.status, reason)
        if self._turn is not None and response.id == self._response_id:
            self._observer.turn(self._turn)
            self._turn = self._item_id = self._response_id = None


def ended_call(output: fx.AnyOutput) -> tuple[CallKind, CallOutcome] | None:
    """Who ran the call of a tool that is over with this output, and how it ended."""
    match output:
        case tool_events.McpCallCompleted():
            return "mcp", "completed"
        case tool_events.McpCallFailed():
            return "mcp", "failed"
        case wire.OutputItemDone(item=FunctionCall(status="completed")):
            return "function", "completed"
        case wire.OutputItemDone(item=FunctionCall()):
            return "function", "incomplete"
        case wire.OutputItemDone(item=item) if _never_made(item):
            return "mcp", "incomplete"
        case wire.ConversationItemDone(item=McpApprovalResponse(approve=False)):
            return "mcp", "declined"
        case _:
            return None


def _never_made(item: Item) -> bool:
    return isinstance(item, McpCall) and item.status == "incomplete" and item.error is None

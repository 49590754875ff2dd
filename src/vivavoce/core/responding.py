"""The answers: at most one for the conversation at a time, out-of-band ones beside it (PROTOCOL.md 2.1, 4.6, 4.9)."""

from __future__ import annotations

from typing import Literal, assert_never

from msgspec.structs import replace

from vivavoce.core import effects as fx
from vivavoce.core.capabilities import Capabilities
from vivavoce.core.conversation import Conversation
from vivavoce.core.follow_up import FollowUp
from vivavoce.core.ids import Ids
from vivavoce.core.images import looks
from vivavoce.core.mcp import Mcp
from vivavoce.core.output_buffer import OutputBuffer
from vivavoce.core.planning import Planner
from vivavoce.core.rate_limits import Budget
from vivavoce.core.recordings import transcribe_brought
from vivavoce.core.response import Ending, Happening, Plan, Response
from vivavoce.core.settings import check_response
from vivavoce.protocol import server as wire
from vivavoce.protocol.client import ResponseParams
from vivavoce.protocol.errors import ProtocolError
from vivavoce.protocol.items import InputAudio, InputText, Message
from vivavoce.protocol.session import SessionObject
from vivavoce.protocol.tools import ToolChoice

_SILENCE = (
    "The user has said nothing for {:g} seconds. Speak to them in one short sentence, such as: Are you still there? Or "
    "go on where the conversation stopped."
)


class Responding:
    """All responses in progress of one session."""

    def __init__(
        self,
        conversation: Conversation,
        can: Capabilities,
        ids: Ids,
        budget: Budget,
        output: OutputBuffer,
        mcp: Mcp,
    ) -> None:
        self._budget = budget
        self._output = output
        self._conversation = conversation
        self._can = can
        self._ids = ids
        self._mcp = mcp
        self._planner = Planner(conversation, can, ids, mcp)
        self.follow_up = FollowUp()
        self._heard = 0
        """Samples of the caller that a model which speaks by itself had heard before it last began."""
        self._active: dict[str, Response] = {}
        self._default: Response | None = None
        """The one that speaks for the conversation; the others are out-of-band."""
        self._owed: Literal["nothing", "result", "turn"] = "nothing"
        """What came while an answer was running that could neither know of it nor be interrupted: it gets an answer of
        its own next."""

    def warm(self, settings: SessionObject, said: InputText | InputAudio | None = None) -> fx.Warm:
        """Prepare the next answer, to a turn whose beginning may be known."""
        context = self._planner.context(settings)
        if said is not None:
            turn = Message(id="", status="in_progress", role="user", content=(said,))
            context = replace(context, items=(*context.items, turn))
        return fx.Warm(context=context, guess=said is not None)

    def after_turn(self, settings: SessionObject) -> list[fx.Output]:
        """The caller has finished a turn: answer, now or as soon as the running answer is done."""
        if self._default is not None:
            self._owed = "turn"
            return []
        return self._start(self._planner.automatic(settings), self._conversation, settings)

    def after_silence(self, seconds: float, settings: SessionObject) -> list[fx.Output]:
        """The caller has said nothing for so long: ask whether they are still there."""
        plan = self._planner.automatic(settings)
        # For the model alone: the conversation holds the silence itself, which says nothing to one that reads words.
        note = Message(id="", status="completed", role="system", content=(InputText(_SILENCE.format(seconds)),))
        context = replace(plan.context, items=(*plan.context.items, note))
        return self._start(replace(plan, context=context), self._conversation, settings)

    def unasked(self, heard: int, settings: SessionObject) -> list[fx.Output]:
        """The model speaks by itself. `heard`: samples of the caller so far; it hears each of them once."""
        if self._default is not None:
            return []
        plan = self._planner.automatic(settings)
        fresh, self._heard = heard - self._heard, heard
        context = replace(plan.context, items=())
        plan = replace(plan, context=context, heard_ms=fresh // fx.SAMPLES_PER_MS)
        return self._start(plan, self._conversation, settings)

    @property
    def busy(self) -> bool:
        """An answer for the conversation is being made."""
        return self._default is not None

    def fill(self, text: str, settings: SessionObject) -> list[fx.Output]:
        """Say exactly this; whatever is asked for meanwhile takes its place."""
        if self._budget.wait_s:
            return []
        context = replace(self._planner.context(settings), items=(), tools=(), tool_choice="none", verbatim=text)
        plan = Plan(context=context, format=settings.audio.output.format)
        return self._start(plan, self._conversation, settings)

    def create(self, params: ResponseParams | None, settings: SessionObject) -> list[fx.Output]:
        """`response.create`. Raises `ProtocolError`; then nothing has started."""
        params = params or ResponseParams()
        if self.follow_up.satisfies(params):
            if self._default is not None or self._mcp.calling:
                return []
            # Nothing more comes by itself, and a client that sent this only now counts on a response: a stock one sends
            # no other request before it has seen one. It gets one with nothing in it, which cost nothing.
            plan = replace(self._planner.automatic(settings), heard_ms=0)
            response = Response(self._ids("resp"), self._ids, plan, self._conversation, self._output)
            return [*response.created(), *response.end(Ending(how=Happening.FINISHED))]
        check_response(params, self._can)
        in_band = params.conversation != "none"
        running = self._default if in_band else None
        if running is not None and running.plan.context.verbatim is None:
            raise ProtocolError(
                "conversation_already_has_active_response",
                "Conversation already has an active response in progress: "
                f"{running.id}. Wait until the response is finished before creating a new one.",
            )
        plan = self._planner.plan(params, settings, in_band)
        # Recordings that come with the request; those of the conversation were transcribed when they came.
        brought = [item for item in plan.context.items if item.id not in self._conversation]
        transcribes = [command for item in brought for command in transcribe_brought(item, settings, self._can)]
        seen = [command for item in brought for command in looks(item, settings)]
        listings = self._mcp.come_into_force(self._planner.tools(params))
        ended: list[fx.Output] = []
        if running is not None:  # it only fills the wait, which is over
            self._owed = "nothing"
            ended = self._stop(running, "client_cancelled", settings)
        start = self._start(plan, self._conversation if in_band else None, settings)
        return [*ended, *listings, *transcribes, *seen, *start]

    def cancel(self, response_id: str | None, settings: SessionObject) -> list[fx.Output]:
        """`response.cancel`. Raises `ProtocolError` when there is nothing to cancel."""
        response = self._default if response_id is None else self._active.get(response_id)
        if response is None:
            raise ProtocolError("response_cancel_not_active", "Cancellation failed: no active response found")
        return self._stop(response, "client_cancelled", settings)

    def interrupt(self, settings: SessionObject) -> list[fx.Output]:
        """The caller began to speak: the conversation's answer stops; out-of-band ones go on."""
        self._owed = "nothing"
        stopped = [] if self._default is None else self._stop(self._default, "turn_detected", settings)
        return [*stopped, *self._output.clear()]

    def silence(self, settings: SessionObject) -> list[fx.Output]:
        """`output_audio_buffer.clear`: nothing more of what is being said is made or heard (PROTOCOL.md 2.1)."""
        self._output.check_clear()
        speaking = [response for response in self._active.values() if self._output.sounding(response.id)]
        stopped = [output for each in speaking for output in self._stop(each, "client_cancelled", settings)]
        return [*stopped, *self._output.clear()]

    def answer(self, event: fx.AnswerEvent, settings: SessionObject) -> list[fx.Output]:
        """What an engine says. Here, and only here, whatever comes too late is dropped."""
        response = self._active.get(event.response_id)
        if response is None or response.ending is not None:
            return []
        match event:
            case fx.AnswerBegan():
                return response.began()
            case fx.AnswerText():
                return response.words(event.text)
            case fx.AnswerTimes():
                response.times(event.ends)
                return []
            case fx.AnswerAudio():
                return response.audio(event.data, event.samples)
            case fx.AnswerCall():
                return response.call(event.name)
            case fx.AnswerArguments():
                return response.making.arguments(event.delta)
            case fx.AnswerCalled():
                outputs, request = response.making.called()
                if request is not None:
                    self._mcp.ask(*request)
                return outputs
            case fx.AnswerFinished() if response.making.running:
                return response.finish(_ending(event))
            case fx.AnswerFinished() | fx.AnswerFailed():
                return self._end(response, _ending(event), settings)
            case _:
                assert_never(event)

    def returned(
        self, event: fx.ToolReturned | fx.ToolFailed, speaking: bool, settings: SessionObject
    ) -> list[fx.Output]:
        """A call of an MCP tool has ended. `speaking`: the caller is in a turn, which will be answered."""
        for response in self._active.values():
            call = response.making.running.get(event.item_id)
            if call is None:
                continue
            outputs = call.returned(event)
            if response is self._default:
                self.follow_up.result(answering=True)
            if response.ending is not None and not response.making.running:
                outputs += self._end(response, response.ending, settings)
            return outputs
        outputs, news = self._mcp.returned(event)
        return [*outputs, *self.after_result(speaking, settings)] if news else outputs

    def after_result(self, speaking: bool, settings: SessionObject) -> list[fx.Output]:
        """The conversation holds what came of a call: go on, as soon as nothing else is being said."""
        self.follow_up.result()
        if speaking:
            return []
        if self._default is not None:
            self._owed = "turn" if self._owed == "turn" else "result"
            return []
        return self._go_on(None, settings)

    # --- inside ---------------------------------------------------------------------------------------------------

    def _start(self, plan: Plan, conversation: Conversation | None, settings: SessionObject) -> list[fx.Output]:
        response = Response(self._ids("resp"), self._ids, plan, conversation, self._output)
        self._active[response.id] = response
        if conversation is not None:
            self._default = response
            self._owed = "nothing"
            self.follow_up.started(by_itself=plan.follows_up)
        created = response.created()
        if plan.fault is not None:
            return [*created, *self._end(response, Ending(how=Happening.FAILED, error=plan.fault), settings)]
        if wait_s := self._budget.wait_s:
            message = (
                f"Rate limit reached: {self._can.tokens_per_minute} tokens per minute. Try again in {wait_s:.3g} s."
            )
            error = wire.ResponseErrorBody(type="rate_limit_error", code="rate_limit_exceeded", message=message)
            return [*created, *self._end(response, Ending(how=Happening.FAILED, error=error), settings)]
        start = fx.StartResponse(response_id=response.id, context=plan.context, format=plan.format)
        return [*created, start]

    def _stop(self, response: Response, reason: wire.StatusReason, settings: SessionObject) -> list[fx.Output]:
        ended = self._end(response, Ending(how=Happening.CANCELLED, reason=reason), settings)
        return [fx.CancelResponse(response_id=response.id), *ended]

    def _end(self, response: Response, ending: Ending, settings: SessionObject) -> list[fx.Output]:
        del self._active[response.id]
        running = list(response.making.running.values())
        outputs: list[fx.Output] = [*response.end(ending), self._budget.spend(response.tokens)]
        for call in running:
            if call.running:
                self._mcp.detach(call)
            elif response is self._default:
                self.follow_up.result()
        if response is not self._default:
            return outputs
        self._default = None
        self.follow_up.ended()
        if self._owed == "turn":
            outputs += self.after_turn(settings)
        elif response.follows_up:
            outputs += self._go_on(response, settings)
        elif self._owed == "result":
            outputs += self._go_on(None, settings)
        return outputs

    def _go_on(self, response: Response | None, settings: SessionObject) -> list[fx.Output]:
        """Answer what came of calls: those of `response`, or others."""
        choice: ToolChoice = "none" if self.follow_up.last_round or settings.tool_choice == "none" else "auto"
        if response is None:
            plan = self._planner.going_on(choice, settings)
        else:
            plan = self._planner.following(response.plan, response.making.items, choice, settings)
        return self._start(plan, self._conversation, settings)


def _ending(event: fx.AnswerFinished | fx.AnswerFailed) -> Ending:
    if isinstance(event, fx.AnswerFailed):
        fault = wire.ResponseErrorBody(code=event.code, message=event.message)
        return Ending(how=Happening.FAILED, error=fault)
    if event.reason == "length":
        return Ending(how=Happening.CUT_OFF, reason="max_output_tokens", finished=event)
    if event.reason == "content_filter":
        return Ending(how=Happening.CUT_OFF, reason="content_filter", finished=event)
    return Ending(how=Happening.FINISHED, finished=event)

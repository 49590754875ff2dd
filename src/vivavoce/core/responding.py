"""The answers: at most one for the conversation at a time, out-of-band ones beside it (PROTOCOL.md 2.1, 4.6, 4.9)."""

from __future__ import annotations

from typing import assert_never

from msgspec import UnsetType
from msgspec.structs import replace

from vivavoce.core import effects as fx
from vivavoce.core.audio_settings import check_format, check_voice, voice_locked_error
from vivavoce.core.capabilities import Capabilities
from vivavoce.core.conversation import Conversation, check_parts
from vivavoce.core.ids import Ids
from vivavoce.core.output_buffer import OutputBuffer
from vivavoce.core.prompts import render
from vivavoce.core.rate_limits import Budget
from vivavoce.core.recordings import transcribe_brought
from vivavoce.core.response import Ending, Happening, Plan, Response
from vivavoce.core.settings import check_response, one_modality
from vivavoce.protocol import server as wire
from vivavoce.protocol.client import ResponseParams
from vivavoce.protocol.errors import ProtocolError
from vivavoce.protocol.items import ClientItem, InputText, Item, ItemReference
from vivavoce.protocol.session import Reasoning, SessionObject

_SILENCE = (
    "The user has said nothing for {:g} seconds. Speak to them in one short sentence, such as: Are you still there? Or "
    "go on where the conversation stopped."
)


class Responding:
    """All responses in progress of one session."""

    def __init__(
        self, conversation: Conversation, can: Capabilities, ids: Ids, budget: Budget, output: OutputBuffer
    ) -> None:
        self._budget = budget
        self._output = output
        self._conversation = conversation
        self._can = can
        self._ids = ids
        self._active: dict[str, Response] = {}
        self._default: Response | None = None
        """The one that speaks for the conversation; the others are out-of-band."""
        self._owed = False
        """A turn ended while an answer that may not be interrupted was running: it gets its own answer next."""

    def warm(self, settings: SessionObject, said: str = "") -> fx.Warm:
        """Prepare the next answer, to a turn whose first words may be known."""
        context = self._context(settings)
        if said:
            turn = Item(id="", status="in_progress", role="user", content=(InputText(said),))
            context = replace(context, items=(*context.items, turn))
        return fx.Warm(context=context, guess=bool(said))

    def after_turn(self, settings: SessionObject) -> list[fx.Output]:
        """The caller has finished a turn: answer, now or as soon as the running answer is done."""
        if self._default is not None:
            self._owed = True
            return []
        return self._start(self._plan(ResponseParams(), settings, in_band=True), self._conversation, settings)

    def after_silence(self, seconds: float, settings: SessionObject) -> list[fx.Output]:
        """The caller has said nothing for so long: ask whether they are still there."""
        plan = self._plan(ResponseParams(), settings, in_band=True)
        # For the model alone: the conversation holds the silence itself, which says nothing to one that reads words.
        note = Item(id="", status="completed", role="system", content=(InputText(_SILENCE.format(seconds)),))
        context = replace(plan.context, items=(*plan.context.items, note))
        return self._start(replace(plan, context=context), self._conversation, settings)

    def create(self, params: ResponseParams | None, settings: SessionObject) -> list[fx.Output]:
        """`response.create`. Raises `ProtocolError`; then nothing has started."""
        params = params or ResponseParams()
        check_response(params, self._can)
        in_band = params.conversation != "none"
        if in_band and self._default is not None:
            raise ProtocolError(
                "conversation_already_has_active_response",
                "Conversation already has an active response in progress: "
                f"{self._default.id}. Wait until the response is finished before creating a new one.",
            )
        plan = self._plan(params, settings, in_band)
        # Recordings that come with the request; those of the conversation were transcribed when they came.
        brought = [item for item in plan.context.items if item.id not in self._conversation]
        transcribes = [command for item in brought for command in transcribe_brought(item, settings)]
        return [*transcribes, *self._start(plan, self._conversation if in_band else None, settings)]

    def cancel(self, response_id: str | None, settings: SessionObject) -> list[fx.Output]:
        """`response.cancel`. Raises `ProtocolError` when there is nothing to cancel."""
        response = self._default if response_id is None else self._active.get(response_id)
        if response is None:
            raise ProtocolError("response_cancel_not_active", "Cancellation failed: no active response found")
        return self._stop(response, "client_cancelled", settings)

    def interrupt(self, settings: SessionObject) -> list[fx.Output]:
        """The caller began to speak: the conversation's answer stops; out-of-band ones go on."""
        self._owed = False
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
        if response is None:
            return []
        match event:
            case fx.AnswerBegan():
                return [*response.began()]
            case fx.AnswerText():
                return [*response.words(event.text)]
            case fx.AnswerTimes():
                response.times(event.ends)
                return []
            case fx.AnswerAudio():
                return [*response.audio(event.data, event.samples)]
            case fx.AnswerFinished() | fx.AnswerFailed():
                return self._end(response, _ending(event), settings)
            case _:
                assert_never(event)

    # --- inside ---------------------------------------------------------------------------------------------------

    def _start(self, plan: Plan, conversation: Conversation | None, settings: SessionObject) -> list[fx.Output]:
        response = Response(self._ids("resp"), self._ids("item"), plan, conversation, self._output)
        self._active[response.id] = response
        if conversation is not None:
            self._default = response
            self._owed = False
        created = response.created()
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
        outputs: list[fx.Output] = [*response.end(ending), self._budget.spend(response.tokens)]
        if response is self._default:
            self._default = None
            if self._owed:
                outputs += self.after_turn(settings)
        return outputs

    def _context(self, settings: SessionObject) -> fx.Context:
        limit, calls = settings.max_output_tokens, settings.parallel_tool_calls
        return fx.Context(
            instructions=settings.instructions,
            items=self._conversation.context(),
            modality=settings.output_modalities[0],
            voice=settings.audio.output.voice,
            speed=settings.audio.output.speed,
            max_output_tokens=None if limit == "inf" else limit,
            truncation=settings.truncation,
            effort=settings.reasoning.effort if isinstance(settings.reasoning, Reasoning) else None,
            parallel_tool_calls=None if isinstance(calls, UnsetType) else calls,
        )

    def _plan(self, params: ResponseParams, settings: SessionObject, in_band: bool) -> Plan:
        """The session's values with the response's own over them (PROTOCOL.md 3.9)."""
        context = self._context(settings)
        changes: dict[str, object] = {}
        if params.input is not None:
            changes["items"] = tuple(self._given(item, i) for i, item in enumerate(params.input))
        if params.prompt is not None:
            changes["instructions"] = render(params.prompt, self._can, "response.prompt")
        if params.instructions is not None:
            changes["instructions"] = params.instructions
        if params.reasoning is not None:
            changes["effort"] = params.reasoning.effort
        if params.parallel_tool_calls is not None:
            changes["parallel_tool_calls"] = params.parallel_tool_calls
        if params.output_modalities is not None:
            changes["modality"] = one_modality(params.output_modalities, "response.output_modalities")[0]
        if params.max_output_tokens is not None:
            limit = params.max_output_tokens
            changes["max_output_tokens"] = None if limit == "inf" else limit
        output = params.audio.output if params.audio else None
        if output and output.format is not None:
            check_format(output.format, self._can, "response.audio.output.format")
        if output and output.voice is not None:
            voice = check_voice(output.voice, self._can, "response.audio.output.voice")
            if in_band and self._conversation.has_spoken and voice != context.voice:
                raise voice_locked_error()
            changes["voice"] = voice
        context = replace(context, **changes)
        return Plan(
            context=context,
            format=(output and output.format) or settings.audio.output.format,
            metadata=params.metadata,
            heard_ms=self._conversation.audio_ms(context.items),
        )

    def _given(self, item: ClientItem | ItemReference, index: int) -> Item:
        """An item of `response.create.input`. Raises `ProtocolError`."""
        where = f"response.input[{index}]"
        if isinstance(item, ItemReference):
            if found := self._conversation.get(item.id):
                return found
            raise ProtocolError("item_not_found", f"Item with item_id not found: {item.id}", param=f"{where}.id")
        check_parts(item.role, item.content, where)
        # An id of its own, whatever the client calls it: it is no item of the conversation, and must not pass for one.
        return Item(id=self._ids("item"), status="completed", role=item.role, content=tuple(item.content))


def _ending(event: fx.AnswerFinished | fx.AnswerFailed) -> Ending:
    if isinstance(event, fx.AnswerFailed):
        fault = wire.ResponseErrorBody(code=event.code, message=event.message)
        return Ending(how=Happening.FAILED, error=fault)
    if event.reason == "length":
        return Ending(how=Happening.CUT_OFF, reason="max_output_tokens", finished=event)
    if event.reason == "content_filter":
        return Ending(how=Happening.CUT_OFF, reason="content_filter", finished=event)
    return Ending(how=Happening.FINISHED, finished=event)

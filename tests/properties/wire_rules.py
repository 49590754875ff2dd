"""What must hold for every output of a session, whatever goes in: PROTOCOL.md 2 and 4 as checks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from msgspec.structs import replace

from vivavoce.core import effects as fx
from vivavoce.protocol import server as wire
from vivavoce.protocol import tool_events
from vivavoce.protocol.codec import encode
from vivavoce.protocol.items import (
    FunctionCall,
    Item,
    McpApprovalRequest,
    McpCall,
    Message,
    OutputAudio,
    OutputText,
)

Arguments = (
    tool_events.FunctionCallArgumentsDelta
    | tool_events.FunctionCallArgumentsDone
    | tool_events.McpCallArgumentsDelta
    | tool_events.McpCallArgumentsDone
)


@dataclass(slots=True)
class Made:
    """What was sent of one item of a response."""

    item: Item
    part_open: bool = False
    closed: bool = False
    text: list[str] = field(default_factory=list)
    transcript: list[str] = field(default_factory=list)
    audio_closed: bool = False
    words_closed: bool = False
    arguments: list[str] = field(default_factory=list)
    arguments_closed: bool = False

    @property
    def words(self) -> str:
        """All deltas, whichever kind the response has."""
        assert not (self.text and self.transcript)
        return "".join(self.text or self.transcript)


@dataclass(slots=True)
class Answer:
    """What was sent of one response."""

    in_band: bool
    made: list[Made] = field(default_factory=list)

    def at(self, index: int, item_id: str) -> Made:
        """The item with this index, still open."""
        made = self.made[index]
        assert made.item.id == item_id, "output_item.added comes first"
        assert not made.closed
        return made


class WireRules:
    """Fed with every output in order; an assertion fails at the first that breaks a rule."""

    def __init__(self) -> None:
        self.active: dict[str, Answer] = {}
        self.ended: set[str] = set()
        self.items: set[str] = set()
        """In the conversation, as the client sees it."""
        self.unfinished: set[str] = set()
        """Added, and neither done nor deleted."""
        self._seen_items: set[str] = set()
        self._event_ids: set[str] = set()
        self._started: set[str] = set()
        self._cancelled: set[str] = set()
        self.listing: set[str] = set()
        """Listings of MCP servers in progress."""
        self.calling: set[str] = set()
        """Calls of MCP tools in progress."""
        self._asked: set[str] = set()
        self.position_ms = 0
        """The latest position that any event named."""
        self.announced: str | None = None

    def check(self, outputs: Iterable[fx.Output]) -> None:
        """The outputs of one step."""
        done = list(outputs)
        if any(isinstance(output, wire.ErrorEvent) for output in done):
            assert [output for output in done if not isinstance(output, wire.ErrorEvent | fx.Close)] == []
        for output in done:
            if isinstance(output, wire.ServerEvent):
                assert output.event_id
                assert output.event_id not in self._event_ids, "event ids are unique"
                self._event_ids.add(output.event_id)
                assert encode(output)
            self._one(output)
        for response_id in self.active:
            assert response_id in self._started, "every response.created comes with its command to answer"
        in_band = [response_id for response_id, answer in self.active.items() if answer.in_band]
        assert len(in_band) <= 1, f"one answer at a time speaks for the conversation, not {in_band}"

    def check_finished(self) -> None:
        """After the last response: whatever began has ended."""
        assert not self.active
        assert not self.unfinished
        assert not self.listing
        assert not self.calling

    def _one(self, output: fx.Output) -> None:
        match output:
            case wire.SpeechStarted():
                self._moves_on(output.audio_start_ms)
                self.announced = output.item_id
            case wire.TimeoutTriggered():
                assert output.audio_start_ms <= output.audio_end_ms
                self._moves_on(output.audio_start_ms)
                self.announced = output.item_id
            case wire.SpeechStopped():
                self._moves_on(output.audio_end_ms)
                assert output.item_id == self.announced
            case wire.InputAudioBufferCommitted():
                self._follows_known(output.previous_item_id)
                self.announced = None
            case wire.InputAudioBufferCleared():
                self.announced = None
            case wire.ConversationItemAdded():
                self._added(output)
            case wire.ConversationItemDone():
                self._follows_known(output.previous_item_id)
                assert output.item.status != "in_progress"
                self.unfinished.remove(output.item.id)
            case wire.ConversationItemDeleted():
                self.items.remove(output.item_id)
                self.unfinished.discard(output.item_id)
            case wire.ConversationItemTruncated() | wire.ConversationItemRetrieved():
                item_id = output.item.id if isinstance(output, wire.ConversationItemRetrieved) else output.item_id
                assert item_id in self.items
            case fx.StartResponse():
                assert output.response_id in self.active, "the client hears of a response before the engine does"
                assert output.response_id not in self._started
                self._started.add(output.response_id)
            case fx.CancelResponse():
                assert output.response_id in self.active
                self._cancelled.add(output.response_id)
            case fx.ListTools() | fx.CallTool():
                in_progress = self.listing if isinstance(output, fx.ListTools) else self.calling
                assert output.item_id in in_progress, "the client hears of it before the server is asked"
                assert output.item_id not in self._asked
                self._asked.add(output.item_id)
            case fx.CancelTool():
                assert output.item_id in self.listing | self.calling
            case _ if isinstance(output, tool_events.AnyToolEvent):
                self._tool(output)
            case _:
                self._response(output)

    def _tool(self, output: tool_events.AnyToolEvent) -> None:
        match output:
            case tool_events.McpListToolsInProgress():
                assert output.item_id in self.unfinished
                self.listing.add(output.item_id)
            case tool_events.McpListToolsCompleted() | tool_events.McpListToolsFailed():
                self.listing.remove(output.item_id)
            case tool_events.McpCallInProgress():
                self.calling.add(output.item_id)
            case tool_events.McpCallCompleted() | tool_events.McpCallFailed():
                self.calling.remove(output.item_id)
            case _:
                made = self.active[output.response_id].at(output.output_index, output.item_id)
                assert not made.arguments_closed
                self._arguments(made, output)

    def _arguments(self, made: Made, output: Arguments) -> None:
        match output:
            case tool_events.FunctionCallArgumentsDelta() | tool_events.McpCallArgumentsDelta():
                made.arguments.append(output.delta)
            case _:
                assert output.arguments == "".join(made.arguments)
                made.arguments_closed = True
        if isinstance(output, tool_events.FunctionCallArgumentsDelta | tool_events.FunctionCallArgumentsDone):
            assert isinstance(made.item, FunctionCall)
            assert made.item.call_id == output.call_id
        else:
            assert isinstance(made.item, McpCall)

    def _response(self, output: fx.Output) -> None:
        match output:
            case wire.ResponseCreated():
                response = output.response
                assert response.id not in self.active
                assert response.id not in self.ended
                assert (response.status, response.output, response.usage) == ("in_progress", (), None)
                self.active[response.id] = Answer(in_band=response.conversation_id is not None)
            case wire.ResponseDone():
                self._done(output.response)
            case wire.OutputItemAdded():
                answer = self.active[output.response_id]
                assert output.output_index == len(answer.made)
                assert output.item.status == "in_progress"
                answer.made.append(Made(output.item))
            case wire.OutputItemDone():
                made = self.active[output.response_id].at(output.output_index, output.item.id)
                assert not made.part_open
                self._closes_with(made, output.item)
                made.item, made.closed = output.item, True
            case wire.InContent():
                assert output.content_index == 0
                answer = self.active[output.response_id]
                self._content(answer.at(output.output_index, output.item_id), output)

    def _content(self, made: Made, output: wire.InContent) -> None:
        if isinstance(output, wire.ContentPartAdded):
            assert not made.part_open
            assert (output.part.text or "", output.part.transcript or "") == ("", "")
            made.part_open = True
            return
        assert made.part_open, "content_part.added comes before its deltas"
        match output:
            case wire.OutputTextDelta():
                assert not made.words_closed
                made.text.append(output.delta)
            case wire.OutputAudioTranscriptDelta():
                assert not made.words_closed
                made.transcript.append(output.delta)
            case wire.OutputAudioDelta():
                assert not made.audio_closed
                assert output.delta
            case wire.OutputAudioDone():
                made.audio_closed = True
            case wire.OutputTextDone():
                assert output.text == "".join(made.text)
                made.words_closed = True
            case wire.OutputAudioTranscriptDone():
                assert output.transcript == "".join(made.transcript)
                made.words_closed = True
            case wire.ContentPartDone():
                assert made.words_closed
                words = output.part.text if output.part.type == "text" else output.part.transcript
                assert words == made.words
                made.part_open = False

    def _done(self, response: wire.ResponseObject) -> None:
        answer = self.active.pop(response.id)
        self.ended.add(response.id)
        assert response.status != "in_progress"
        assert (response.status == "cancelled") == (response.id in self._cancelled)
        assert (response.status_details is None) == (response.status == "completed")
        assert response.usage is not None
        assert all(made.closed for made in answer.made)
        assert list(response.output) == [made.item for made in answer.made]
        # What was said before a response waited for its calls is whole, even if they are interrupted.
        waited = any(isinstance(item, McpCall) for item in response.output)
        for item in response.output:
            if isinstance(item, Message) and not (waited and item.status == "completed"):
                assert (item.status == "completed") == (response.status == "completed")

    def _closes_with(self, made: Made, item: Item) -> None:
        assert item.id == made.item.id
        match item:
            case Message():
                (part,) = item.content
                assert isinstance(part, OutputText | OutputAudio)
                assert (part.text if isinstance(part, OutputText) else part.transcript) == made.words
            case FunctionCall() | McpCall():
                assert made.arguments_closed
                assert item.arguments == "".join(made.arguments)
                assert (item.status == "in_progress") == (item.id in self.calling), "only a running call stays open"
            case McpApprovalRequest():
                assert replace(made.item, status="completed") == item

    def _added(self, output: wire.ConversationItemAdded) -> None:
        self._follows_known(output.previous_item_id)
        assert output.item.id not in self.items
        self.items.add(output.item.id)
        self._seen_items.add(output.item.id)
        self.unfinished.add(output.item.id)

    def _follows_known(self, previous_item_id: str | None) -> None:
        assert previous_item_id is None or previous_item_id in self._seen_items

    def _moves_on(self, ms: int) -> None:
        assert type(ms) is int
        assert ms >= self.position_ms, f"positions never go back: {ms} after {self.position_ms}"
        self.position_ms = ms

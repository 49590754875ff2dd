"""What the observer gets of calls of tools: when the first came, and how each ended."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.runtime.hosting import CAN, SETTINGS, engines, hosted
from tests.runtime.test_timeline import Notes

from vivavoce.core import effects as fx
from vivavoce.core.ids import CountingIds
from vivavoce.core.session import Session
from vivavoce.ports import CallArguments, CallBegan, Finished
from vivavoce.protocol import items
from vivavoce.protocol import server as wire
from vivavoce.protocol.tool_events import McpCallCompleted, McpCallFailed
from vivavoce.protocol.tools import FunctionTool
from vivavoce.runtime.timeline import Stopwatch
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.fakes import ScriptedAsr, ScriptedResponder, Wait, calls

TOOL = FunctionTool(name="roll", parameters={"type": "object"})


def test_a_turn_that_calls_is_measured_up_to_its_first_call() -> None:
    async def main() -> None:
        notes = Notes()
        whole = [Wait(0.3), *calls("roll"), Wait(1.0), *calls("roll"), CallBegan("roll"), CallArguments("{")]
        responder = ScriptedResponder([*whole, Finished("length")], features=("tools",))
        core = Session(replace(SETTINGS, tools=(TOOL,)), replace(CAN, tools=True), CountingIds(), 0.0, None)
        async with hosted(engines(ScriptedAsr("Roll."), responder), core, observer=notes) as live:
            await live.turn()
            await live.client.expect("response.done")
        stages = notes.turns[0].since_speech_end()
        assert stages["first_call"] == stages["first_token"] == pytest.approx(stages["turn_decided"] + 0.3)
        assert "first_audio" not in stages
        assert notes.calls == [("function", "completed")] * 2 + [("function", "incomplete")]

    run_virtual(main())


def call(status: items.ItemStatus, error: items.McpFault | None = None) -> items.McpCall:
    return items.McpCall(id="mcp_1", status=status, server_label="shop", name="buy", error=error)


def approval(approve: bool) -> items.McpApprovalResponse:
    return items.McpApprovalResponse(id="item_1", approval_request_id="mcpr_1", approve=approve)


FAULT = items.ExecutionFault(message="Cancelled.")
ENDS: list[tuple[list[fx.AnyOutput], list[tuple[str, str]]]] = [
    (
        [
            McpCallCompleted(item_id="mcp_1", output_index=0),
            wire.OutputItemDone(response_id="resp_1", output_index=0, item=call("completed")),
        ],
        [("mcp", "completed")],
    ),
    (
        [
            McpCallFailed(item_id="mcp_1", output_index=0),
            wire.OutputItemDone(response_id="resp_1", output_index=0, item=call("incomplete", FAULT)),
        ],
        [("mcp", "failed")],
    ),
    (
        [wire.OutputItemDone(response_id="resp_1", output_index=0, item=call("incomplete"))],
        [("mcp", "incomplete")],
    ),
    # Its response is over, and the call goes on.
    ([wire.OutputItemDone(response_id="resp_1", output_index=0, item=call("in_progress"))], []),
    ([wire.ConversationItemDone(previous_item_id=None, item=approval(False))], [("mcp", "declined")]),
    ([wire.ConversationItemDone(previous_item_id=None, item=approval(True))], []),
]


@pytest.mark.parametrize(("outputs", "counted"), ENDS)
def test_a_call_of_a_server_is_counted_once(outputs: list[fx.AnyOutput], counted: list[tuple[str, str]]) -> None:
    notes = Notes()
    stopwatch = Stopwatch(notes)
    for output in outputs:
        stopwatch.output(output, 1.0)
    assert notes.calls == counted

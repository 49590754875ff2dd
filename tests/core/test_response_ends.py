"""PROTOCOL.md 3.11 and 4.13: how a response can end, and that the next one works."""

from __future__ import annotations

from tests.core.caller import Caller, said, show, tags

from vivavoce.core import effects as fx
from vivavoce.core.response import TABLE, Happening, State, diagram
from vivavoce.protocol import server as wire


def answering() -> Caller:
    caller = Caller()
    caller.speak_turn()
    caller.words("I will")
    caller.sound(200)
    return caller


def test_the_token_limit_makes_it_incomplete() -> None:
    outputs = answering().tell(fx.AnswerFinished(response_id="resp_1", reason="length", output_tokens=20))
    assert show(outputs)[-2:] == [
        "response.output_item.done response_id=resp_1 output_index=0 "
        "item=item_2:assistant:incomplete[output_audio:'I will']",
        "response.done response=resp_1:incomplete:max_output_tokens[item_2]",
    ]


def test_a_filter_makes_it_incomplete() -> None:
    outputs = answering().tell(fx.AnswerFinished(response_id="resp_1", reason="content_filter"))
    assert show(outputs)[-1] == "response.done response=resp_1:incomplete:content_filter[item_2]"


def test_an_engine_error_makes_it_failed_with_a_reason() -> None:
    outputs = answering().tell(fx.AnswerFailed(response_id="resp_1", code="engine_failed", message="Broken."))
    assert show(outputs)[-1] == "response.done response=resp_1:failed:engine_failed[item_2]"
    (finished,) = (output for output in outputs if isinstance(output, wire.ResponseDone))
    assert finished.response.status_details == wire.StatusDetails(
        type="failed", error=wire.ResponseErrorBody(type="server_error", code="engine_failed", message="Broken.")
    )


def test_an_engine_that_fails_at_once_gives_a_failed_response_without_output() -> None:
    caller = Caller()
    caller.speak_turn()
    outputs = caller.tell(fx.AnswerFailed(response_id="resp_1", code="engine_timeout", message="Slow."))
    assert show(outputs) == ["response.done response=resp_1:failed:engine_timeout[]"]


def test_after_a_failure_the_next_turn_works() -> None:
    caller = answering()
    caller.tell(fx.AnswerFailed(response_id="resp_1", code="engine_failed", message="Broken."))
    caller.speak_turn()
    assert show(caller.answer(response="resp_2"))[-1] == "response.done response=resp_2:completed[item_4]"


def test_an_engine_event_for_no_response_is_dropped() -> None:
    assert Caller().words("Hello?", "resp_9") == []


def test_an_answer_deleted_in_progress_still_ends_and_stays_deleted() -> None:
    caller = answering()
    caller.send("conversation.item.delete", item_id="item_2")
    caller.sound(100)
    closing = tags(caller.finish())
    assert "conversation.item.done" not in closing
    assert closing[-2:] == ["response.output_item.done", "response.done"]
    assert caller.item("item_2") is None


def test_an_item_that_took_the_id_of_a_deleted_answer_is_not_overwritten() -> None:
    caller = answering()
    caller.send("conversation.item.delete", item_id="item_2")
    content = [{"type": "input_text", "text": "Mine."}]
    item = {"id": "item_2", "type": "message", "role": "user", "content": content}
    caller.send("conversation.item.create", item=item)
    caller.sound(100)
    caller.finish()
    kept = caller.item("item_2")
    assert kept is not None
    assert said(kept).role == "user"


def test_an_unfinished_answer_is_no_context_for_another() -> None:
    caller = answering()
    outputs = caller.send("response.create", response={"conversation": "none"})
    (start,) = (output for output in outputs if isinstance(output, fx.StartResponse))
    assert [item.id for item in start.context.items] == ["item_1"]


def test_every_state_that_lives_knows_every_happening() -> None:
    living = {(state, happening) for state in (State.WAITING, State.ANSWERING) for happening in Happening}
    # Without a call there is none to wait for; and an engine that is done does nothing more.
    ends = {Happening.FINISHED, Happening.CUT_OFF, Happening.CANCELLED}
    waiting = {(State.CALLING, happening) for happening in ends}
    assert set(TABLE) == (living - {(State.WAITING, Happening.LEFT)}) | waiting


def test_the_diagram_draws_every_edge_and_every_end() -> None:
    lines = diagram().splitlines()
    assert lines[:2] == ["stateDiagram-v2", "    [*] --> waiting"]
    assert "    answering --> cancelled: cancel or barge-in" in lines
    assert [line for line in lines if line.endswith("--> [*]")] == [
        f"    {state} --> [*]" for state in ("completed", "incomplete", "cancelled", "failed")
    ]
    assert len(lines) == 2 + len(TABLE) + 4

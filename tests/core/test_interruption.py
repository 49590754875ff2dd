"""PROTOCOL.md 4.6 and 4.12: barge-in, cancel, and answers that may not be interrupted."""

from __future__ import annotations

from tests.core.caller import Caller, done, error, refusal, show, started, tags

from vivavoce.core import effects as fx


def answering(**detection: object) -> Caller:
    """In the middle of the answer to a first turn."""
    caller = Caller()
    if detection:
        caller.detect(type="server_vad", **detection)
    caller.speak_turn()
    caller.words("I will tell")
    caller.sound(500)
    return caller


def test_speech_cancels_the_answer() -> None:
    caller = answering()
    assert show(caller.hear(96, 0.9)) == [
        "input_audio_buffer.speech_started item_id=item_3 audio_start_ms=832",
        "cancel_response response_id=resp_1",
        "response.output_audio.done at=resp_1/item_2/0/0",
        "response.output_audio_transcript.done at=resp_1/item_2/0/0 transcript='I will tell'",
        "response.content_part.done at=resp_1/item_2/0/0 part=audio:'I will tell'",
        "conversation.item.done previous_item_id=item_1 item=item_2:assistant:incomplete[output_audio:'I will tell']",
        "response.output_item.done response_id=resp_1 output_index=0 "
        "item=item_2:assistant:incomplete[output_audio:'I will tell']",
        "response.done response=resp_1:cancelled:turn_detected[item_2]",
    ]


def test_what_the_engine_still_says_is_dropped() -> None:
    caller = answering()
    caller.hear(96, 0.9)
    late = [*caller.began(), *caller.words("more"), *caller.sound(100), *caller.finish()]
    assert late == []
    assert caller.tell(fx.AnswerFailed(response_id="resp_1", code="engine_failed", message="Late.")) == []


def test_an_answer_that_has_not_begun_ends_without_an_item() -> None:
    caller = Caller()
    caller.speak_turn()
    assert show(caller.hear(96, 0.9))[1:] == [
        "cancel_response response_id=resp_1",
        "response.done response=resp_1:cancelled:turn_detected[]",
    ]


def test_the_new_turn_gets_its_own_answer() -> None:
    caller = answering()
    outputs = caller.speak_turn()
    assert [item.id for item in started(outputs).context.items] == ["item_1", "item_2", "item_3"]


def test_a_cancelled_response_costs_the_audio_that_was_sent() -> None:
    usage = done(answering().hear(96, 0.9)).usage
    assert usage is not None
    assert (usage.output_tokens, usage.output_token_details.audio_tokens) == (10, 10)


def test_the_client_cancels() -> None:
    caller = answering()
    outputs = caller.send("response.cancel")
    assert show(outputs)[0] == "cancel_response response_id=resp_1"
    assert show(outputs)[-1] == "response.done response=resp_1:cancelled:client_cancelled[item_2]"


def test_the_client_cancels_by_id() -> None:
    assert "response.done" in tags(answering().send("response.cancel", response_id="resp_1"))


def test_a_cancel_with_nothing_running_is_refused() -> None:
    body = error(Caller().send("response.cancel", event_id="mine"))
    assert (body.code, body.param, body.event_id) == ("response_cancel_not_active", None, "mine")
    assert body.message == "Cancellation failed: no active response found"


def test_a_cancel_of_another_response_is_refused() -> None:
    caller = answering()
    assert refusal(caller.send("response.cancel", response_id="resp_9")) == ("response_cancel_not_active", None)
    assert tags(caller.words("still here")) == ["response.output_audio_transcript.delta"]


def test_a_cancel_after_the_end_is_refused() -> None:
    caller = answering()
    caller.finish()
    assert refusal(caller.send("response.cancel")) == ("response_cancel_not_active", None)


def test_a_second_response_while_one_runs_is_refused() -> None:
    body = error(answering().send("response.create", event_id="mine"))
    assert (body.code, body.event_id) == ("conversation_already_has_active_response", "mine")
    assert body.message == (
        "Conversation already has an active response in progress: resp_1. "
        "Wait until the response is finished before creating a new one."
    )


def test_without_interrupt_response_the_answer_goes_on() -> None:
    caller = answering(interrupt_response=False)
    assert tags(caller.hear(96, 0.9)) == ["input_audio_buffer.speech_started"]
    assert tags(caller.words(" more")) == ["response.output_audio_transcript.delta"]


def test_a_turn_beside_an_answer_gets_its_own_answer_after_it() -> None:
    caller = answering(interrupt_response=False)
    assert not any(isinstance(output, fx.StartResponse) for output in caller.speak_turn())
    outputs = caller.finish()
    assert tags(outputs)[-3:] == ["response.done", "response.created", "start_response"]
    assert [item.id for item in started(outputs).context.items] == ["item_1", "item_2", "item_3"]


def test_two_turns_beside_an_answer_get_one_answer() -> None:
    caller = answering(interrupt_response=False)
    caller.speak_turn()
    caller.speak_turn()
    assert tags(caller.finish())[-1] == "start_response"
    assert tags(caller.finish("resp_2")) == ["response.done"]


def test_an_owed_answer_comes_after_a_cancel_too() -> None:
    caller = answering(interrupt_response=False)
    caller.speak_turn()
    assert tags(caller.send("response.cancel"))[-1] == "start_response"


def test_a_new_utterance_takes_over_what_was_owed() -> None:
    caller = answering(interrupt_response=False)
    caller.speak_turn()
    caller.detect(type="server_vad", interrupt_response=True)
    assert tags(caller.hear(96, 0.9))[-1] == "response.done"  # and no new response

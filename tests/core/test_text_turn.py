"""PROTOCOL.md 4.4: a written question and its written answer."""

from __future__ import annotations

from tests.core.caller import Caller, done, show, tags

from vivavoce.core import effects as fx
from vivavoce.protocol import server as wire
from vivavoce.protocol.usage import CachedTokensDetails, InputTokenDetails, OutputTokenDetails, Usage

QUESTION = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}


def asked() -> Caller:
    caller = Caller(output_modalities=["text"])
    caller.send("conversation.item.create", item=QUESTION)
    return caller


def test_a_session_begins_with_session_created_and_a_warm_up() -> None:
    assert show(Caller().started) == ["session.created session=sess_1", "warm context=[]"]


def test_the_question_is_added_and_done() -> None:
    caller = Caller()
    assert show(caller.send("conversation.item.create", item=QUESTION)) == [
        "conversation.item.added previous_item_id=None item=item_1:user:completed[input_text:'Hi']",
        "conversation.item.done previous_item_id=None item=item_1:user:completed[input_text:'Hi']",
    ]


def test_the_answer_comes_in_the_order_of_the_service() -> None:
    caller = asked()
    assert show(caller.send("response.create")) == [
        "response.created response=resp_1:in_progress[]",
        "start_response response_id=resp_1 context=[item_1] format=(rate=24000)",
    ]
    assert show([*caller.began(), *caller.words("Hel"), *caller.words("lo"), *caller.finish()]) == [
        "response.output_item.added response_id=resp_1 output_index=0 item=item_2:assistant:in_progress[]",
        "conversation.item.added previous_item_id=item_1 item=item_2:assistant:in_progress[]",
        "response.content_part.added at=resp_1/item_2/0/0 part=text:''",
        "response.output_text.delta at=resp_1/item_2/0/0 delta=Hel",
        "response.output_text.delta at=resp_1/item_2/0/0 delta=lo",
        "response.output_text.done at=resp_1/item_2/0/0 text=Hello",
        "response.content_part.done at=resp_1/item_2/0/0 part=text:'Hello'",
        "conversation.item.done previous_item_id=item_1 item=item_2:assistant:completed[output_text:'Hello']",
        "response.output_item.done response_id=resp_1 output_index=0 "
        "item=item_2:assistant:completed[output_text:'Hello']",
        "response.done response=resp_1:completed[item_2]",
    ]


def test_a_first_token_before_the_first_words_opens_the_item_once() -> None:
    caller = asked()
    caller.send("response.create")
    assert tags(caller.began())[0] == "response.output_item.added"
    assert caller.began() == []


def test_the_response_shows_what_was_asked_of_it_and_what_it_cost() -> None:
    caller = asked()
    (created, _) = caller.send("response.create")
    assert isinstance(created, wire.ResponseCreated)
    assert created.response == wire.ResponseObject(
        id="resp_1",
        status="in_progress",
        status_details=None,
        output=(),
        conversation_id="conv_1",
        output_modalities=("text",),
        max_output_tokens="inf",
        audio=wire.ResponseAudio(
            output=wire.ResponseOutput(format=caller.session.settings.audio.output.format, voice="alloy")
        ),
        usage=None,
        metadata=None,
    )
    caller.words("Hello")
    response = done(caller.finish(input_tokens=120, output_tokens=7, cached_tokens=64))
    assert response.usage == Usage(
        total_tokens=127,
        input_tokens=120,
        output_tokens=7,
        input_token_details=InputTokenDetails(
            text_tokens=120, cached_tokens=64, cached_tokens_details=CachedTokensDetails(text_tokens=64)
        ),
        output_token_details=OutputTokenDetails(text_tokens=7),
    )


def test_audio_from_an_engine_that_was_asked_for_text_is_dropped() -> None:
    caller = asked()
    caller.send("response.create")
    assert caller.sound(100) == []
    assert tags(caller.words("Hello"))[-1] == "response.output_text.delta"


def test_an_engine_that_finishes_without_a_word_gives_a_response_without_output() -> None:
    caller = asked()
    caller.send("response.create")
    assert show(caller.finish()) == ["response.done response=resp_1:completed[]"]


def test_the_next_answer_knows_the_question_and_the_answer() -> None:
    caller = asked()
    caller.send("response.create")
    caller.words("Hello")
    caller.finish()
    (_, start) = caller.send("response.create")
    assert isinstance(start, fx.StartResponse)
    assert [item.id for item in start.context.items] == ["item_1", "item_2"]
    assert start.context.instructions == "Be kind."

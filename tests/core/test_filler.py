"""A word while the client's function takes its time, where the configuration asks for one."""

from __future__ import annotations

from msgspec.structs import replace
from tests.core.caller import CAN, Caller, done, refusal, show, started, tags

from vivavoce.core import effects as fx
from vivavoce.core.capabilities import Capabilities

FILLS = replace(CAN, tools=True, filler="One moment.", filler_after_s=3.0)
TOOLS = [{"type": "function", "name": "weather"}]
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "Rain."}


def waiting(can: Capabilities = FILLS, modality: str = "audio") -> Caller:
    """A caller whose client runs a function; a second passed until it was called."""
    caller = Caller(can=can, tools=TOOLS, output_modalities=[modality])
    caller.send("response.create")
    caller.now += 1.0
    caller.call("weather", "{}")
    caller.finish()
    return caller


def filling(caller: Caller) -> list[fx.Output]:
    """The time has come."""
    deadline = caller.session.deadline()
    assert deadline is not None
    caller.now = deadline
    return caller.tell(fx.Tick())


def test_it_is_said_word_for_word_when_nobody_has_spoken_for_a_while() -> None:
    caller = waiting()
    assert caller.session.deadline() == caller.now + 3.0
    caller.now += 2.9
    assert caller.tell(fx.Tick()) == []
    outputs = filling(caller)
    assert tags(outputs) == ["response.created", "start_response"]
    context = started(outputs).context
    assert (context.verbatim, context.tools, context.items) == ("One moment.", (), ())
    caller.answer("One moment.", response="resp_2")
    assert started(caller.send("response.create")).context.items[-1].id == "item_2"  # it was heard


def test_it_is_said_once_for_each_call() -> None:
    caller = waiting()
    filling(caller)
    caller.answer("One moment.", response="resp_2")
    assert caller.session.deadline() is None
    caller.send("response.create")
    caller.call("weather", "{}", response="resp_3")
    caller.finish("resp_3")
    assert tags(filling(caller)) == ["response.created", "start_response"]


def test_it_waits_until_what_was_said_has_been_played() -> None:
    caller = Caller(can=FILLS, tools=TOOLS)
    caller.send("response.create")
    caller.words("Let me look.")
    caller.sound(2000)
    caller.call("weather", "{}")
    assert caller.session.deadline() is None
    caller.finish()
    assert caller.session.deadline() == caller.now + 2.0 + 3.0


def test_the_output_comes_in_time() -> None:
    caller = waiting()
    caller.send("conversation.item.create", item=OUTPUT)
    assert caller.session.deadline() is None


def test_a_call_that_is_deleted_is_not_waited_for() -> None:
    caller = waiting()
    caller.send("conversation.item.delete", item_id="item_1")
    assert caller.session.deadline() is None


def test_nothing_is_said_into_what_somebody_says() -> None:
    caller = waiting()
    caller.hear(320, 0.9)
    assert caller.session.deadline() is None
    caller.hear(224, 0.0)
    assert caller.session.deadline() is None  # the turn is being answered
    caller.answer("Still looking.", ms=1000, response="resp_2")
    assert caller.session.deadline() == caller.now + 1.0 + 3.0


def test_it_is_for_calls_of_this_conversation() -> None:
    caller = Caller(can=FILLS, tools=TOOLS)
    caller.send("response.create", response={"conversation": "none"})
    caller.call("weather", "{}")
    caller.finish()
    call = {"type": "function_call", "name": "weather", "call_id": "call_9", "arguments": "{}"}
    caller.send("conversation.item.create", item=call)
    caller.send("response.create")
    caller.answer(response="resp_2")
    assert caller.session.deadline() is None


def test_a_call_that_was_cut_off_is_not_waited_for() -> None:
    caller = Caller(can=FILLS, tools=TOOLS)
    caller.send("response.create")
    caller.tell(fx.AnswerCall(response_id="resp_1", name="weather"))
    caller.send("response.cancel")
    assert caller.session.deadline() is None


def test_nothing_is_said_where_it_is_not_asked_for() -> None:
    assert waiting(replace(CAN, tools=True)).session.deadline() is None
    assert waiting(modality="text").session.deadline() is None


def test_nothing_is_said_over_the_rate_limit() -> None:
    caller = waiting(replace(FILLS, tokens_per_minute=60))
    caller.send("response.create")
    caller.finish("resp_2", input_tokens=1000)
    assert caller.session.deadline() == caller.now + 3.0
    assert filling(caller) == []
    assert caller.session.deadline() is None


def test_an_answer_that_is_asked_for_takes_its_place() -> None:
    caller = waiting()
    filling(caller)
    caller.words("One moment.", response="resp_2")
    caller.send("conversation.item.create", item=OUTPUT)
    outputs = caller.send("response.create")
    assert show(outputs)[0] == "cancel_response response_id=resp_2"
    assert done(outputs).id == "resp_2"
    assert [tag for tag in tags(outputs) if tag != "rate_limits.updated"][-3:] == [
        "response.done",
        "response.created",
        "start_response",
    ]
    command = started(outputs)
    assert (command.response_id, command.context.verbatim) == ("resp_3", None)
    assert refusal(caller.send("response.create"))[0] == "conversation_already_has_active_response"


def test_a_request_that_is_refused_leaves_it_alone() -> None:
    caller = waiting()
    filling(caller)
    assert refusal(caller.send("response.create", response={"input": [{"type": "item_reference", "id": "x"}]}))
    assert tags(caller.words("One moment.", response="resp_2"))[-1] == "response.output_audio_transcript.delta"


def test_an_answer_outside_the_conversation_leaves_it_alone() -> None:
    caller = waiting()
    filling(caller)
    outputs = caller.send("response.create", response={"conversation": "none"})
    assert tags(outputs) == ["response.created", "start_response"]


def test_a_turn_that_may_not_interrupt_it_is_answered_once() -> None:
    caller = waiting()
    caller.detect(type="server_vad", interrupt_response=False)
    filling(caller)
    caller.speak_turn()
    outputs = caller.send("response.create")
    assert tags(outputs).count("start_response") == 1
    assert "start_response" not in tags(caller.finish("resp_3"))


def test_the_caller_may_interrupt_it() -> None:
    caller = waiting()
    filling(caller)
    assert "cancel_response" in tags(caller.hear(320, 0.9))


def test_on_a_call_it_waits_until_the_line_has_played_what_was_said() -> None:
    caller = Caller(can=replace(FILLS, media=True), tools=TOOLS)
    caller.send("response.create")
    caller.words("Let me look.")
    caller.sound(2000)
    caller.call("weather", "{}")
    caller.finish()
    assert caller.session.deadline() is None
    caller.now += 2.0
    caller.tell(fx.PlaybackStopped(response_id="resp_1"))
    assert caller.session.deadline() == caller.now + 3.0


def test_the_end_of_a_session_comes_first() -> None:
    caller = Caller(can=FILLS, tools=TOOLS, expires_in=2.0)
    caller.send("response.create")
    caller.call("weather", "{}")
    caller.finish()
    caller.now += 5.0
    assert tags(caller.tell(fx.Tick())) == ["error", "close"]
    assert tags(caller.tell(fx.Tick())) == ["response.created", "start_response"]

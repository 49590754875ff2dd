"""PROTOCOL.md 3.9 and 4.9: overrides of one response, and responses beside the conversation."""

from __future__ import annotations

import pytest
from tests.core.caller import Caller, b64, done, error, pcm, refusal, said, show, started, tags

from vivavoce.core import effects as fx
from vivavoce.protocol import server as wire
from vivavoce.protocol.items import InputText
from vivavoce.protocol.session import AudioPcmu


def create(caller: Caller, **response: object) -> list[fx.Output]:
    return caller.send("response.create", response=response)


def text(words: str) -> dict[str, object]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": words}]}


def test_it_has_no_conversation_and_no_item_events() -> None:
    caller = Caller()
    (created, _) = create(caller, conversation="none", output_modalities=["text"])
    assert isinstance(created, wire.ResponseCreated)
    assert created.response.conversation_id is None
    assert tags([*caller.words("Aside."), *caller.finish()]) == [
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
    ]
    assert caller.item("item_1") is None


def test_metadata_comes_back_in_created_and_done() -> None:
    caller = Caller()
    (created, _) = create(caller, conversation="none", metadata={"topic": "tea"})
    assert isinstance(created, wire.ResponseCreated)
    assert created.response.metadata == {"topic": "tea"}
    assert done(caller.finish()).metadata == {"topic": "tea"}


def test_several_run_at_once_beside_the_conversation() -> None:
    caller = Caller()
    create(caller, conversation="none")
    create(caller)
    create(caller, conversation="none")
    for response in ("resp_3", "resp_1", "resp_2"):
        assert tags(caller.answer(response=response))[-1] == "response.done"


def test_speech_does_not_stop_it() -> None:
    caller = Caller()
    create(caller, conversation="none")
    assert tags(caller.hear(96, 0.9)) == ["input_audio_buffer.speech_started"]
    assert tags(caller.finish()) == ["response.done"]


def test_it_is_cancelled_by_its_id_only() -> None:
    caller = Caller()
    create(caller, conversation="none")
    assert refusal(caller.send("response.cancel")) == ("response_cancel_not_active", None)
    assert tags(caller.send("response.cancel", response_id="resp_1")) == ["cancel_response", "response.done"]


def test_its_audio_does_not_lock_the_voice() -> None:
    caller = Caller()
    create(caller, conversation="none")
    caller.answer()
    assert tags(caller.update(audio={"output": {"voice": "echo"}})) == ["session.updated"]


def test_input_replaces_the_context() -> None:
    caller = Caller()
    caller.send("conversation.item.create", item=text("In the conversation."))
    context = started(create(caller, conversation="none", input=[text("Instead.")])).context
    assert [said(item).content for item in context.items] == [(InputText("Instead."),)]


def test_an_empty_input_is_an_empty_context() -> None:
    caller = Caller()
    caller.send("conversation.item.create", item=text("In the conversation."))
    assert started(create(caller, input=[])).context.items == ()


def test_a_reference_is_the_item_of_the_conversation() -> None:
    caller = Caller()
    caller.send("conversation.item.create", item=text("One."))
    caller.send("conversation.item.create", item=text("Two."))
    given = [{"type": "item_reference", "id": "item_2"}, text("Three.")]
    context = started(create(caller, conversation="none", input=given)).context
    assert [said(item).content for item in context.items] == [(InputText("Two."),), (InputText("Three."),)]


def test_a_reference_to_nothing_is_refused() -> None:
    body = error(create(Caller(), input=[{"type": "item_reference", "id": "item_9"}]))
    assert (body.code, body.param) == ("item_not_found", "response.input[0].id")
    assert body.message == "Item with item_id not found: item_9"


def test_content_that_does_not_belong_to_the_role_is_refused() -> None:
    item = {"type": "message", "role": "assistant", "content": [{"type": "input_text", "text": "x"}]}
    assert refusal(create(Caller(), input=[text("ok"), item])) == (
        "invalid_value",
        "response.input[1].content[0].type",
    )


def test_a_recording_that_comes_with_the_request_is_transcribed_first() -> None:
    caller = Caller()
    item = {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": b64(pcm(500))}]}
    outputs = create(caller, conversation="none", input=[item])
    assert show(outputs) == [
        "transcribe item_id=item_1 pcm=24000B voice_end=None tentative=False telephone=False hint=None",
        "response.created response=resp_1:in_progress[]",
        "start_response response_id=resp_1 context=[item_1] format=(rate=24000)",
    ]
    usage = done(caller.finish()).usage
    assert usage is not None
    assert usage.input_token_details.audio_tokens == 5


def test_an_item_of_the_request_cannot_pass_for_one_of_the_conversation() -> None:
    caller = Caller()
    caller.send("conversation.item.create", item={"id": "mine", **text("Kept.")})
    context = started(create(caller, conversation="none", input=[{"id": "mine", **text("Other.")}])).context
    assert [item.id for item in context.items] == ["item_1"]


def test_its_transcript_is_nobodys_caption() -> None:
    caller = Caller(audio={"input": {"transcription": {}}})
    item = {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": b64(pcm(500))}]}
    create(caller, conversation="none", input=[item])
    assert caller.tell(fx.TranscriptReady(item_id="item_1", text="Hello.", seconds=0.5)) == []


def test_overrides_hold_for_one_response() -> None:
    caller = Caller()
    once = {
        "instructions": "Be brief.",
        "max_output_tokens": 20,
        "output_modalities": ["text"],
        "audio": {"output": {"voice": "echo", "format": {"type": "audio/pcmu"}}},
    }
    outputs = create(caller, **once)
    start = started(outputs)
    assert start.format == AudioPcmu()
    context = start.context
    assert (context.instructions, context.max_output_tokens, context.modality) == ("Be brief.", 20, "text")
    assert context.voice == "echo"
    (created, *_) = outputs
    assert isinstance(created, wire.ResponseCreated)
    assert (created.response.max_output_tokens, created.response.audio.output.voice) == (20, "echo")
    caller.finish()
    after = started(create(caller))
    assert (after.context.instructions, after.context.max_output_tokens) == ("Be kind.", None)
    assert (after.context.modality, after.context.voice, after.format) == (
        "audio",
        "alloy",
        caller.session.settings.audio.output.format,
    )


def test_inf_lifts_the_limit_of_the_session() -> None:
    caller = Caller(max_output_tokens=10)
    assert started(create(caller)).context.max_output_tokens == 10
    caller.finish()
    assert started(create(caller, max_output_tokens="inf", audio={})).context.max_output_tokens is None


@pytest.mark.parametrize(
    ("response", "code", "param"),
    [
        ({"output_modalities": ["text", "audio"]}, "invalid_value", "response.output_modalities"),
        ({"output_modalities": []}, "invalid_value", "response.output_modalities"),
        ({"audio": {"output": {"voice": "nobody"}}}, "invalid_value", "response.audio.output.voice"),
        ({"audio": {"output": {"voice": {"id": "v"}}}}, "unsupported_value", "response.audio.output.voice.id"),
        ({"tools": [{"type": "function", "name": "f"}]}, "unsupported_value", "response.tools"),
        ({"tool_choice": "required"}, "unsupported_value", "response.tool_choice"),
        ({"tool_choice": {"type": "function", "name": "f"}}, "unsupported_value", "response.tool_choice"),
        ({"parallel_tool_calls": True}, "unsupported_value", "response.parallel_tool_calls"),
        ({"reasoning": {"effort": "low"}}, "unsupported_value", "response.reasoning"),
        ({"prompt": {"id": "pmpt_1"}}, "invalid_value", "response.prompt.id"),
    ],
)
def test_what_is_not_served_is_refused_by_name_and_nothing_starts(
    response: dict[str, object], code: str, param: str
) -> None:
    caller = Caller()
    assert refusal(create(caller, **response)) == (code, param)
    assert tags(create(caller)) == ["response.created", "start_response"]


def test_after_assistant_audio_another_voice_is_refused_inside_the_conversation_only() -> None:
    caller = Caller()
    create(caller)
    caller.answer()
    other = {"audio": {"output": {"voice": "echo"}}}
    assert refusal(create(caller, **other)) == ("cannot_update_voice", None)
    assert tags(create(caller, conversation="none", **other)) == ["response.created", "start_response"]
    assert tags(create(caller, audio={"output": {"voice": "alloy"}})) == ["response.created", "start_response"]

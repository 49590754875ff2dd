"""What the other server answers becomes the parts of the port."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest
from tests.engines.realtime.helpers import (
    ending,
    heard_ms,
    parts_of,
    prompt,
    run,
    session,
    spoken,
    user,
    words,
)
from tests.engines.remote_helpers import CLOCK, WEATHER
from tests.patience import WHOLE_S, until

from vivavoce.engines.realtime.link import Patience
from vivavoce.engines.realtime.responder import RealtimeResponder
from vivavoce.ports import (
    Began,
    CallArguments,
    CallBegan,
    CallEnded,
    EngineError,
    Image,
    Message,
    Retention,
    SpokenAudio,
    SpokenText,
    TokenUsage,
    ToolCall,
    ToolOutput,
    Voice,
)
from vivavoce.testing.remote_realtime import RemoteRealtime
from vivavoce.testing.remote_reply import Reply
from vivavoce.testing.tool_check import WholeCall, whole_calls

HELLO = user("Hello.")


@pytest.mark.parametrize("reply", [Reply(), Reply(leading=True), Reply(trailing=True), Reply(beta=True)])
def test_words_come_before_the_audio_that_says_them(reply: Reply) -> None:
    async def main() -> None:
        async with session(reply) as (dialogue, server):
            parts = await parts_of(dialogue, prompt(HELLO))
            assert isinstance(parts[0], Began)
            assert words(parts) == "Hello from afar."
            assert heard_ms(parts) == 1080
            assert reply.trailing or isinstance(parts[1], SpokenText)
            assert max(part.audio.ms for part in parts if isinstance(part, SpokenAudio)) <= 100
            server.assert_finished()

    run(main)


def test_usage_and_the_reasons_of_an_end() -> None:
    usage = {
        "input_tokens": 20,
        "output_tokens": 9,
        "input_token_details": {"audio_tokens": 5, "image_tokens": 2, "cached_tokens": 4, "text_tokens": 13},
        "output_token_details": {"audio_tokens": 6, "text_tokens": 3},
    }
    cut, filtered = (
        Reply(status="incomplete", reason=each, usage=usage) for each in ("max_output_tokens", "content_filter")
    )

    async def main() -> None:
        async with session(cut, filtered, Reply()) as (dialogue, _):
            ends = [ending(await parts_of(dialogue, prompt(HELLO))) for _ in range(3)]
            assert [each.reason for each in ends] == ["length", "content_filter", "stop"]
            assert ends[0].usage == TokenUsage(20, 9, 4, 2, 5, 6)
            assert ends[2].usage == TokenUsage(1, audio_tokens=0)

    run(main)


def test_several_calls_at_once_come_one_after_the_other() -> None:
    calls = [("weather", '{"city": "Rome"}'), ("clock", "{}")]

    async def main() -> None:
        async with session(Reply("One moment.", calls, interleaved=True)) as (dialogue, server):
            parts = await parts_of(dialogue, prompt(HELLO, tools=(WEATHER, CLOCK)))
            assert whole_calls(parts) == [WholeCall(*each) for each in calls]
            tools = server.sessions[0].settings["tools"]
            assert isinstance(tools, list)
            assert [tool["name"] for tool in tools] == ["weather", "clock"]
            server.assert_finished()

    run(main)


def test_arguments_stream() -> None:
    async def main() -> None:
        async with session(Reply("", [("weather", '{"city": "Rome"}')])) as (dialogue, _):
            parts = await parts_of(dialogue, prompt(HELLO, tools=(WEATHER,)))
            assert parts[:4] == [
                CallBegan("weather"),
                CallArguments('{"c'),
                CallArguments('ity": "Rome"}'),
                CallEnded(),
            ]

    run(main)


def test_outputs_go_to_the_calls_that_it_made_itself() -> None:
    async def main() -> None:
        async with session(Reply("", [("clock", "{}"), ("clock", "{}")]), Reply("Noon.")) as (dialogue, server):
            asked = prompt(HELLO, tools=(CLOCK,))
            await parts_of(dialogue, asked)
            made = Message("assistant", (ToolCall("ours_1", "clock", "{}"), ToolCall("ours_2", "clock", "{}")))
            out = Message("tool", (ToolOutput("ours_2", "noon"), ToolOutput("ours_1", "one")))
            await parts_of(dialogue, replace(asked, messages=(HELLO, made, out)))
            (upstream,) = server.sessions
            first, second, *outputs = upstream.asked[1][1:]
            assert [(each["call_id"], each["output"]) for each in outputs] == [
                (second["call_id"], "noon"),
                (first["call_id"], "one"),
            ]
            assert "conversation.item.delete" not in upstream.kinds()
            server.assert_finished()

    run(main)


def test_calls_of_an_earlier_connection_are_told_again() -> None:
    async def main() -> None:
        async with session() as (dialogue, server):
            made = Message("assistant", ("Let me see.", ToolCall("c1", "clock", "{}")))
            history = (
                HELLO,
                made,
                user("Hurry."),
                Message("tool", (ToolOutput("c1", "noon"), ToolOutput("c0", "lost"))),
            )
            await parts_of(dialogue, prompt(*history))
            kinds = [(item["type"], item.get("role")) for item in server.sessions[0].asked[0]]
            assert kinds == [
                ("message", "user"),
                ("message", "assistant"),
                ("function_call", None),
                ("message", "user"),
                ("function_call_output", None),
                ("message", "system"),
            ]
            server.assert_finished()

    run(main)


def test_what_may_be_called_is_said_for_each_answer() -> None:
    async def main() -> None:
        async with session() as (dialogue, server):
            asked = prompt(HELLO, tools=(WEATHER, CLOCK), tool_choice="required", callable=("clock",), max_tokens=50)
            await parts_of(dialogue, asked)
            response = server.sessions[0].received[-1]["response"]
            assert isinstance(response, dict)
            assert (response["tool_choice"], response["max_output_tokens"]) == ("required", 50)
            assert [tool["name"] for tool in response["tools"]] == ["clock"]

    run(main)


@pytest.mark.parametrize("call", [("delete_everything", "{}"), ("clock", "[1]"), ("clock", '{"half'), ("clock", "")])
def test_a_call_that_makes_no_sense_fails_the_answer(call: tuple[str, str]) -> None:
    async def main() -> None:
        async with session(Reply("", [call]), Reply("Well.")) as (dialogue, _):
            with pytest.raises(EngineError, match="called a tool"):
                await parts_of(dialogue, prompt(HELLO, tools=(CLOCK,)))
            assert words(await parts_of(dialogue, prompt(HELLO, tools=(CLOCK,)))) == "Well."

    run(main)


def test_pictures_are_shown_or_described() -> None:
    async def described() -> str:
        await asyncio.sleep(0)
        return "a red square"

    picture = Message("user", ("Look:", Image(b"png", "image/png", "low", described, 8, 8)))

    async def main() -> None:
        shown = []
        for images in (True, False):
            async with session(images=images) as (dialogue, server):
                await parts_of(dialogue, prompt(picture))
                shown.append(server.sessions[0].asked[0][0]["content"])
                server.assert_finished()
        assert shown == [
            [
                {"type": "input_text", "text": "Look:"},
                {"type": "input_image", "image_url": "data:image/png;base64,cG5n", "detail": "low"},
            ],
            [{"type": "input_text", "text": "Look:"}, {"type": "input_text", "text": "a red square"}],
        ]

    run(main)


def test_all_that_a_session_chooses_is_passed_on() -> None:
    async def main() -> None:
        async with session(voices=("nova",), voice_map={"guide": "voice_7"}) as (dialogue, server):
            asked = replace(prompt(HELLO), voice=Voice("guide", 1.25), truncation=Retention(0.8, 2000), effort="low")
            await parts_of(dialogue, replace(asked, parallel_tool_calls=False))
            settings, response = server.sessions[0].settings, server.sessions[0].received[-1]["response"]
            assert isinstance(response, dict)
            assert settings["audio"]["output"]["voice"] == "voice_7"  # type: ignore[index]
            assert settings["audio"]["output"]["speed"] == 1.25  # type: ignore[index]
            assert settings["truncation"] == {
                "type": "retention_ratio",
                "retention_ratio": 0.8,
                "token_limits": {"post_instructions": 2000},
            }
            assert (response["reasoning"], response["parallel_tool_calls"]) == ({"effort": "low"}, False)
            # What was named once goes back to its default by name.
            await parts_of(dialogue, replace(asked, voice=Voice("guide"), truncation="auto"))
            settings = server.sessions[0].settings
            assert settings["audio"]["output"]["speed"] == 1.0  # type: ignore[index]
            assert settings["truncation"] == "auto"
            server.assert_finished()

    run(main)


def test_given_words_are_refused_by_name() -> None:
    async def main() -> None:
        async with session() as (dialogue, _):
            with pytest.raises(EngineError, match="cannot be made to say given words"):
                await parts_of(dialogue, prompt(verbatim="One moment."))

    run(main)


def test_an_answer_that_is_left_is_cancelled_and_the_next_one_follows() -> None:
    async def main() -> None:
        async with session(Reply("A very long story, really.", pace=1.0), Reply("Yes?")) as (dialogue, server):
            async with aclosing(dialogue.respond(prompt(HELLO))) as parts:
                async for part in parts:
                    if isinstance(part, SpokenAudio):
                        break
            assert words(await parts_of(dialogue, prompt(HELLO, spoken(item="b")))) == "Yes?"
            (upstream,) = server.sessions
            assert len(upstream.cancelled) == 1
            assert [item["role"] for item in upstream.asked[1]] == ["user", "user"]
            server.assert_finished()

    run(main)


def test_an_answer_that_is_left_before_it_has_a_name_is_cancelled_as_soon_as_it_has_one() -> None:
    async def main() -> None:
        async with session(Reply(pace=1.0), Reply("Yes?")) as (dialogue, server):
            await dialogue.warm(prompt())
            waiting = asyncio.ensure_future(anext(dialogue.respond(prompt(HELLO))))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            assert words(await parts_of(dialogue, prompt(HELLO))) == "Yes?"
            assert len(server.sessions[0].cancelled) == 1

    run(main)


@pytest.mark.parametrize("metadata", [True, False])
def test_several_answers_at_once_do_not_mix(metadata: bool) -> None:
    replies = [Reply(f"This is number {word}.", pace=8.0, metadata=metadata) for word in ("one", "two", "three")]

    async def main() -> None:
        async with session(*replies) as (dialogue, server):
            asked = [prompt(HELLO), prompt(HELLO, aside=True), prompt(user("Another matter."), aside=True)]
            answers = await asyncio.gather(*(parts_of(dialogue, each) for each in asked))
            assert [words(each) for each in answers] == [reply.text for reply in replies]
            (upstream,) = server.sessions
            assert [len(items) for items in upstream.asked] == [1, 1, 1]
            assert [item["type"] for item in upstream.items] == ["message", "message"]  # the question, and one answer
            server.assert_finished()

    run(main)


def test_an_answer_aside_refers_to_what_is_held() -> None:
    async def main() -> None:
        async with session() as (dialogue, server):
            await dialogue.warm(prompt(HELLO))
            await parts_of(
                dialogue, prompt(HELLO, user("Sum it up."), aside=True, spoken=False, instructions="Sum up.")
            )
            (upstream,) = server.sessions
            response = upstream.received[-1]["response"]
            assert isinstance(response, dict)
            assert response["conversation"] == "none"
            assert response["instructions"] == "Sum up."
            assert [each["type"] for each in response["input"]] == ["item_reference", "message"]
            assert len(upstream.items) == 1
            server.assert_finished()

    run(main)


def test_an_answer_aside_has_the_speed_and_the_truncation_of_its_prompt() -> None:
    async def main() -> None:
        async with session() as (dialogue, server):
            await parts_of(dialogue, prompt(HELLO))
            aside = prompt(HELLO, aside=True, instructions="Sum up.")
            await parts_of(dialogue, replace(aside, voice=Voice("ash", 1.25), truncation="disabled"))
            (upstream,) = server.sessions
            settings = upstream.settings
            assert settings["audio"]["output"]["speed"] == 1.25  # type: ignore[index]
            assert settings["audio"]["output"]["voice"] == "alloy"  # type: ignore[index]
            assert (settings["truncation"], settings["instructions"]) == ("disabled", "Be brief.")
            assert upstream.kinds()[-2:] == ["session.update", "response.create"]
            await parts_of(dialogue, replace(aside, spoken=False, truncation="disabled"))
            assert upstream.kinds()[-1:] == ["response.create"]
            await parts_of(dialogue, prompt(HELLO))
            assert upstream.settings["audio"]["output"]["speed"] == 1.0  # type: ignore[index]
            server.assert_finished()

    run(main)


def test_the_speed_of_an_answer_beside_another_is_refused_by_name() -> None:
    async def main() -> None:
        async with session(Reply("One, two, three.", pace=4.0), Reply("Four.")) as (dialogue, server):
            async with aclosing(dialogue.respond(prompt(HELLO))) as parts:
                first = [await anext(parts)]
                aside = prompt(HELLO, aside=True)
                with pytest.raises(EngineError, match="cannot change `speed` while it gives another answer"):
                    await parts_of(dialogue, replace(aside, voice=Voice("alloy", 1.25)))
                assert words(await parts_of(dialogue, aside)) == "Four."
                assert words([*first, *[part async for part in parts]]) == "One, two, three."
            server.assert_finished()

    run(main)


def test_an_answer_aside_that_is_left_and_never_ends_is_forgotten() -> None:
    async def main() -> None:
        async with RemoteRealtime(Reply(stall_after=0)) as server:
            responder = RealtimeResponder(server.url, "any", patience=Patience(first=2 * WHOLE_S, cancelled=0.1))
            async with aclosing(responder.open()) as dialogue:
                await dialogue.warm(prompt(HELLO))
                async with asyncio.TaskGroup() as group:
                    aside = group.create_task(parts_of(dialogue, prompt(HELLO, aside=True)))
                    await until(lambda: bool(server.sessions and server.sessions[0].sent > 3))
                    aside.cancel()
                await until(lambda: responder.running == 0)
                assert words(await parts_of(dialogue, prompt(HELLO))) == "Hello from afar."
                assert len(server.sessions) == 1

    run(main)

"""What the other server holds of a conversation follows the prompts, step by step."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

from tests.engines.realtime.helpers import (
    assistant,
    ending,
    heard_ms,
    parts_of,
    prompt,
    run,
    said,
    session,
    spoken,
    user,
    words,
)
from tests.live import tone

from vivavoce.audio.pcm import Pcm
from vivavoce.ports import Message
from vivavoce.testing.remote_reply import Reply


def texts(items: list[dict[str, object]]) -> list[str]:
    """What each item says."""
    found = []
    for item in items:
        content = item.get("content")
        assert isinstance(content, list)
        found.append(
            "".join(str(part.get("text") or part.get("transcript") or f"<{part['type']}>") for part in content)
        )
    return found


def test_a_spoken_turn_is_answered_aloud() -> None:
    async def main() -> None:
        async with session() as (dialogue, server):
            parts = await parts_of(dialogue, prompt(spoken(item="a")))
            assert words(parts) == "Hello from afar."
            assert heard_ms(parts) == 1080
            assert ending(parts).reason == "stop"
            assert server.sessions[0].kinds() == [
                "session.update",
                "input_audio_buffer.append",
                "input_audio_buffer.commit",
                "response.create",
            ]
            assert texts(server.sessions[0].asked[0]) == ["<input_audio>"]
            server.assert_finished()

    run(main)


def test_what_is_held_already_is_not_sent_again() -> None:
    async def main() -> None:
        async with session(Reply("One."), Reply("Two.")) as (dialogue, server):
            first = spoken(item="a")
            await parts_of(dialogue, prompt(first))
            await parts_of(dialogue, prompt(first, assistant("One."), user("And then?")))
            (upstream,) = server.sessions
            assert upstream.kinds()[4:] == ["conversation.item.create", "response.create"]
            assert texts(upstream.asked[1]) == ["<input_audio>", "One.", "And then?"]
            server.assert_finished()

    run(main)


def test_an_answer_that_was_cut_is_remembered_as_far_as_it_was_heard() -> None:
    async def main() -> None:
        async with session(Reply("One two three."), Reply("Good.")) as (dialogue, server):
            await parts_of(dialogue, prompt(user("Count.")))
            await parts_of(dialogue, prompt(user("Count."), assistant("One"), user("Stop.")))
            assert texts(server.sessions[0].asked[1]) == ["Count.", "One", "Stop."]
            server.assert_finished()

    run(main)


def test_an_answer_of_which_nothing_was_heard_is_forgotten() -> None:
    async def main() -> None:
        async with session(Reply("One two three."), Reply("Good.")) as (dialogue, server):
            await parts_of(dialogue, prompt(user("Count.")))
            await parts_of(dialogue, prompt(user("Count."), user("Stop.")))
            assert texts(server.sessions[0].asked[1]) == ["Count.", "Stop."]
            server.assert_finished()

    run(main)


def test_items_change_in_the_middle() -> None:
    async def main() -> None:
        async with session() as (dialogue, server):
            a, b, c = user("A"), user("B"), user("C")
            await dialogue.warm(prompt(a, b, c))
            await dialogue.warm(prompt(user("first"), a, user("between"), c))
            await parts_of(dialogue, prompt(user("first"), a, user("between"), c, user("last")))
            assert texts(server.sessions[0].asked[0]) == ["first", "A", "between", "C", "last"]
            assert server.sessions[0].kinds().count("conversation.item.create") == 6
            server.assert_finished()

    run(main)


def test_a_turn_streams_ahead_in_its_pauses() -> None:
    async def main() -> None:
        async with session() as (dialogue, server):
            whole = tone(900)
            await dialogue.warm(prompt())
            for ms in (300, 600):
                await dialogue.warm(prompt(Message("user", (said(Pcm(whole.samples[: ms * 24], 24_000)),))))
            await parts_of(dialogue, prompt(Message("user", (said(whole, "a"),))))
            (upstream,) = server.sessions
            sizes = [len(str(e["audio"])) for e in upstream.received if e["type"] == "input_audio_buffer.append"]
            assert len(set(sizes)) == 1  # 300 ms each: nothing goes twice
            assert len(sizes) == 3
            assert "input_audio_buffer.clear" not in upstream.kinds()
            assert upstream.asked[0][0]["content"] == [{"type": "input_audio", "audio": _base64(whole)}]
            server.assert_finished()

    run(main)


def test_a_guess_that_turned_out_wrong_is_cleared() -> None:
    async def main() -> None:
        async with session() as (dialogue, server):
            other = Pcm(-tone(500).samples, 24_000)
            await dialogue.warm(prompt(spoken(300)))
            await parts_of(dialogue, prompt(Message("user", (said(other, "a"),))))
            assert "input_audio_buffer.clear" in server.sessions[0].kinds()
            assert server.sessions[0].asked[0][0]["content"] == [{"type": "input_audio", "audio": _base64(other)}]
            server.assert_finished()

    run(main)


def test_a_turn_too_short_for_the_buffer_is_an_item() -> None:
    async def main() -> None:
        async with session() as (dialogue, server):
            await parts_of(dialogue, prompt(spoken(60, "a")))
            assert texts(server.sessions[0].asked[0]) == ["<input_audio>"]
            assert "input_audio_buffer.commit" not in server.sessions[0].kinds()
            server.assert_finished()

    run(main)


def test_an_old_recording_that_is_not_kept_any_more_stays_where_it_is_held() -> None:
    async def main() -> None:
        async with session(Reply("One."), Reply("Two."), Reply("Three.")) as (dialogue, server):
            await parts_of(dialogue, prompt(spoken(item="a")))
            dropped = Message("user", (said(Pcm.silence(0), "a", "the words"),))
            await parts_of(dialogue, prompt(dropped, assistant("One."), user("Go on.")))
            assert texts(server.sessions[0].asked[1]) == ["<input_audio>", "One.", "Go on."]
            unknown = Message("user", (said(Pcm.silence(0), "b", "other words"),))
            await parts_of(dialogue, prompt(unknown, user("Go on.")))
            assert texts(server.sessions[0].asked[2]) == ["other words", "Go on."]
            server.assert_finished()

    run(main)


def test_settings_are_sent_when_they_change() -> None:
    async def main() -> None:
        async with session() as (dialogue, server):
            asked = prompt(user("A"))
            await dialogue.warm(asked)
            await parts_of(dialogue, asked)
            await parts_of(dialogue, replace(asked, instructions="Be long.", spoken=False))
            (upstream,) = server.sessions
            updates = [event["session"] for event in upstream.received if event["type"] == "session.update"]
            assert [(each["instructions"], each["output_modalities"]) for each in updates] == [  # type: ignore[index]
                ("Be brief.", ["audio"]),
                ("Be long.", ["text"]),
            ]
            server.assert_finished()

    run(main)


def test_a_written_answer_is_text() -> None:
    async def main() -> None:
        async with session() as (dialogue, server):
            parts = await parts_of(dialogue, prompt(user("A"), spoken=False))
            assert words(parts) == "Hello from afar."
            assert heard_ms(parts) == 0
            server.assert_finished()

    run(main)


def _base64(pcm: Pcm) -> str:
    return b64encode(pcm.to_bytes()).decode()

"""Talking over a model that speaks by itself: what is cut, what is not, and when it may speak again."""

from __future__ import annotations

import asyncio

from tests.runtime.duplex_hosting import conversing, spoken_ms, told
from tests.runtime.hosting import Hosted
from tests.runtime.test_call import FakeLine

from vivavoce.audio.pcm import Pcm
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.duplex import SILENCE, VOICE, ScriptedDuplex, pause, talks
from vivavoce.testing.script import sound

STORY = "Once upon a time there was a king who had three daughters and no sons."


def ends(live: Hosted) -> list[tuple[str, str]]:
    """Status and transcript of each response that is over."""
    done = [event["response"] for event in live.client.events if event["type"] == "response.done"]
    return [(each["status"], each["output"][0]["content"][0]["transcript"] if each["output"] else "") for each in done]


def test_the_caller_cuts_it_short_and_it_is_not_heard_until_it_has_been_silent() -> None:
    async def main() -> None:
        # It talks on for two seconds after the caller began, is silent, and then answers.
        duplex = ScriptedDuplex([*talks(STORY, 3000), *pause(600), *talks("Yes?", 300)])
        async with conversing(duplex) as live:
            await live.silence(1000)
            await live.speak(640)
            at = [event["type"] for event in live.client.events].index("response.done")
            assert not [event for event in live.client.events[at:] if event["type"].endswith("audio.delta")]
            await live.silence(4000)
            (cut, first), (whole, second) = ends(live)
            assert (cut, whole, second) == ("cancelled", "completed", "Yes?")
            assert STORY.startswith(first)
            assert len(first) < len(STORY) / 2

    run_virtual(main())


def test_one_that_talks_on_regardless_is_heard_again_after_a_while() -> None:
    async def main() -> None:
        duplex = ScriptedDuplex(talks(STORY, 10_000))
        async with conversing(duplex) as live:
            await live.silence(1000)
            await live.speak(640)
            await live.silence(11_000)
            (cut, _), (whole, rest) = ends(live)
            assert (cut, whole) == ("cancelled", "completed")
            assert STORY.endswith(rest)

    run_virtual(main())


def test_a_backchannel_is_not_cut_by_speech_that_began_before_it() -> None:
    async def main() -> None:
        duplex = ScriptedDuplex([VOICE, *pause(500), *talks("Mm-hm.", 200), SILENCE, *talks("I see.", 300)])
        async with conversing(duplex) as live:
            await live.speak(2500)
            assert ends(live) == [("completed", "Mm-hm.")]
            assert "input_audio_buffer.speech_stopped" not in live.client.types()
            await live.silence(2500)
            assert ends(live) == [("completed", "Mm-hm."), ("completed", "I see.")]

    run_virtual(main())


def test_without_interrupt_response_the_model_decides() -> None:
    async def main() -> None:
        duplex = ScriptedDuplex([*talks(STORY, 3000), SILENCE, *pause(1000), *talks("As I said.", 300)])
        async with conversing(duplex) as live:
            heard = {"turn_detection": {"type": "server_vad", "interrupt_response": False}}
            live.client.say("session.update", session={"type": "realtime", "audio": {"input": heard}})
            await live.silence(1000)
            await live.speak(640)
            await live.silence(6000)
            assert ends(live) == [("completed", STORY), ("completed", "As I said.")]

    run_virtual(main())


def test_a_cancel_cuts_it_too() -> None:
    async def main() -> None:
        duplex = ScriptedDuplex([*talks(STORY, 3000), *pause(600), *talks("Yes?", 300)])
        async with conversing(duplex) as live:
            await live.silence(1000)
            live.client.say("response.cancel")
            await live.silence(5000)
            (cut, _), whole = ends(live)
            assert (cut, whole) == ("cancelled", ("completed", "Yes?"))

    run_virtual(main())


def test_a_cancel_of_what_it_has_only_just_begun_to_say() -> None:
    async def main() -> None:
        duplex = ScriptedDuplex([*talks(STORY, 1000), *pause(600), *talks("Yes?", 300)])
        async with conversing(duplex) as live:
            silence = asyncio.create_task(live.silence(4000))
            await live.client.expect("response.created")
            live.client.say("response.cancel")
            await silence
            assert [status for status, _ in ends(live)] == ["cancelled", "completed"]

    run_virtual(main())


def test_only_what_was_heard_is_remembered() -> None:
    async def main() -> None:
        duplex = ScriptedDuplex(talks("one two three four five six seven eight", 1600))
        async with conversing(duplex) as live:
            await live.silence(4000)
            done = (await live.client.expect("response.done"))["response"]
            item = done["output"][0]["id"]
            live.client.say("conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=500)
            await live.client.expect("conversation.item.truncated")
            live.client.say("conversation.item.retrieve", item_id=item)
            kept = (await live.client.expect("conversation.item.retrieved"))["item"]
            assert kept["content"][0]["transcript"] == "one two"
            assert spoken_ms(live, done["id"]) == 1600 + 800

    run_virtual(main())


def test_on_a_line_the_sound_that_waits_is_cleared() -> None:
    async def main() -> None:
        line = FakeLine()
        duplex = ScriptedDuplex(talks(STORY, 3000))
        async with conversing(duplex, line=line) as live:
            await line.hear(Pcm.silence(1000))
            await line.hear(Pcm.join(sound(300)))
            await live.client.expect("response.done")
            assert told(live)[-2:] == ["output_audio_buffer.cleared", "conversation.item.truncated"]
            assert line.cleared == 1

    run_virtual(main())

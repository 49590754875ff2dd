"""A model that speaks by itself and goes wrong: its answer fails by name, and the session goes on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator

import pytest
from msgspec.structs import replace
from tests.runtime.duplex_hosting import DUPLEX, conversing, spoken_ms, told
from tests.runtime.hosting import LIMITS, SETTINGS, Hosted, engines, hosted

from vivavoce.audio.pcm import Pcm
from vivavoce.core.ids import CountingIds
from vivavoce.core.session import Session
from vivavoce.ports import EngineError, SpokenAudio, SpokenText
from vivavoce.runtime.duplex import FORGOTTEN, MOST_AHEAD_MS, MOST_BEHIND_MS, Ear
from vivavoce.runtime.guard import Timeouts
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.duplex import SILENCE, STALL, VOICE, ScriptedDuplex, ScriptedStream, pause, talks

DEAD = EngineError("engine_failed", "The line is dead.")
BUSY = EngineError("engine_busy", "Somebody else is talking to it.")


def failures(live: Hosted) -> list[tuple[str, str]]:
    """Code and message of each response that failed."""
    done = [event["response"]["status_details"] for event in live.client.events if event["type"] == "response.done"]
    return [(each["error"]["code"], each["error"]["message"]) for each in done if each and each["type"] == "failed"]


def test_a_model_that_dies_in_mid_answer_is_opened_again_for_the_next_turn() -> None:
    async def main() -> None:
        duplex = ScriptedDuplex(
            [*talks("I am just about to", 400), DEAD], [VOICE, SILENCE, *talks("Who are you?", 300)]
        )
        async with conversing(duplex) as live:
            await live.silence(2000)
            assert failures(live) == [("engine_failed", f"The line is dead. {FORGOTTEN}")]
            assert duplex.running == 0
            await live.speak()
            await live.silence(2000)
            done = [event["response"] for event in live.client.events if event["type"] == "response.done"]
            assert [each["status"] for each in done] == ["failed", "completed"]
        duplex.assert_finished()
        # It was told the beginning of the turn too, which was said before the turn was one.
        assert sum(piece.ms for piece in duplex.streams[1].heard) > 640 + 300

    run_virtual(main())


def test_one_that_is_busy_says_so_at_each_turn() -> None:
    async def main() -> None:
        duplex = ScriptedDuplex([BUSY], [BUSY], [BUSY], [VOICE, SILENCE, *talks("Now.", 300)])
        async with conversing(duplex) as live:
            for number in (1, 2):
                await live.turn()
                await live.silence(1000)
                assert failures(live) == [("engine_busy", "Somebody else is talking to it.")] * number
            await live.speak()
            await live.silence(2000)
            assert live.client.events[-2]["response"]["status"] == "completed"

    run_virtual(main())


def test_nobody_is_told_of_it_who_has_said_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        duplex = ScriptedDuplex([BUSY], [VOICE, SILENCE, *talks("Now.", 300)])
        async with conversing(duplex) as live:
            await live.silence(500)
            assert duplex.closed == 1
            assert failures(live) == []
            assert BUSY.message in caplog.text
            await live.speak()
            await live.silence(2000)
            assert live.client.events[-2]["response"]["status"] == "completed"
        duplex.assert_finished()

    run_virtual(main())


def test_one_that_becomes_busy_after_a_while_is_told_of_in_the_turn_that_waits_for_it() -> None:
    class Hesitant(ScriptedStream):
        async def push(self, pcm: Pcm) -> None:
            await asyncio.sleep(1.0)
            raise BUSY

    async def main() -> None:
        duplex = Strange([STALL])
        duplex.stream = Hesitant
        async with conversing(duplex) as live:
            await live.turn()
            assert failures(live) == []
            await live.silence(500)
            assert failures(live) == [("engine_busy", "Somebody else is talking to it.")]

    run_virtual(main())


def test_one_that_dies_after_an_answer_fails_another() -> None:
    async def main() -> None:
        duplex = ScriptedDuplex([*talks("Hello.", 300), *pause(2000), DEAD])
        async with conversing(duplex) as live:
            await live.silence(4000)
            assert told(live)[1:] == ["response.created", "...", "response.done", "response.created", "response.done"]
            assert len(failures(live)) == 1

    run_virtual(main())


def test_an_answer_that_was_cut_does_not_hide_that_it_died() -> None:
    async def main() -> None:
        duplex = ScriptedDuplex([*talks("I am just about to say", 2000), DEAD])
        async with conversing(duplex) as live:
            await live.silence(1000)
            live.client.say("response.cancel")
            await live.silence(2000)
            assert len(failures(live)) == 1

    run_virtual(main())


def test_one_from_which_nothing_comes_any_more_is_given_up() -> None:
    async def main() -> None:
        duplex = ScriptedDuplex([*pause(100), STALL])
        timeouts = Timeouts(first_part_s=3.0, next_part_s=2.0)
        async with conversing(duplex, timeouts=timeouts) as live:
            await live.silence(3000)
            assert [code for code, _ in failures(live)] == ["engine_timeout"]

    run_virtual(main())


def test_one_that_stalls_in_mid_answer_fails_that_answer_alone() -> None:
    async def main() -> None:
        duplex = ScriptedDuplex([*talks("I am just about to", 400), STALL])
        timeouts = Timeouts(first_part_s=3.0, next_part_s=2.0)
        async with conversing(duplex, timeouts=timeouts) as live:
            await live.silence(15_000)
            assert failures(live) == [
                ("engine_timeout", f"The model did not answer within 2 s. {FORGOTTEN}"),
            ]
            assert told(live).count("response.created") == 1

    run_virtual(main())


def test_nor_does_one_that_says_goodbye_for_ever_or_takes_nothing_in() -> None:
    class Sticky(ScriptedStream):
        async def aclose(self) -> None:
            await super().aclose()
            await asyncio.get_running_loop().create_future()

    class Hasty(ScriptedStream):
        """It talks on for as long as it is listened to, and does not hear."""

        async def push(self, pcm: Pcm) -> None:
            if self.heard:
                await asyncio.get_running_loop().create_future()
            self.heard.append(pcm)

        async def listen(self) -> AsyncGenerator[SpokenAudio | SpokenText, None]:
            for part in talks("word " * 100, 60_000):
                yield part

    async def main(stream: type[ScriptedStream]) -> None:
        duplex = Strange([*talks("I am just about to", 400), STALL])
        duplex.stream = stream
        async with conversing(duplex, timeouts=Timeouts(first_part_s=9.0, next_part_s=2.0)) as live:
            await live.silence(25_000)
            assert [code for code, _ in failures(live)] == ["engine_timeout"]
            assert told(live).count("response.created") == 1

    for stream in (Sticky, Hasty):
        run_virtual(main(stream))


class Strange(ScriptedDuplex):
    """Its streams do what the test says."""

    stream: type[ScriptedStream]

    def converse(self, voice: str, instructions: str) -> ScriptedStream:
        opened = super().converse(voice, instructions)
        opened.__class__ = self.stream
        return opened


def test_one_that_raises_anything_else_fails_its_answer_alone() -> None:
    class Broken(ScriptedStream):
        async def push(self, pcm: Pcm) -> None:
            raise ZeroDivisionError

    async def main() -> None:
        duplex = Strange([], [])
        duplex.stream = Broken
        async with conversing(duplex) as live:
            await live.turn()
            assert failures(live) == [("engine_failed", "The model failed.")]

    run_virtual(main())


def test_nor_does_it_matter_where_it_raises() -> None:
    class Sticky(ScriptedStream):
        async def aclose(self) -> None:
            await super().aclose()
            raise ZeroDivisionError

    class Unborn(ScriptedDuplex):
        def converse(self, voice: str, instructions: str) -> ScriptedStream:
            raise ZeroDivisionError

    async def main() -> None:
        sticky = Strange([DEAD], [DEAD])
        sticky.stream = Sticky
        for duplex, sentence in ((sticky, "The line is dead."), (Unborn(), "The model failed.")):
            async with conversing(duplex) as live:
                await live.turn()
                assert failures(live) == [("engine_failed", sentence)]
            assert live.client.closed is None or live.client.closed[0] == 1000

    run_virtual(main())


def test_one_that_ends_by_itself_has_failed() -> None:
    class Short(ScriptedStream):
        async def listen(self) -> AsyncGenerator[SpokenAudio | SpokenText, None]:
            await asyncio.sleep(0.1)
            for part in talks("Bye.", 100):
                yield part

    async def main() -> None:
        duplex = Strange([])
        duplex.stream = Short
        async with conversing(duplex) as live:
            await live.silence(1000)
            assert failures(live) == [("engine_failed", f"The model has ended the conversation. {FORGOTTEN}")]

    run_virtual(main())


def test_one_that_speaks_a_hundred_times_too_fast_is_heard_at_its_caller_s_pace() -> None:
    class Hasty(ScriptedStream):
        made_ms = 0.0

        async def listen(self) -> AsyncGenerator[SpokenAudio | SpokenText, None]:
            for part in talks("word " * 100, 60_000):
                if isinstance(part, SpokenAudio):
                    Hasty.made_ms += part.audio.ms
                yield part
                await asyncio.sleep(0)

    async def main() -> None:
        duplex = Strange([])
        duplex.stream = Hasty
        async with conversing(duplex) as live:
            await live.silence(1000)
            assert 1000 < spoken_ms(live, "resp_1") <= 1000 + MOST_AHEAD_MS
            assert Hasty.made_ms <= 1000 + MOST_AHEAD_MS + 100

    run_virtual(main())


def test_one_that_does_not_keep_up_loses_the_oldest(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        ear = Ear()
        ear.begin()
        with caplog.at_level(logging.WARNING):
            for second in range(10):
                ear.hear(Pcm.silence(1000).to_bytes() if second < 9 else b"\x01\x00" * 24_000)
        kept = [await ear.next() for _ in range(MOST_BEHIND_MS // 1000)]
        assert [int(piece.samples[0]) for piece in kept] == [0, 0, 1]
        assert len(caplog.records) == 1
        assert "the oldest of what its caller says is dropped" in caplog.text

    run_virtual(main())


def test_a_client_that_reads_slowly_slows_the_model_and_loses_nothing() -> None:
    async def main() -> None:
        words = " ".join(f"word{number}" for number in range(60))
        duplex = ScriptedDuplex([*talks(words, 6000), *pause(1200), *talks("Next.", 300)])
        async with conversing(duplex) as live:
            await live.silence(500)
            live.client.stop_reading()
            await live.silence(4000)
            live.client.go_on_reading()
            await live.silence(9000)
            done = [event["response"] for event in live.client.events if event["type"] == "response.done"]
            assert [each["output"][0]["content"][0]["transcript"] for each in done] == [words, "Next."]

    run_virtual(main())


def test_what_the_limits_of_the_session_forbid_is_not_said() -> None:
    async def main() -> None:
        duplex = ScriptedDuplex([*talks("Hello.", 300), *pause(1000), *talks("Anybody?", 300)])
        can = replace(DUPLEX, tokens_per_minute=1)
        core = Session(SETTINGS, can, CountingIds(), asyncio.get_running_loop().time(), None)
        engine_set = engines()
        engine_set = type(engine_set)(vad=engine_set.vad, asr=engine_set.asr, responder=duplex, timeouts=LIMITS)
        async with hosted(engine_set, core) as live:
            await live.silence(4000)
            assert [code for code, _ in failures(live)] == ["rate_limit_exceeded"]
            assert told(live)[1:] == ["response.created", "...", "response.done", "response.created", "response.done"]

    run_virtual(main())

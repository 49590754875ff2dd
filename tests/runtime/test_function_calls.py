"""Calls of tools through a whole session: on the wire while what was said before is still being played."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace
from tests.runtime.hosting import CAN, SETTINGS, engines, hosted
from tests.runtime.test_call import FakeLine

from vivavoce.core.ids import CountingIds
from vivavoce.core.session import Session
from vivavoce.ports import Began, Finished, Prompt, TokenUsage, ToolCall, ToolOutput
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.fakes import STALL, ScriptedResponder, answers, calls, speaks

DICE = {"type": "function", "name": "roll", "parameters": {"type": "object", "properties": {"sides": {}}}}
USED = TokenUsage(20, 5)


def session(media: bool = False, filler: str = "") -> Session:
    can = replace(CAN, tools=True, media=media, filler=filler, filler_after_s=2.0)
    return Session(SETTINGS, can, CountingIds(), asyncio.get_running_loop().time(), None)


def test_a_function_is_called_and_its_output_is_spoken() -> None:
    async def main() -> None:
        call = [*calls("roll", sides=6), Finished("stop", USED)]
        responder = ScriptedResponder(call, answers("Four.", 200), features=("tools",))
        async with hosted(engines(responder=responder), session()) as live:
            live.client.say("session.update", session={"type": "realtime", "tools": [DICE]})
            live.client.say("response.create")
            item = (await live.client.expect("response.output_item.done"))["item"]
            assert (item["name"], item["arguments"]) == ("roll", '{"sides": 6}')
            done = (await live.client.expect("response.done"))["response"]
            assert done["usage"]["output_tokens"] == 5
            output = {"type": "function_call_output", "call_id": item["call_id"], "output": "4"}
            live.client.say("conversation.item.create", item=output)
            live.client.say("response.create")
            assert (await live.client.expect("response.output_audio_transcript.done"))["transcript"] == "Four."
            await live.client.expect("response.done")
        asked: Prompt = responder.calls[1].request
        parts = [part for message in asked.messages for part in message.content]
        assert parts == [ToolCall(item["call_id"], "roll", '{"sides": 6}'), ToolOutput(item["call_id"], "4")]
        responder.assert_finished()

    run_virtual(main())


def test_a_full_line_holds_back_speech_and_no_call() -> None:
    async def main() -> None:
        line = FakeLine()
        script = [Began(), *calls("roll", sides=6), *speaks("Let me look.", 300), STALL]
        responder = ScriptedResponder(script, features=("tools",))
        async with hosted(engines(responder=responder), session(media=True), line=line) as live:
            live.client.say("session.update", session={"type": "realtime", "tools": [DICE]})
            line.room.clear()
            live.client.say("response.create")
            await asyncio.sleep(1.0)
            assert "response.function_call_arguments.done" in live.client.types()
            assert line.queued == {}
            line.room.set()
            await asyncio.sleep(1.0)
            assert line.queued == {"resp_1": 300 * 24}

    run_virtual(main())


def test_a_caller_who_waits_hears_a_word_once() -> None:
    async def main() -> None:
        said = answers("One moment.", 200)
        responder = ScriptedResponder([*calls("roll"), Finished()], said, features=("tools",))
        async with hosted(engines(responder=responder), session(filler="One moment.")) as live:
            live.client.say("session.update", session={"type": "realtime", "tools": [DICE]})
            live.client.say("response.create")
            await live.client.expect("response.done")
            called = asyncio.get_running_loop().time()
            await live.client.expect("response.created")
            assert asyncio.get_running_loop().time() == called + 2.0
            await live.client.expect("response.done")
            await asyncio.sleep(60.0)
            assert live.client.types().count("response.created") == 2
        assert [call.request.verbatim for call in responder.calls] == [None, "One moment."]
        responder.assert_finished()

    run_virtual(main())

"""A function call over a real socket, and the word that the configuration has for a caller who waits."""

from __future__ import annotations

import json

from tests.live import live
from tests.patience import run
from tests.transports.calling import call, receive, send

from vivavoce.config import Config
from vivavoce.config.tools import Tools

WAITING = Config(tools=Tools(filler="Hold the line.", filler_after_s=0.05))
PARAMETERS = {"type": "object", "properties": {"sides": {"type": "integer", "minimum": 2}}, "required": ["sides"]}
DICE = {"type": "function", "name": "roll", "parameters": PARAMETERS}


def test_the_configured_word_comes_while_a_function_runs() -> None:
    async def scenario() -> None:
        async with live(WAITING) as server, call(server, "?model=gpt-realtime") as (caller, _):
            session = {"type": "realtime", "tools": [DICE], "tool_choice": "required"}
            await send(caller, "session.update", session=session)
            await send(caller, "response.create")
            done = await receive(caller, "response.function_call_arguments.done")
            assert json.loads(done["arguments"]) == {"sides": 2}
            said = await receive(caller, "response.output_audio_transcript.done")
            assert said["transcript"] == "Hold the line."
            await receive(caller, "response.done")
            output = {"type": "function_call_output", "call_id": done["call_id"], "output": "2"}
            await send(caller, "conversation.item.create", item=output)
            await send(caller, "response.create", response={"tool_choice": "none"})
            said = await receive(caller, "response.output_audio_transcript.done")
            assert said["transcript"] == "This answer comes at once. No model was asked."

    run(scenario)

"""pipecat-ai with a function tool, which its service runs by itself."""

from __future__ import annotations

import asyncio

from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.services.llm_service import FunctionCallParams
from pipecat_client import Caller, Witness, pipeline
from report import PATIENCE_S, PAUSE, SLOW_WISH, TWO_WISHES, WISH, Inbox, Weather, report, start


async def converse(
    caller: Caller, inbox: Inbox, witness: Witness, weather: Weather, told: asyncio.Event, speech: bytes
) -> None:
    """Every step."""
    report("a written wish", words=await caller.words(), asked=weather.asked)

    await caller.say(speech)
    await inbox.until("interruption")
    await caller.say(PAUSE)
    here = inbox.position
    heard = await inbox.until("heard")
    inbox.position = here
    first = await caller.words()
    report("a spoken wish", first=first, words=await caller.words(), heard=heard, asked=weather.asked)

    await caller.write(TWO_WISHES)
    answers = [await caller.words()]
    told.set()
    answers.append(await caller.words())
    report("two at once", answers=answers, asked=weather.asked)

    await caller.write(SLOW_WISH)
    await weather.begun.wait()
    await caller.write("Still there?")
    meanwhile = await caller.words()
    weather.arrived.set()
    report("a slow tool", meanwhile=meanwhile, words=await caller.words(), asked=weather.asked)

    await caller.write("Thank you.")
    report("after the tools", words=await caller.words(), answers=witness.answers, errors=witness.errors)


async def main(url: str, key: str, speech: bytes) -> None:
    """The conversation."""
    weather = Weather()
    both, told = asyncio.Event(), asyncio.Event()

    async def look(params: FunctionCallParams) -> None:
        result = await weather.look(params.arguments["city"])
        if len(weather.asked) == 3:
            # The first of two at once. Were it over before the second begins, or did the second end while it is being
            # told, this client would never ask for an answer to the second.
            await asyncio.wait_for(both.wait(), PATIENCE_S)
        elif len(weather.asked) == 4:
            both.set()
            await asyncio.wait_for(told.wait(), PATIENCE_S)
        await params.result_callback(result)

    city = {"city": {"type": "string"}}
    tool = FunctionSchema("weather", "What the weather is like in a city.", city, required=["city"])
    inbox = Inbox()
    async with pipeline(url, key, inbox, WISH, ToolsSchema(standard_tools=[tool])) as (caller, service, witness):
        # The conversation goes on meanwhile.
        service.register_function("weather", look, cancel_on_interruption=False)
        await converse(caller, inbox, witness, weather, told, speech)
    report("closed")


start(main)

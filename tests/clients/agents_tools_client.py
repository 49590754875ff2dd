"""openai-agents for Python with a function tool, which the SDK runs by itself."""

from __future__ import annotations

from agents import function_tool
from agents.realtime import RealtimeAgent, RealtimeSession
from agents_client import Caller, connected
from report import INSTRUCTIONS, PAUSE, SLOW_WISH, TWO_WISHES, WISH, Weather, report, start


async def converse(session: RealtimeSession, caller: Caller, weather: Weather, speech: bytes) -> None:
    """Every step."""
    await session.send_message(WISH)
    report("a written wish", words=await caller.answer(), asked=weather.asked)

    await caller.say(speech + PAUSE)
    first = await caller.answer()
    report("a spoken wish", first=first, words=await caller.answer(), heard=caller.last("user"), asked=weather.asked)

    await session.send_message(TWO_WISHES)
    report("two at once", answers=await caller.answers_until("Bergen"), asked=weather.asked)

    await session.send_message(SLOW_WISH)
    await weather.begun.wait()
    await session.send_message("Still there?")
    meanwhile = await caller.answer()
    weather.arrived.set()
    report("a slow tool", meanwhile=meanwhile, words=await caller.answer(), asked=weather.asked)

    await session.send_message("Thank you.")
    report("after the tools", words=await caller.answer(), answers=caller.answers, errors=caller.errors)


async def main(url: str, key: str, speech: bytes) -> None:
    """The conversation."""
    weather = Weather()
    tool = function_tool(weather.look, name_override="weather")
    agent = RealtimeAgent(name="Pirate", instructions=INSTRUCTIONS, tools=[tool])
    async with connected(url, key, agent) as (session, caller):
        await converse(session, caller, weather, speech)
    report("closed")


start(main)

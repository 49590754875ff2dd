"""livekit-plugins-openai with a function tool, which the agent's session runs by itself."""

from __future__ import annotations

from livekit.agents import Agent, AgentSession, function_tool
from livekit.plugins.openai.realtime import RealtimeModel
from livekit_client import Loudspeaker, Microphone, listen
from report import INSTRUCTIONS, PAUSE, SLOW_WISH, TWO_WISHES, VOICE, WISH, Inbox, Weather, report, start


async def converse(session: AgentSession, inbox: Inbox, weather: Weather, speech: bytes) -> None:
    """Every step."""
    microphone, loudspeaker, errors = Microphone(), Loudspeaker(inbox), []
    session.input.audio, session.output.audio = microphone, loudspeaker
    listen(session, inbox, errors)
    tool = function_tool(weather.look, name="weather")
    await session.start(Agent(instructions=INSTRUCTIONS, tools=[tool]))

    async def answer(since: int | None = None) -> str:
        return (await inbox.until("assistant", since)).text_content

    session.generate_reply(user_input=WISH)
    report("a written wish", words=await answer(), asked=weather.asked)

    microphone.say(speech)
    await inbox.until("speaking")
    microphone.say(PAUSE)
    here = inbox.position
    heard = (await inbox.until("user")).text_content
    first = await answer(here)
    report("a spoken wish", first=first, words=await answer(), heard=heard, asked=weather.asked)

    session.generate_reply(user_input=TWO_WISHES)
    report("two at once", answers=[await answer()], asked=weather.asked)

    session.generate_reply(user_input=SLOW_WISH)
    await weather.begun.wait()
    session.generate_reply(user_input="Still there?")
    meanwhile = await answer()
    weather.arrived.set()
    report("a slow tool", meanwhile=meanwhile, words=await answer(), asked=weather.asked)

    session.generate_reply(user_input="Thank you.")
    words = await answer()
    said = [item for item in session.history.items if item.type == "message" and item.role == "assistant"]
    report("after the tools", words=words, answers=[item.text_content for item in said], errors=errors)


async def main(url: str, key: str, speech: bytes) -> None:
    """The conversation."""
    model = RealtimeModel(base_url=url, api_key=key, voice=VOICE)
    async with AgentSession(llm=model, vad=None, turn_handling={"turn_detection": "realtime_llm"}) as session:
        await converse(session, Inbox(), Weather(), speech)
    await model.aclose()
    report("closed")


start(main)

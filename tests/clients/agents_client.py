"""openai-agents for Python, as its users have it: a `RealtimeAgent` in a `RealtimeRunner`'s session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agents.realtime import RealtimeAgent, RealtimeModelSendRawMessage, RealtimeRunner, RealtimeSession
from report import INSTRUCTIONS, PAUSE, VOICE, Inbox, digest, pieces, report, start


class Caller:
    """Keeps what the session tells its user."""

    def __init__(self, session: RealtimeSession) -> None:
        self.inbox = Inbox()
        self.audio = bytearray()
        self.errors: list[str] = []
        self.history: list = []
        self.answers: list[str] = []
        self._session = session

    async def listen(self) -> None:
        """Until the session is closed."""
        async for event in self._session:
            match event.type:
                case "audio":
                    self.audio += event.audio.data
                    self.inbox.put("audio")
                case "history_updated":
                    self.history = event.history
                case "agent_end":
                    self.inbox.put("agent_end", self.last("assistant"))
                case "error":
                    self.errors.append(str(event.error))
                    self.inbox.put("refusal", event.error)
                case "raw_model_event" if event.data.type == "raw_server_event":
                    if event.data.data["type"] == "response.output_audio_transcript.done":
                        self.answers.append(event.data.data["transcript"])
                    self.inbox.put(event.data.data["type"], event.data.data)
                case other:
                    self.inbox.put(other, event)

    async def answer(self) -> str:
        """The words of the next response that has any."""
        await self.inbox.until("response.output_audio_transcript.done")
        return await self.inbox.until("agent_end")

    async def answers_until(self, word: str) -> list[str]:
        """Those up to the one with this word: it asks for an answer whenever a tool returns."""
        words = [await self.answer()]
        while word not in words[-1]:
            words.append(await self.answer())
        return words

    def last(self, role: str) -> str:
        """The transcript of this role's last message, as the session's history has it."""
        messages = [item for item in self.history if item.type == "message" and item.role == role]
        return messages[-1].content[0].transcript if messages and messages[-1].content else ""

    async def say(self, speech: bytes) -> None:
        """Into the microphone."""
        for piece in pieces(speech):
            await self._session.send_audio(piece)


async def converse(session: RealtimeSession, caller: Caller, speech: bytes) -> None:
    """Every step."""
    inbox = caller.inbox
    await session.send_message("Hello?")
    words = await inbox.until("agent_end")
    report("text turn", words=words, audio=digest(caller.audio))

    await caller.say(speech + PAUSE)
    words = await inbox.until("agent_end")
    report("spoken turn", heard=caller.last("user"), words=words)

    await session.send_message("Tell me a story.")
    await inbox.until("audio")
    await caller.say(speech)
    await inbox.until("audio_interrupted")
    here = inbox.position
    cut = await inbox.until("conversation.item.truncated")
    report("interrupted", cut_ms=cut["audio_end_ms"])
    await inbox.until("agent_end", here)
    await caller.say(PAUSE)
    report("after the interruption", words=await inbox.until("agent_end"), errors=caller.errors)

    voice = {"session": {"type": "realtime", "audio": {"output": {"voice": "nobody"}}}}
    await session.model.send_event(RealtimeModelSendRawMessage(message={"type": "session.update", "other_data": voice}))
    error = await inbox.until("refusal")
    report("refused", message=error.message, code=error.code, param=error.param)
    await session.send_message("Still there?")
    report("after the refusal", words=await inbox.until("agent_end"))


@asynccontextmanager
async def connected(url: str, key: str, agent: RealtimeAgent) -> AsyncIterator[tuple[RealtimeSession, Caller]]:
    """A session with this agent."""
    model = {
        "url": f"{url.replace('http', 'ws', 1)}/realtime?model=gpt-realtime",
        "api_key": key,
        "initial_model_settings": {"voice": VOICE},
    }
    session = await RealtimeRunner(agent).run(model_config=model)
    async with asyncio.TaskGroup() as tasks, session:
        caller = Caller(session)
        tasks.create_task(caller.listen())
        yield session, caller


async def main(url: str, key: str, speech: bytes) -> None:
    """The conversation."""
    agent = RealtimeAgent(name="Pirate", instructions=INSTRUCTIONS)
    async with connected(url, key, agent) as (session, caller):
        await converse(session, caller, speech)
    report("closed")


if __name__ == "__main__":
    start(main)

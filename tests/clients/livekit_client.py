"""livekit-plugins-openai, as its users have it: a `RealtimeModel` in an `AgentSession`, with sound devices of ours."""

from __future__ import annotations

import asyncio

from livekit import rtc
from livekit.agents import Agent, AgentSession
from livekit.agents.voice.io import AudioInput, AudioOutput, AudioOutputCapabilities
from livekit.plugins.openai.realtime import RealtimeModel
from report import INSTRUCTIONS, PAUSE, RATE, VOICE, Inbox, digest, pieces, report, start


class Microphone(AudioInput):
    """Frames that were put into it."""

    def __init__(self) -> None:
        super().__init__(label="microphone")
        self._frames: asyncio.Queue[rtc.AudioFrame] = asyncio.Queue()

    def say(self, speech: bytes) -> None:
        """Without waiting."""
        for piece in pieces(speech):
            self._frames.put_nowait(rtc.AudioFrame(piece, RATE, 1, len(piece) // 2))

    async def __anext__(self) -> rtc.AudioFrame:
        return await self._frames.get()


class Loudspeaker(AudioOutput):
    """Plays what it is given in no time; while `slow`, a word of it until it is interrupted."""

    def __init__(self, inbox: Inbox) -> None:
        super().__init__(label="loudspeaker", capabilities=AudioOutputCapabilities(pause=False), sample_rate=RATE)
        self.audio = bytearray()
        self.slow = False
        self._inbox = inbox
        self._unplayed = 0.0

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        self.audio += bytes(frame.data)
        self._unplayed += frame.duration
        self._inbox.put("audio")

    def flush(self) -> None:
        super().flush()
        if not self.slow:
            self._played(self._unplayed, interrupted=False)

    def clear_buffer(self) -> None:
        self._played(0.35 if self.slow else self._unplayed, interrupted=True)

    def _played(self, seconds: float, *, interrupted: bool) -> None:
        if self._unplayed:
            self._unplayed = 0.0
            self.on_playback_finished(playback_position=seconds, interrupted=interrupted)


def listen(session: AgentSession, inbox: Inbox, errors: list[str]) -> None:
    """Put what the session tells its user into the inbox."""

    @session.on("conversation_item_added")
    def added(event) -> None:
        if event.item.type == "message":
            inbox.put(event.item.role, event.item)

    @session.on("user_state_changed")
    def changed(event) -> None:
        inbox.put(event.new_state)

    @session.on("error")
    def failed(event) -> None:
        errors.append(repr(event.error.error))
        inbox.put("error", event.error)


async def converse(session: AgentSession, model: RealtimeModel, inbox: Inbox, speech: bytes) -> None:
    """Every step."""
    microphone, loudspeaker, errors = Microphone(), Loudspeaker(inbox), []
    session.input.audio, session.output.audio = microphone, loudspeaker
    listen(session, inbox, errors)
    agent = Agent(instructions=INSTRUCTIONS)
    await session.start(agent)
    agent.realtime_llm_session.on("openai_server_event_received", lambda event: inbox.put(event["type"], event))

    session.generate_reply(user_input="Hello?")
    words = (await inbox.until("assistant")).text_content
    report("text turn", words=words, audio=digest(loudspeaker.audio))

    microphone.say(speech)
    await inbox.until("speaking")
    microphone.say(PAUSE)
    here = inbox.position
    heard = (await inbox.until("user")).text_content
    report("spoken turn", heard=heard, words=(await inbox.until("assistant", here)).text_content)

    loudspeaker.slow = True
    session.generate_reply(user_input="Tell me a story.")
    await inbox.until("audio")
    microphone.say(speech)
    here = inbox.position
    cut = await inbox.until("conversation.item.truncated")
    await inbox.until("assistant", here)
    loudspeaker.slow = False
    microphone.say(PAUSE)
    report("interrupted", cut_ms=cut["audio_end_ms"])
    report("after the interruption", words=(await inbox.until("assistant")).text_content, errors=errors)

    model.update_options(voice="nobody")
    failure = await inbox.until("error")
    while not hasattr(failure, "recoverable"):  # the event on the wire comes first
        failure = await inbox.until("error")
    error = failure.error.body
    report("refused", message=error.message, code=error.code, param=error.param)
    session.generate_reply(user_input="Still there?")
    report("after the refusal", words=(await inbox.until("assistant")).text_content)


async def main(url: str, key: str, speech: bytes) -> None:
    """The conversation."""
    model = RealtimeModel(base_url=url, api_key=key, voice=VOICE)
    # The end of a turn is the server's to find: no local detector, which would be a model to fetch.
    async with AgentSession(llm=model, vad=None, turn_handling={"turn_detection": "realtime_llm"}) as session:
        await converse(session, model, Inbox(), speech)
    await model.aclose()
    report("closed")


if __name__ == "__main__":
    start(main)

"""A caller as people are: a microphone that is always open, ears, and the manners of a good client.

When the server hears the caller over its own answer, a good client falls silent at once and tells the server how much
of it was heard (PROTOCOL.md 4.6).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from pybase64 import b64decode

from vivavoce.testing.client import Arrival, Client, ClientError, Event, at, connect, text
from vivavoce.testing.microphone import FORMATS, Microphone, Speech, WireFormat
from vivavoce.testing.speaker import Cut, Speaker
from vivavoce.testing.turns import Turn, Turns

CALM_S = 0.3
"""Between lifting the receiver and the first word, and between an answer and the next question."""
TRANSCRIPT_S = 5.0
"""How long to wait for a transcript that comes after the answer."""


@dataclass(frozen=True, slots=True)
class Line:
    """How to reach a server, and how to be connected."""

    url: str
    key: str | None = None
    model: str = "gpt-realtime"
    wire: WireFormat = FORMATS["pcm"]
    turn_detection: Event | None = None
    """As in `session.update`; None: push to talk."""
    voice: str | None = None
    instructions: str | None = None
    timeout: float = 30.0
    """How long, in seconds, an answer may keep the caller waiting for its begin or for more of it."""

    def session(self) -> Event:
        """The settings for `session.update`."""
        output: dict[str, object] = {"format": self.wire.setting}
        if self.voice:
            output["voice"] = self.voice
        listen = {
            "format": self.wire.setting,
            "turn_detection": self.turn_detection,
            "transcription": {"model": "whisper-1"},  # which every server of this wire knows by some model
        }
        instructions = {} if self.instructions is None else {"instructions": self.instructions}
        return {"audio": {"input": listen, "output": output}, **instructions}


class Call:
    """One conversation. `lift` makes it."""

    def __init__(self, client: Client, line: Line) -> None:
        self.line = line
        self.turns = Turns()
        self.cuts: list[tuple[Turn, Cut]] = []
        """What was stopped before its end, and the turn whose answer it was."""
        self.speaker = Speaker(line.wire.rate, time.monotonic())
        self.microphone = Microphone(client, line.wire, open=line.turn_detection is not None)
        self._client = client
        self._push_to_talk = line.turn_detection is None
        self._turn_of: dict[str, Turn] = {}
        client.listeners += [self.turns.take, self._take]

    async def ask(self, speech: Speech) -> Turn:
        """Say something; back when it is said."""
        if self._push_to_talk:
            await self._take_the_word()
        turn = self.turns.begin(self.microphone.say(speech))
        await turn.spoken.silent.wait()
        if self._push_to_talk:
            await self._client.send({"type": "input_audio_buffer.commit"})
            await self._client.send({"type": "response.create"})
        return turn

    async def answer_begins(self, turn: Turn) -> None:
        """Until the first audio of the answer, or until there will be none."""
        await self._until(turn, lambda: "first_audio" in turn.reached or turn.finished)

    async def answered(self, turn: Turn) -> None:
        """Until the answer and the question's transcript are complete, or will never be."""
        await self.answer_begins(turn)
        while not turn.finished:  # a long answer may take its time, as long as it goes on
            await self._anything_more(turn)
        if not turn.problem:
            await self._until_transcribed(turn)

    async def heard(self) -> None:
        """Until everything that was said to the caller has been heard."""
        await asyncio.sleep(max(0.0, self.speaker.ends_at + CALM_S - time.monotonic()))

    # --- inside ---

    def _take(self, arrival: Arrival) -> None:
        now, event = arrival
        match event.get("type"):
            case "response.output_audio.delta":
                item_id = text(event, "item_id")
                if turn := self.turns.answered_by(text(event, "response_id")):
                    self._turn_of[item_id] = turn
                index = at(event, "content_index")
                audio = self.line.wire.decode(b64decode(text(event, "delta")))
                self.speaker.play(item_id, index if isinstance(index, int) else 0, audio, now)
            case "input_audio_buffer.speech_started":
                self._fall_silent(now)

    def _fall_silent(self, now: float) -> None:
        for cut in self.speaker.stop(now):
            if turn := self._turn_of.get(cut.item_id):
                self.cuts.append((turn, cut))
            self._client.post(
                {
                    "type": "conversation.item.truncate",
                    "item_id": cut.item_id,
                    "content_index": cut.content_index,
                    "audio_end_ms": cut.heard_ms,
                }
            )

    async def _take_the_word(self) -> None:
        """Pressing the key interrupts an answer: nobody else would."""
        last = self.turns.all[-1] if self.turns.all else None
        if last and not last.ended and not last.problem:
            await self._client.send({"type": "response.cancel"})
        self._fall_silent(time.monotonic())

    async def _anything_more(self, turn: Turn) -> None:
        known = len(self._client.arrivals)
        await self._until(turn, lambda: turn.finished or len(self._client.arrivals) > known)

    async def _until(self, turn: Turn, met: Callable[[], bool]) -> None:
        try:
            await self._client.until(met, self.line.timeout)
        except ClientError as error:
            turn.problem = self._client.ended or self._what_is_missing(turn) or str(error)

    async def _until_transcribed(self, turn: Turn) -> None:
        with suppress(ClientError):
            await self._client.until(lambda: "transcript" in turn.reached, TRANSCRIPT_S)

    def _what_is_missing(self, turn: Turn) -> str:
        within = f"within {self.line.timeout:g} s"
        if not turn.commits:
            return f"The server heard no end of speech {within}."
        if not turn.response_id:
            return f"The server began no answer {within}."
        return f"The answer stopped, and nothing more came {within}." if turn.answer else f"No answer came {within}."


@asynccontextmanager
async def lift(line: Line) -> AsyncGenerator[Call]:
    """A call on which the caller can speak. Raises `ClientError` when there is none to be had."""
    async with connect(line.url, key=line.key, model=line.model) as client:
        await client.update(line.session())
        call = Call(client, line)
        speaking = asyncio.create_task(call.microphone.run())
        try:
            await asyncio.sleep(CALM_S)
            yield call
        finally:
            speaking.cancel()
            await asyncio.wait([speaking])

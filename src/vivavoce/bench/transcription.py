"""Callers who dictate: when their words can be read, and whether they are right."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit, urlunsplit

import msgspec

from vivavoce.bench.word_errors import word_errors
from vivavoce.testing.call import CALM_S, Line
from vivavoce.testing.client import Arrival, Client, ClientError, Event, connect, describe, endpoint, text
from vivavoce.testing.microphone import Microphone, Speech, Spoken

SENTENCES = (
    "What is the capital of France?",
    "I would like to book a table for two on Friday evening.",
    "Tomorrow I have to leave a little earlier than usual.",
    "Please send the confirmation to my office.",
    "My name is Sarah Miller and I live in Portland.",
    "Could we please sit near the window?",
    "Last time the music was very loud.",
    "Unless something changes, we will arrive at about half past nine.",
    "Do you have a place to park the car?",
    "The number is the same as before.",
)
PAUSE_S = 1.0
"""From the last transcript of an utterance to the next one."""
_EVENTS = "conversation.item.input_audio_transcription."


@dataclass(frozen=True, slots=True)
class Utterance:
    """Something to say, and its words as they should be heard."""

    speech: Speech
    words: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Who dictates what, and how often; `delay` as in `audio.input.transcription`, None: captions at the end only."""

    line: Line
    utterances: Sequence[Utterance]
    times: int
    delay: str | None


class Dictated(msgspec.Struct):
    """One utterance as its speaker saw it; times in ms."""

    number: int
    first_delta: float | None = None
    """From the first sound to the first words."""
    final: float | None = None
    """From the end of the speech to the last `completed`."""
    early: int = 0
    """Words that could be read before the speech was over."""
    told: int = 0
    """Words of all deltas ..."""
    revised: int = 0
    """... and how many of them the final transcript has otherwise, or has not, or has more."""
    errors: int = 0
    """Words that the final transcript has wrong ..."""
    words: int = 0
    """... of so many that were said."""
    transcript: str = ""
    problem: str = ""
    """Empty: the utterance counts."""


@dataclass(slots=True)
class Dictation:
    """All of them."""

    results: list[Dictated] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)
    """How late the caller itself was with each frame, in seconds."""


async def dictate_all(plan: Plan, told: Callable[[Dictated], None]) -> Dictation:
    """One after the other, on one connection. `told` hears of each at its end. Raises `ClientError`."""
    found = Dictation()
    async with connect(transcription_url(plan.line.url), key=plan.line.key) as client:
        await client.update(session(plan))
        microphone = Microphone(client, plan.line.wire, lags=found.lags)
        speaking = asyncio.create_task(microphone.run())
        try:
            await asyncio.sleep(CALM_S)
            for number in range(plan.times):
                utterance = plan.utterances[number % len(plan.utterances)]
                result = await _Taking(client, plan, Dictated(number)).take(microphone.say(utterance.speech), utterance)
                found.results.append(result)
                told(result)
                await asyncio.sleep(PAUSE_S)
        finally:
            speaking.cancel()
            await asyncio.wait([speaking])
    return found


def transcription_url(url: str) -> str:
    """Where a server transcribes: the address of its realtime sessions with the intent (PROTOCOL.md 4.10)."""
    parts = urlsplit(endpoint(url))
    return urlunsplit(parts._replace(query=urlencode({"intent": "transcription"})))


def session(plan: Plan) -> Event:
    """`session` of the `session.update`."""
    transcription = {"model": "whisper-1", **({"delay": plan.delay} if plan.delay else {})}
    line = plan.line
    given = {"format": line.wire.setting, "turn_detection": line.turn_detection, "transcription": transcription}
    return {"type": "transcription", "audio": {"input": given}}


class _Taking:
    """One utterance on its way."""

    def __init__(self, client: Client, plan: Plan, found: Dictated) -> None:
        self._client = client
        self._plan = plan
        self._found = found
        self._open: set[str] = set()
        """Items that speech has begun and no transcript ended."""
        self._deltas: dict[str, str] = {}
        self._finals: dict[str, str] = {}
        self._spoken: Spoken | None = None
        self._over = 0.0

    async def take(self, spoken: Spoken, utterance: Utterance) -> Dictated:
        """What the server made of it; its faults are a problem of the utterance."""
        self._spoken = spoken
        self._client.listeners.append(self._hear)
        try:
            await spoken.silent.wait()
            what = "a transcript"
            await self._client.until(lambda: bool(self._finals) and not self._open, self._plan.line.timeout, what)
        except ClientError as error:
            if self._client.ended is not None:
                raise
            self._found.problem = self._found.problem or str(error)
        finally:
            self._client.listeners.remove(self._hear)
        self._sum_up(spoken, utterance)
        return self._found

    def _hear(self, arrival: Arrival) -> None:
        now, event = arrival
        item_id = text(event, "item_id")
        match text(event, "type").removeprefix(_EVENTS):
            case "input_audio_buffer.speech_started":
                self._open.add(item_id)
            case "delta":
                self._delta(now, item_id, text(event, "delta"))
            case "completed":
                self._finals[item_id] = text(event, "transcript")
                self._open.discard(item_id)
                self._over = now
            case "failed" | "error":
                self._found.problem = describe(event)
                self._open.discard(item_id)

    def _delta(self, now: float, item_id: str, words: str) -> None:
        assert self._spoken is not None
        if self._found.first_delta is None and self._spoken.onset is not None:
            self._found.first_delta = (now - self._spoken.onset) * 1000
        if self._spoken.ended is None:
            self._found.early += len(words.split())
        self._deltas[item_id] = self._deltas.get(item_id, "") + words

    def _sum_up(self, spoken: Spoken, utterance: Utterance) -> None:
        found = self._found
        if self._over and spoken.ended is not None:
            found.final = (self._over - spoken.ended) * 1000
        found.transcript = " ".join(filter(None, self._finals.values()))
        found.errors, found.words = word_errors(utterance.words, found.transcript)
        for item_id, final in self._finals.items():
            revised, told = word_errors(self._deltas.get(item_id, ""), final)
            found.told += told
            found.revised += revised

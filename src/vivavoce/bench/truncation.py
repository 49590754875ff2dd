"""Answers that are cut off at random: does the server remember the words that were heard, no more and no less?

A known text goes the whole way of an answer, from a language model that recites it to the session's memory, and a
client cuts it. What was heard by then is found in the audio alone, by `word_judge`.
"""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import msgspec

from vivavoce.app import Server, create_app
from vivavoce.audio.pcm import Pcm
from vivavoce.bench.word_judge import Calibration, Judge, sound_ends
from vivavoce.config import Config
from vivavoce.config.tree import Timeouts
from vivavoce.core.effects import SAMPLES_PER_MS
from vivavoce.core.spoken import Spoken
from vivavoce.engines import Engines
from vivavoce.engines.cascade import Cascade
from vivavoce.engines.instant import InstantLlm
from vivavoce.ports import CallPart, Finished, Prompt, TextDelta, Tts, Voice
from vivavoce.protocol.session import AudioPcm
from vivavoce.serving import serving
from vivavoce.testing.client import Client, ClientError, at, connect, text

TEXTS = (
    "Your order comes to $12.50, and it should arrive on Tuesday, March 3rd, between 9:15 and 10:45am. If nobody is "
    "at home, the driver will leave it with Mrs. Abernathy at number 27.",
    "Well, no. The museum was founded in 1874 by Sir Reginald Thistlethwaite, an extraordinarily wealthy "
    "industrialist; today it holds about 1,250,000 objects, of which only 3% are on show.",
    "Take flight 208 to Reykjavik, which leaves at 6:05 p.m. from gate B12. You have 45 minutes, so do not hurry, but "
    "do not stop for lunch either.",
    "Water boils at 100°C, or 212°F, at sea level. On a mountain, say, 3,000 meters up, it boils at roughly 90, and so "
    "your potatoes, pasta and rice take noticeably longer.",
    "I spoke with Dr. Nakamura and Siobhan O'Reilly yesterday. They agree: the internationalization of the "
    "documentation is half done, and the rest can wait until the 14th of September, 2026.",
    "First, mix two cups of flour, a pinch of salt, and 250 grams of butter. Then add an egg. Knead it, cover it, wait "
    "for half an hour, and bake it at 180 degrees until it is golden brown.",
    "Oh, that is easy! Press and hold the power button for ten seconds. When the light turns blue, let go, count to "
    "three, and press it again; it will restart by itself.",
    "The capital of Australia is not Sydney, as many people think, nor is it Melbourne. It is Canberra, which was "
    "chosen in 1908 as a compromise between the two.",
)
"""What assistants say: prices, times, dates, names, short words and long ones, lists, and pauses."""
EXAMPLES, EXAMPLE_WORDS, PAUSE_MS = 4, 12, 400
"""Texts, and words of each, that are spoken one by one for the judge to learn from, and the pause between them."""
PATIENCE_S = 300.0
"""How long a slow voice may take for one text."""
_PATIENT = Timeouts(first_part_s=PATIENCE_S, next_part_s=PATIENCE_S)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is spoken, and how often it is cut."""

    times: int
    seed: int
    voice: str
    speed: float


class Cut(msgspec.Struct, frozen=True):
    """One answer that was cut off. Words are counted as they are written, with spaces between."""

    text: int
    ms: int
    """Where the client cut it."""
    played: int
    """Words that were over by then, as the judge hears them."""
    remembered: int
    by_letters: int
    """What would have been remembered without times of words: a clause's words spread evenly over it, by letters."""


@dataclass(frozen=True, slots=True)
class Cuts:
    """A whole measurement."""

    judge: Calibration
    cuts: list[Cut]


async def truncations(engines: Engines, judge: Judge, plan: Plan, tell: Callable[[Cut], None]) -> Cuts:
    """All of it, one answer after the other. Raises `EngineError`, `ClientError` and `TooLong`."""
    chance, cuts = random.Random(plan.seed), list[Cut]()
    _, tts = engines.cascade()
    async with _server(engines, tts) as url:
        examples = [await _one_by_one(tts, plan, words) for words in TEXTS[:EXAMPLES]]
        calibration = await asyncio.to_thread(judge.calibrate, examples)
        for number in range(plan.times):
            which = number % len(TEXTS)
            async with connect(url) as client:
                answer = await _recited(client, plan, TEXTS[which])
                ends = await asyncio.to_thread(judge.word_ends, answer.audio, TEXTS[which])
                cut = await _cut(client, answer, which, ends, chance.randint(0, int(answer.audio.ms)))
            cuts.append(cut)
            tell(cut)
    return Cuts(calibration, cuts)


async def _one_by_one(tts: Tts, plan: Plan, whole: str) -> tuple[Pcm, str, list[float]]:
    """The first words of a text with a pause behind each, and when each is over."""
    words = [word.rstrip(".,;:!") for word in whole.split()[:EXAMPLE_WORDS]]
    clips: list[Pcm] = []
    for word in words:
        parts = [part async for part in tts.speak(f"{word}.", Voice(plan.voice, plan.speed))]
        clips.append(Pcm.join([part for part in parts if isinstance(part, Pcm)]))
    audio, ends = sound_ends(clips, PAUSE_MS)
    return audio, " ".join(words), ends


async def _cut(client: Client, answer: _Answer, which: int, ends: Sequence[float], ms: int) -> Cut:
    remembered = await _truncated(client, answer.item_id, ms)
    return Cut(
        which,
        ms,
        played=sum(end <= ms for end in ends),
        remembered=len(remembered.split()),
        by_letters=len(by_letters(answer.clauses, ms).split()),
    )


def by_letters(clauses: Sequence[tuple[str, int]], ms: int) -> str:
    """What is kept of clauses, each with its length in samples (24 kHz), when nobody knows when their words end."""
    spoken = Spoken(AudioPcm(rate=24_000), whole=True)
    for words, samples in clauses:
        spoken.say(words)
        spoken.sound(b"", samples)
    spoken.cut(ms)
    return spoken.text


# --- the call -----------------------------------------------------------------------------------------------------


class Reciter(InstantLlm):
    """A language model that says what it is told to."""

    async def generate(self, prompt: Prompt) -> AsyncGenerator[TextDelta | CallPart | Finished, None]:
        """The last message, word by word."""
        words = "".join(part for part in prompt.messages[-1].content if isinstance(part, str))
        async for part in InstantLlm(words).generate(prompt):
            yield part


class _Part(msgspec.Struct):
    """Of a retrieved item."""

    transcript: str
    audio: str = ""


@dataclass(slots=True)
class _Answer:
    """What came over the wire, whole."""

    item_id: str = ""
    clauses: list[tuple[str, int]] = field(default_factory=list)
    """Each transcript delta, and the samples that came after it."""
    pieces: list[Pcm] = field(default_factory=list)

    @property
    def audio(self) -> Pcm:
        return Pcm.join(self.pieces)


@asynccontextmanager
async def _server(engines: Engines, tts: Tts) -> AsyncGenerator[str, None]:
    """A server with this voice, and a model that recites; gives its address."""
    llm, started = Reciter(), asyncio.get_running_loop().create_future()
    reciting = replace(engines, llm=llm, responder=Cascade(llm, tts))
    app = create_app(Server(Config(timeouts=_PATIENT), reciting), started.set_result)
    async with serving(app) as port:
        if failure := await started:
            raise failure
        yield f"ws://127.0.0.1:{port}"


async def _recited(client: Client, plan: Plan, words: str) -> _Answer:
    """Have a text spoken to its end."""
    await client.update({"audio": {"output": {"voice": plan.voice, "speed": plan.speed}}})
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": words}]}
    await client.send({"type": "conversation.item.create", "item": item})
    await client.send({"type": "response.create"})
    done = (await client.expect("response.done", "error", timeout=PATIENCE_S)).event
    if text(done, "response", "status") != "completed":
        raise ClientError(f"An answer was not completed: {msgspec.json.encode(done).decode()}")
    answer = _Answer()
    for _, event in client.arrivals:
        if event["type"] == "response.output_audio_transcript.delta":
            answer.item_id = text(event, "item_id")
            answer.clauses.append((text(event, "delta"), 0))
        elif event["type"] == "response.output_audio.delta":
            piece = Pcm.from_bytes(base64.b64decode(text(event, "delta")))
            answer.pieces.append(piece)
            clause, samples = answer.clauses[-1]
            answer.clauses[-1] = clause, samples + len(piece.samples)
    return answer


async def _truncated(client: Client, item_id: str, ms: int) -> str:
    """Cut an answer there; what is left of its transcript. Raises `ClientError` when its audio was cut elsewhere."""
    cut = {"item_id": item_id, "content_index": 0, "audio_end_ms": ms}
    await client.send({"type": "conversation.item.truncate", **cut})
    await client.expect("conversation.item.truncated")
    await client.send({"type": "conversation.item.retrieve", "item_id": item_id})
    item = at((await client.expect("conversation.item.retrieved")).event, "item")
    (part,) = msgspec.convert(at(item, "content"), list[_Part])
    left = len(base64.b64decode(part.audio)) / (2 * SAMPLES_PER_MS)
    if left != ms:
        raise ClientError(f"{left:g} ms of audio are left of an answer that was cut after {ms} ms.")
    return part.transcript

"""`vivavoce bench noise`: what noise reduction does for turns and for words, with the real engines."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
import uvloop
from rich.console import Console
from rich.table import Table

from vivavoce.app import Server
from vivavoce.audio.pcm import Pcm
from vivavoce.bench.noise import Heard, Said, Scene, by_hand, scene, scene_samples, with_turns
from vivavoce.bench.noise_report import NoiseFigures, NoiseReport, noise_figures, noise_report
from vivavoce.bench.noises import STEADY, Samples, babble
from vivavoce.commands.bench_shared import recordings, write
from vivavoce.commands.shared import CommandError, explained
from vivavoce.commands.startup import model_path
from vivavoce.config import Config
from vivavoce.config.tree import GtcrnNoise, Timeouts, Turns
from vivavoce.config.tree import SileroVad as SileroOptions
from vivavoce.config.tree import WhisperAsr as WhisperOptions
from vivavoce.engines import Engines
from vivavoce.engines.cascade import Cascade
from vivavoce.engines.gtcrn import GtcrnNoiseReducer
from vivavoce.engines.hibari import HibariTts
from vivavoce.engines.instant import InstantLlm, InstantTts
from vivavoce.engines.silero import SileroVad
from vivavoce.engines.whisper import WhisperAsr
from vivavoce.ports import EngineError, Voice
from vivavoce.testing.client import DEFAULT_MODEL
from vivavoce.testing.connection import MemoryConnection
from vivavoce.transports.auth import Allowed

SENTENCES = (
    "What is the weather like today?",
    "Turn off the lights in the living room, please.",
    "Can you remind me to call my mother at six?",
    "How far is it from Berlin to Hamburg?",
    "Yes, that is right.",
    "No, thanks.",
    "Please book a table for two on Friday.",
    "What time does the museum open?",
    "Play something quiet for the evening.",
    "Send the report to Maria before noon.",
    "I would like to change my order.",
    "Stop.",
)
CALLERS = ("alloy", "coral", "ash")
OTHERS = ("echo", "sage", "shimmer", "verse", "ballad", "cedar")
TALK = (
    "The train to the coast leaves at half past nine, and it is usually late.",
    "I told him twice that the keys are under the blue pot in the garden.",
    "We could have dinner at the new place on the corner if you like.",
    "She said the meeting was moved to Thursday because of the holiday.",
    "My sister bought a house near the river and painted it green.",
    "Nobody knew how the cat got into the kitchen during the night.",
)
"""What the others talk about."""


class Kind(StrEnum):
    """A noise."""

    none = "none"
    white = "white"
    pink = "pink"
    hum = "hum"
    keys = "keys"
    babble = "babble"
    voice = "voice"


SETTINGS = ("off", "near_field", "far_field")


def noise(
    snr: Annotated[float, typer.Option(help="The caller's level over the noise's, in dB.")] = 5.0,
    kinds: Annotated[
        list[Kind] | None,
        typer.Option(
            "--noise",
            help="May be repeated; all by default. **none**: a quiet line. **keys**: somebody types. **babble**: six "
            "voices at the other end of the room. **voice**: one of them.",
        ),
    ] = None,
    strength: Annotated[float, typer.Option(min=0, max=1, help="Of the reduction: 0 is none, 1 is all.")] = 1.0,
    gap: Annotated[float, typer.Option(min=2, help="Seconds of noise alone before each thing the caller says.")] = 10.0,
    speech: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="What the caller says: WAV files, each with its words in a .txt file of the same name. Default: "
            "twelve sentences in three voices.",
        ),
    ] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the figures.")] = None,
) -> None:
    """Call in noise, without noise reduction and with both kinds of it, and compare.

    A session in this process, with the local voice detection, noise reduction and recognition, hears a caller who says
    something now and then. The noise never ends, and is made here. Nothing waits for real time.

    **false starts**: times a minute that speech_started came while the caller said nothing. **false speech**: the
    share of that time. Both count: where voices never pause, one false start takes all of it. **turns**: things said
    that became a turn of their own. **WER**: wrong, missing and added words, of all that was transcribed (turns that
    nobody's words began add theirs, so it can pass 100 %), and of the same words committed by hand, where no turn
    detection can go wrong.

    `vivavoce bench noise`: every noise, 5 dB below the caller; some ten minutes of work

    `vivavoce bench noise --noise babble --noise voice --snr 15`

    `vivavoce bench noise --speech recordings --json noise.json`: recordings, with a .txt file for each

    Exit status 1 when an engine failed.
    """
    console, errors = Console(), Console(stderr=True)
    with explained(errors):
        try:
            figures = uvloop.run(_measure(kinds or list(Kind), snr, strength, gap, speech, errors))
        except EngineError as error:
            raise CommandError(error.message) from None
        except ConnectionError as error:
            raise CommandError(f"The session ended: {error}.") from None
        found = noise_report(snr, strength, figures)
        show(console, found)
        if json:
            write(json, found)


async def _measure(
    kinds: Sequence[Kind], snr: float, strength: float, gap: float, speech: Path | None, errors: Console
) -> list[NoiseFigures]:
    recorded = recordings(speech) if speech else None
    async with _voices() as tts:
        said = recorded or await _sentences(tts)
        talk = [await _spoken(tts, voice, TALK[i:] + TALK[:i]) for i, voice in enumerate(OTHERS)]
    others = [each.to_float().astype(np.float64) for each in talk]
    figures = []
    async with _server() as server:
        for kind in kinds:
            found = scene(said, _noise(kind, scene_samples(said, gap), others), snr, gap)
            for setting in SETTINGS:
                errors.print(f"{kind.value}, {setting}: {found.audio.ms / 60_000:.1f} minutes", highlight=False)
                reduction = None if setting == "off" else {"type": setting, "strength": strength}
                figures.append(noise_figures(kind.value, setting, found, await _heard(server, found, reduction)))
    return figures


def _noise(kind: Kind, count: int, others: Sequence[Samples]) -> Samples | None:
    if kind is Kind.none:
        return None
    if kind is Kind.babble:
        return babble(count, others)
    return babble(count, others[1:2]) if kind is Kind.voice else STEADY[kind.value](count)


async def _heard(server: Server, found: Scene, reduction: dict[str, object] | None) -> Heard:
    async with _session(server) as client:
        turns = await with_turns(client, found, reduction)
    async with _session(server) as client:
        return Heard(turns, await by_hand(client, found, reduction))


@asynccontextmanager
async def _session(server: Server) -> AsyncGenerator[MemoryConnection]:
    client = MemoryConnection()
    task = asyncio.create_task(server.run("realtime", DEFAULT_MODEL, Allowed(), client))
    try:
        await client.expect("session.created")
        yield client
    finally:
        client.vanish()
        await task


@asynccontextmanager
async def _server() -> AsyncGenerator[Server]:
    """Started: the local engines that hear, and instant ones that nobody asks."""
    find = model_path(os.environ)
    llm, tts = InstantLlm(), InstantTts()
    engines = Engines(
        vad=SileroVad(find(SileroOptions().model)),
        turn=None,
        asr=WhisperAsr(find(WhisperOptions().model), language=WhisperOptions().language),
        llm=llm,
        tts=tts,
        responder=Cascade(llm, tts),
        noise=GtcrnNoiseReducer(find(GtcrnNoise().model)),
    )
    # Faster than real time there are many turns at once: their transcripts may take their time.
    config = Config(turns=Turns(speculate="never"), timeouts=Timeouts(transcript_s=3600))
    server = Server(config, engines)
    try:
        await server.start()
        yield server
    finally:
        await server.aclose()


@asynccontextmanager
async def _voices() -> AsyncGenerator[HibariTts]:
    tts = HibariTts()
    try:
        await tts.start()
        yield tts
    finally:
        await tts.aclose()


async def _sentences(tts: HibariTts) -> list[Said]:
    return [Said(text, await _spoken(tts, CALLERS[i % len(CALLERS)], (text,))) for i, text in enumerate(SENTENCES)]


async def _spoken(tts: HibariTts, voice: str, texts: Sequence[str]) -> Pcm:
    pieces: list[Pcm] = []
    for text in texts:
        pieces += [part async for part in tts.speak(text, Voice(voice)) if isinstance(part, Pcm)]
    return Pcm.join(pieces)


def show(console: Console, found: NoiseReport) -> None:
    """Print it."""
    about = f"noise {found.snr_db:g} dB below the caller, strength {found.strength:g}, {found.machine['cores']} cores"
    console.print(about, highlight=False, soft_wrap=True)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("noise", "reduction"):
        table.add_column(column, no_wrap=True)
    for column in ("false starts", "false speech", "turns", "WER", "WER by hand"):
        table.add_column(column, justify="right", no_wrap=True)
    for each in found.figures:
        table.add_row(
            each.noise if each.reduction == SETTINGS[0] else "",
            each.reduction,
            f"{each.false_starts / each.noise_minutes:.1f}/min",
            f"{100 * each.false_speech:.0f} %",
            f"{each.good_turns} of {each.turns}",
            f"{100 * each.turn_errors / each.words:.1f} %",
            f"{100 * each.hand_errors / each.words:.1f} %",
        )
    console.print(table)
    first = found.figures[0]
    console.print(
        f"{first.noise_minutes:.1f} minutes without the caller, and {first.words} words of the caller, for each line.",
        highlight=False,
    )

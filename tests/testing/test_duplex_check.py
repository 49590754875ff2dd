"""The contract of full-duplex models: who keeps it, and what is said of those that do not."""

from __future__ import annotations

import asyncio

import pytest
from tests.patience import BUSY
from tests.testing.broken_duplex import (
    ANSWERING,
    AnyVoiceDuplex,
    BrokenDuplex,
    ClingingStream,
    EagerDuplex,
    ForeignDuplex,
    HoardingStream,
    LeakyStream,
    LingeringDuplex,
    LongWindedStream,
    MixingStream,
    MuteDuplex,
    TaciturnStream,
    VoicelessDuplex,
)

from vivavoce.audio.pcm import Pcm
from vivavoce.engines.moshi.engine import Moshi
from vivavoce.ports import Duplex
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.conformance import Bounds, ConformanceError, check_duplex
from vivavoce.testing.duplex import ScriptedDuplex
from vivavoce.testing.remote_moshi import MoshiServer, Style
from vivavoce.testing.script import sound

EASY = Bounds(lag_ms=1000, stall_ms=10_000, stop_s=2, patience_s=30)
SPEECH = Pcm.join(sound(600))


def test_the_scripted_one_keeps_it() -> None:
    run_virtual(check_duplex(ScriptedDuplex(ANSWERING, endless=True), SPEECH, bounds=EASY))


@pytest.mark.parametrize(("style", "at_once"), [("python", 1), ("personaplex", 1), ("rust", 2)])
def test_moshi_keeps_it(style: Style, at_once: int) -> None:
    async def main() -> None:
        prompted = style == "personaplex"
        model = ScriptedDuplex(ANSWERING, endless=True, voices=("NATF0.pt", "NATM0.pt"))
        voices = {"alloy": "NATF0.pt", "echo": "NATM0.pt"} if prompted else {}
        async with MoshiServer(model, style) as server:
            engine = Moshi(server.url, voices=voices, instructed=prompted, conversations=at_once)
            await engine.start()
            await check_duplex(engine, SPEECH, bounds=BUSY, at_once=at_once)
            await engine.aclose()
        assert server.violations == []

    asyncio.run(main())


BROKEN: list[tuple[Duplex, int, str]] = [
    (BrokenDuplex(LeakyStream), 2, "One caller's audio is in another's conversation"),
    (BrokenDuplex(MixingStream), 2, "after another conversation: they mix"),
    (BrokenDuplex(LongWindedStream), 2, "is 120 ms long; 100 are allowed"),
    (BrokenDuplex(TaciturnStream), 2, "only 0 ms came back"),
    (BrokenDuplex(ClingingStream), 2, "5 parts came after a conversation was closed"),
    (BrokenDuplex(HoardingStream), 2, "were taken in while nobody listened"),
    (LingeringDuplex(), 2, "`running` is still"),
    (AnyVoiceDuplex(), 2, "An unknown voice was accepted"),
    (EagerDuplex(), 1, "A second conversation at the same time was accepted"),
    (MuteDuplex(), 2, "is told no words"),
    (ScriptedDuplex(ANSWERING[2:], endless=True), 2, "A caller who is silent is told"),
    (VoicelessDuplex(), 2, "A model has voices"),
    (ForeignDuplex(), 2, "not ISO-639-1 codes"),
]


@pytest.mark.parametrize(("engine", "at_once", "sentence"), BROKEN, ids=[sentence for _, _, sentence in BROKEN])
def test_what_breaks_it_is_named(engine: Duplex, at_once: int, sentence: str) -> None:
    with pytest.raises(ConformanceError, match=sentence.replace("(", r"\(")):
        run_virtual(check_duplex(engine, SPEECH, bounds=EASY, at_once=at_once))

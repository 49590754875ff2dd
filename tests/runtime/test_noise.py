"""Noise reduction in a session: what is committed was cleaned as the settings said, in its place and of its length."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from msgspec import structs
from tests.runtime.hosting import CAN, SETTINGS, Hosted, engines, hosted

from vivavoce.audio.pcm import Pcm
from vivavoce.core.ids import CountingIds
from vivavoce.core.opening import opening
from vivavoce.core.session import Session
from vivavoce.ports import NoiseKind
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.fakes import FadingReducer, FadingStream, ScriptedAsr

NEAR = {"type": "near_field", "strength": 0.5}
FAR = {"type": "far_field", "strength": 0.75}
LOUD = Pcm(np.full(6000, 8000, np.int16), 24_000)


@asynccontextmanager
async def cleaning(reducer: FadingReducer, turns: int = 1) -> AsyncIterator[Hosted]:
    """A session on a server that cleans, whose caller commits by hand."""
    can = structs.replace(CAN, noise_reduction=True)
    core = Session(SETTINGS, can, CountingIds(), asyncio.get_running_loop().time(), None)
    asr = ScriptedAsr(*["Hi."] * turns)
    async with hosted(replace(engines(asr), noise=reducer), core) as live:
        await ask(live, turn_detection=None)
        yield live
        await asyncio.sleep(1)  # in which the last transcript comes
    asr.assert_finished()


async def ask(live: Hosted, **given: object) -> None:
    live.client.say("session.update", session={"type": "realtime", "audio": {"input": given}})
    await live.client.expect("session.updated")


def say(live: Hosted, pcm: Pcm = LOUD, ms: int = 20) -> None:
    for piece in pcm.chunks(ms):
        live.client.append(piece.to_bytes())


async def committed(live: Hosted) -> Pcm:
    live.client.say("input_audio_buffer.commit")
    item: dict[str, Any] = await live.client.expect("input_audio_buffer.committed")
    live.client.say("conversation.item.retrieve", item_id=item["item_id"])
    event = await live.client.expect("conversation.item.retrieved")
    return Pcm.from_bytes(base64.b64decode(event["item"]["content"][0]["audio"]))


def runs(pcm: Pcm) -> list[tuple[int, int]]:
    """Each level that lasts, and for how many samples."""
    starts = [0, *(int(at) + 1 for at in np.flatnonzero(np.diff(pcm.samples))), len(pcm.samples)]
    return [(int(pcm.samples[a]), b - a) for a, b in pairwise(starts)]


def test_what_is_committed_was_cleaned_to_its_last_sample() -> None:
    async def main() -> None:
        reducer = FadingReducer()
        async with cleaning(reducer) as live:
            await ask(live, noise_reduction=NEAR)
            say(live)
            assert runs(await committed(live)) == [(4000, 6000)]
        assert reducer.opened == ["near_field"]

    run_virtual(main())


def test_a_transcription_session_hears_what_was_cleaned() -> None:
    async def main() -> None:
        can = structs.replace(CAN, noise_reduction=True)
        settings = opening("transcription", "sess_1", "gpt-realtime", "alloy", can)
        core = Session(settings, can, CountingIds(), asyncio.get_running_loop().time(), None)
        async with hosted(replace(engines(), noise=FadingReducer()), core) as live:
            audio = {"input": {"noise_reduction": NEAR, "turn_detection": None}}
            live.client.say("session.update", session={"type": "transcription", "audio": audio})
            await live.client.expect("session.updated")
            say(live)
            assert runs(await committed(live)) == [(4000, 6000)]

    run_virtual(main())


def test_without_it_nobody_is_asked() -> None:
    async def main() -> None:
        reducer = FadingReducer()
        async with cleaning(reducer) as live:
            say(live)
            assert runs(await committed(live)) == [(8000, 6000)]
        assert reducer.opened == []

    run_virtual(main())


def test_a_change_in_mid_stream_loses_and_moves_nothing() -> None:
    async def main() -> None:
        reducer = FadingReducer()
        async with cleaning(reducer) as live:
            say(live)
            await ask(live, noise_reduction=NEAR)
            say(live)
            await ask(live, noise_reduction=FAR)
            say(live)
            await ask(live, noise_reduction=None)
            say(live)
            assert runs(await committed(live)) == [(8000, 6000), (4000, 6000), (2000, 6000), (8000, 6000)]
        assert reducer.opened == ["near_field", "far_field"]

    run_virtual(main())


def test_another_strength_keeps_the_caller_s_stream() -> None:
    async def main() -> None:
        reducer = FadingReducer()
        async with cleaning(reducer) as live:
            await ask(live, noise_reduction=NEAR)
            say(live)
            await ask(live, noise_reduction={"strength": 0.75})
            say(live)
            held = FadingReducer.HELD
            assert runs(await committed(live)) == [(4000, 6000 - held), (2000, 6000 + held)]
        assert reducer.opened == ["near_field"]

    run_virtual(main())


def test_what_was_held_back_does_not_outlive_a_clear() -> None:
    async def main() -> None:
        async with cleaning(FadingReducer()) as live:
            await ask(live, noise_reduction=NEAR)
            say(live)
            live.client.say("input_audio_buffer.clear")
            await live.client.expect("input_audio_buffer.cleared")
            say(live, Pcm(LOUD.samples // 2, 24_000))
            assert runs(await committed(live)) == [(2000, 6000)]

    run_virtual(main())


def test_one_turn_after_the_other_is_whole() -> None:
    async def main() -> None:
        async with cleaning(FadingReducer(), turns=2) as live:
            await ask(live, noise_reduction=NEAR)
            for _ in range(2):
                say(live)
                assert runs(await committed(live)) == [(4000, 6000)]

    run_virtual(main())


def test_voice_detection_hears_what_was_cleaned() -> None:
    async def main() -> None:
        async with cleaning(FadingReducer(), turns=1) as live:
            await ask(live, turn_detection={"type": "server_vad", "create_response": False})
            await ask(live, noise_reduction={"type": "near_field", "strength": 1})
            await live.turn()
            assert "input_audio_buffer.speech_started" not in live.client.types()
            await ask(live, noise_reduction=None)
            await live.turn()
            await live.client.expect("input_audio_buffer.speech_stopped")

    run_virtual(main())


def test_a_server_that_cannot_clean_says_so_and_goes_on() -> None:
    async def main() -> None:
        async with hosted(engines()) as live:
            audio = {"input": {"noise_reduction": NEAR}}
            live.client.say("session.update", session={"type": "realtime", "audio": audio})
            error = (await live.client.expect("error"))["error"]
            assert (error["code"], error["param"]) == ("unsupported_value", "session.audio.input.noise_reduction")
            await ask(live, turn_detection=None)

    run_virtual(main())


class BrokenReducer(FadingReducer):
    """Gives up at the third piece of each caller."""

    def open(self, kind: NoiseKind) -> FadingStream:
        super().open(kind)
        return BrokenStream()


class BrokenStream(FadingStream):
    """One caller of a `BrokenReducer`."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces = 0

    async def push(self, pcm: Pcm, strength: float) -> Pcm:
        """Cleaned, while it lasts."""
        self._pieces += 1
        if self._pieces > 2:
            raise ValueError("Broken.")
        return await super().push(pcm, strength)


def test_a_reducer_that_fails_is_told_once_and_the_audio_goes_on_in_its_place() -> None:
    async def main() -> None:
        reducer = BrokenReducer()
        async with cleaning(reducer, turns=2) as live:
            await ask(live, noise_reduction=NEAR)
            say(live)
            heard = await committed(live)
            # Two pieces of 480 samples went in, and the first 460 came out before the third failed.
            assert runs(heard) == [(4000, 460), (8000, len(LOUD.samples) - 460)]
            say(live)
            assert runs(await committed(live)) == [(8000, len(LOUD.samples))]
            errors = [event["error"] for event in live.client.events if event["type"] == "error"]
            assert [(error["type"], error["code"], error["param"]) for error in errors] == [
                ("server_error", "engine_failed", "session.audio.input.noise_reduction")
            ]
            assert reducer.opened == ["near_field"]

    run_virtual(main())

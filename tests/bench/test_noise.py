"""A caller in noise: the scene has the levels it says, and a session's view of it is told turn by turn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.runtime.hosting import engines, hosted

from vivavoce.audio.pcm import Pcm
from vivavoce.bench.noise import CALLER_DBFS, Place, Said, by_hand, scene, scene_samples, with_turns
from vivavoce.bench.noises import STEADY, babble, in_a_room, loud, white
from vivavoce.ports import EngineError
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.fakes import ScriptedAsr, sound

SAID = [Said("One.", Pcm.join(sound(640))), Said("Two.", Pcm.join(sound(640)))]


def dbfs(samples: np.ndarray) -> float:
    return 10 * float(np.log10(np.mean(np.square(samples, dtype=np.float64))))


@pytest.mark.parametrize("kind", sorted(STEADY))
def test_a_noise_is_as_long_as_asked_and_the_same_each_time(kind: str) -> None:
    made = STEADY[kind](50_000)
    assert len(made) == 50_000
    assert np.array_equal(made, STEADY[kind](50_000))
    assert dbfs(loud(made, -31)) == pytest.approx(-31)


def test_silence_cannot_be_made_loud() -> None:
    assert not loud(np.zeros(10), -31).any()


def test_babble_is_all_voices_in_a_room() -> None:
    voices = [white(10_000), np.roll(white(10_000), 5000)]
    assert len(babble(30_000, voices)) == 30_000
    click = np.zeros(24_000)
    click[100] = 1
    heard = in_a_room(click)
    assert np.abs(heard[:100]).max() < 1e-12
    assert dbfs(heard[101:6000]) > dbfs(heard[12_100:]) + 20


def test_a_scene_has_a_gap_before_and_after_everything_said() -> None:
    found = scene(SAID, None, 5, 2)
    assert found.places == (Place(2000, 2640), Place(4640, 5280))
    assert found.audio.ms == 7280
    assert len(found.audio.samples) == scene_samples(SAID, 2)
    voice = found.audio.to_float()[2 * 24_000 : 2 * 24_000 + 15_360]
    assert dbfs(voice) == pytest.approx(CALLER_DBFS, abs=0.1)


def test_the_noise_is_so_much_quieter_than_the_caller() -> None:
    found = scene(SAID, white(scene_samples(SAID, 2)), 5, 2)
    assert dbfs(found.audio.to_float()[:48_000]) == pytest.approx(CALLER_DBFS - 5, abs=0.2)


def test_turns_are_told_where_they_were_with_their_words() -> None:
    async def main() -> None:
        asr = ScriptedAsr("One.", "Two.")
        async with hosted(engines(asr)) as live:
            turns = await with_turns(live.client, scene(SAID, None, 5, 2), None)
        asr.assert_finished()
        assert [turn.text for turn in turns] == ["One.", "Two."]
        for turn, start in zip(turns, (2000, 4640), strict=True):
            assert turn.start == pytest.approx(start, abs=40)
            assert turn.end == pytest.approx(start + 640 + 200, abs=40)

    run_virtual(main())


def test_a_turn_that_is_still_open_ends_with_the_scene() -> None:
    async def main() -> None:
        found = scene([Said("One.", Pcm.join(sound(3000)))], None, 5, 0.1)
        async with hosted(replace(engines(ScriptedAsr("One.")), speculate=False)) as live:
            (turn,) = await with_turns(live.client, found, None)
        assert (turn.end, turn.text) == (found.audio.ms, "One.")

    run_virtual(main())


def test_by_hand_each_thing_said_is_a_turn() -> None:
    async def main() -> None:
        asr = ScriptedAsr("One.", "Two.")
        async with hosted(engines(asr)) as live:
            assert await by_hand(live.client, scene(SAID, None, 5, 2), None) == ("One.", "Two.")
        assert [call.request.ms for call in asr.calls] == [1040, 1040]

    run_virtual(main())


def test_a_recognition_that_fails_ends_it() -> None:
    async def main() -> None:
        broken = EngineError("engine_failed", "Broken.")
        async with hosted(engines(ScriptedAsr([broken], [broken]))) as live:
            with pytest.raises(ConnectionError, match="Broken"):
                await by_hand(live.client, scene(SAID, None, 5, 2), None)

    run_virtual(main())

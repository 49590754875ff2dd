"""What the caller said, for clients that ask for it; the words cost nothing where nobody does and the model hears."""

from __future__ import annotations

import pytest
from tests.clients.parrot import HEARD
from tests.clients.sdk import call
from tests.patience import run
from tests.responders.kinds import ARR, KINDS, Kind, answer, answered_by, each_kind
from tests.responders.witness import Ears

ASKED = {"input": {"transcription": {"model": "whisper-1"}}}
COMPLETED = "conversation.item.input_audio_transcription.completed"


@each_kind
def test_they_come_where_they_are_asked_for(kind: Kind) -> None:
    async def scenario() -> None:
        async with answered_by(kind) as server, call(server, **ARR, audio=ASKED) as caller:
            await caller.say()
            captions = await caller.until(COMPLETED)
            assert captions.transcript == HEARD
            if "response.done" not in caller.types:
                await answer(caller)
            assert caller.types.count(COMPLETED) == 1

    run(scenario)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "cascade"])  # which needs the words itself
def test_nobody_writes_them_where_they_are_not_and_the_model_hears(kind: Kind) -> None:
    async def scenario() -> None:
        writer = Ears()
        async with answered_by(kind, asr=writer) as server, call(server, **ARR) as caller:
            await caller.say()
            assert await answer(caller) == f"Arr, matey. {HEARD}"
            assert not any("transcription" in each for each in caller.types)
            assert writer.asked == 0

    run(scenario)


def test_nor_does_a_cascade_tell_them() -> None:
    async def scenario() -> None:
        async with answered_by("cascade") as server, call(server, **ARR) as caller:
            await caller.say()
            assert await answer(caller) == f"Arr, matey. {HEARD}"
            assert not any("transcription" in each for each in caller.types)

    run(scenario)

"""Engines that raise, stall, break their contract or go missing: the response fails, and the next turn works."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import pytest
from tests.runtime.hosting import CHUNK_MS, Echo, Hosted, engines, hosted

from vivavoce.audio.pcm import Pcm
from vivavoce.ports import Began, EngineError, Finished, Prompt, ResponsePart, SpokenAudio, SpokenText, TextDelta
from vivavoce.runtime.runner import EngineSet
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.fakes import STALL, ScriptedAsr, ScriptedResponder, Wait, answers, speaks

BROKEN = EngineError("engine_unavailable", "The model server is down.")


async def asked(live: Hosted) -> tuple[str, Any]:
    """Status and error of one answer."""
    live.client.say("response.create")
    done = await live.client.expect("response.done")
    details = done["response"]["status_details"] or {}
    return done["response"]["status"], details.get("error")


def fails_then_works(engine_set: EngineSet) -> Any:
    """The error of the first answer; the second one is right."""

    async def main() -> Any:
        async with hosted(engine_set) as live:
            status, error = await asked(live)
            assert status == "failed"
            assert await asked(live) == ("completed", None)
            return error

    return run_virtual(main())


def test_an_engine_that_raises_at_once() -> None:
    error = fails_then_works(engines(responder=ScriptedResponder([BROKEN], answers("Yes."))))
    assert error == {"type": "server_error", "code": "engine_unavailable", "message": "The model server is down."}


def test_an_engine_that_raises_in_the_middle() -> None:
    script = [*speaks("Well", 100), BROKEN]
    assert fails_then_works(engines(responder=ScriptedResponder(script, answers("Yes."))))["code"] == (
        "engine_unavailable"
    )


def test_an_engine_that_never_begins() -> None:
    error = fails_then_works(engines(responder=ScriptedResponder([STALL], answers("Yes."))))
    assert error["code"] == "engine_timeout"
    assert "30 s" in error["message"]


def test_an_engine_that_stops_in_the_middle() -> None:
    responder = ScriptedResponder([*speaks("Well", 100), STALL], answers("Yes."))
    error = fails_then_works(engines(responder=responder))
    assert error["code"] == "engine_timeout"
    assert "15 s" in error["message"]
    responder.assert_finished(cancelled=1)


def test_an_engine_that_is_slow_but_not_too_slow_is_waited_for() -> None:
    async def main() -> None:
        script = [Wait(29.0), Began(), Wait(14.0), *speaks("Well", 100), Wait(14.0), Finished()]
        async with hosted(engines(responder=ScriptedResponder(script))) as live:
            assert await asked(live) == ("completed", None)

    run_virtual(main())


def test_an_engine_that_ends_without_finishing() -> None:
    error = fails_then_works(engines(responder=ScriptedResponder(speaks("Well", 100), answers("Yes."))))
    assert error == {
        "type": "server_error",
        "code": "engine_failed",
        "message": "The engine ended without finishing its answer.",
    }


class Odd(ScriptedResponder):
    """Plays what no type checker would let pass, then goes on by its scripts."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(answers("Yes."))
        self._odd: list[Any] | None = list(parts)

    def respond(self, prompt: Prompt) -> AsyncGenerator[ResponsePart, None]:
        odd, self._odd = self._odd, None
        return super().respond(prompt) if odd is None else self._oddly(odd)

    async def _oddly(self, parts: list[Any]) -> AsyncGenerator[ResponsePart, None]:
        for part in parts:
            if isinstance(part, Exception):
                raise part
            yield part


@pytest.mark.parametrize(
    "parts",
    [
        [ValueError("a bug of the engine")],
        ["no part at all"],
        [SpokenText("Well"), SpokenAudio(Pcm.silence(20, 16_000)), SpokenAudio(Pcm.silence(20, 22_050))],
    ],
    ids=["raises anything", "yields nonsense", "changes its sample rate"],
)
def test_an_engine_that_breaks_its_contract(parts: list[Any]) -> None:
    assert fails_then_works(engines(responder=Odd(*parts))) == {
        "type": "server_error",
        "code": "engine_failed",
        "message": "The engine failed.",
    }


class Refusing(ScriptedResponder):
    """Raises before there is anything to iterate over."""

    def respond(self, prompt: Prompt) -> AsyncGenerator[ResponsePart, None]:
        if not self.calls:
            self._call(prompt)
            raise RuntimeError("not even a generator")
        return super().respond(prompt)


def test_an_engine_that_raises_instead_of_answering() -> None:
    responder = Refusing([], answers("Yes."))
    assert fails_then_works(engines(responder=responder))["code"] == "engine_failed"


def test_parts_after_the_end_are_not_waited_for() -> None:
    async def main() -> None:
        responder = Odd(Began(), Finished(), TextDelta("too late"))
        async with hosted(engines(responder=responder)) as live:
            assert await asked(live) == ("completed", None)
            assert "response.output_audio_transcript.delta" not in live.client.types()

    run_virtual(main())


def test_speech_that_cannot_be_recognised_fails_the_answer_to_it_and_no_other() -> None:
    async def main() -> None:
        responder = Echo()
        async with hosted(engines(ScriptedAsr([EngineError("asr_down", "No ears.")], "Hello."), responder)) as live:
            live.client.say("session.update", session={"type": "realtime", "audio": {"input": {"transcription": {}}}})
            await live.turn()
            failed = await live.client.expect("conversation.item.input_audio_transcription.failed")
            assert failed["error"] == {"type": "transcription_error", "code": "asr_down", "message": "No ears."}
            await live.turn()
            done = [event["response"] for event in live.client.events if event["type"] == "response.done"]
            if len(done) < 2:
                await live.client.expect("response.done")
                done = [event["response"] for event in live.client.events if event["type"] == "response.done"]
            assert [response["status"] for response in done] == ["failed", "completed"]
            assert done[0]["status_details"]["error"]["code"] == "asr_down"
        assert responder.heard == ["Hello."]

    run_virtual(main())


def test_speech_recognition_that_stalls_fails_the_answer() -> None:
    async def main() -> None:
        async with hosted(engines(ScriptedAsr([STALL]), Echo())) as live:
            await live.turn()
            done = await live.client.expect("response.done")
            assert done["response"]["status_details"]["error"]["code"] == "engine_timeout"

    run_virtual(main())


def test_a_prefill_that_fails_is_no_fault() -> None:
    class Cold(ScriptedResponder):
        async def warm(self, prompt: Prompt) -> None:
            raise BROKEN

    async def main() -> None:
        async with hosted(engines(responder=Cold(answers("Yes.")))) as live:
            await live.silence(CHUNK_MS)
            assert await asked(live) == ("completed", None)

    run_virtual(main())

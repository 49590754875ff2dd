"""The forms in which servers stream calls of tools; the arguments are told whole, once they are known to fit."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.engines.remote_helpers import CLOCK, PATIENT, STOP, WEATHER, answered, prompt, streamed
from tests.patience import until

from vivavoce.engines.openai.llm import OpenAiLlm
from vivavoce.ports import CallArguments, CallBegan, CallEnded, EngineError, Finished, TextDelta, TokenUsage, Tool
from vivavoce.testing.remote import Fault, RemoteServer
from vivavoce.testing.remote_chat import Calls

ASKED = replace(prompt("How is the weather in Rome?"), tools=(WEATHER, CLOCK))
ROME = '{"city": "Rome"}'


def delta(**fields: object) -> object:
    return {"choices": [{"index": 0, "delta": fields}]}


def piece(index: int | None = 0, **fields: object) -> object:
    """A delta with one piece of one call; `id` is the call's, all else the function's."""
    call: dict[str, object] = {} if index is None else {"index": index}
    if "id" in fields:
        call["id"] = fields.pop("id")
    return delta(tool_calls=[{**call, "function": fields}])


def called(name: str, arguments: str) -> list[object]:
    return [CallBegan(name), CallArguments(arguments), CallEnded()]


def test_a_call_comes_after_what_is_said_before_it() -> None:
    with RemoteServer() as server:
        server.calls.extend([Calls((("weather", ROME),), said="Let me look.")])
        llm = OpenAiLlm(server.base_url, "any", net=PATIENT)
        *parts, last = answered(llm, ASKED)
        assert parts == [TextDelta("Let me look."), *called("weather", ROME)]
        assert last == Finished("stop", TokenUsage(input_tokens=6, output_tokens=3, cached_tokens=3))
        assert len(server.received) == 1


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([piece(id="a", name="weather", arguments=ROME)], id="in one piece"),
        pytest.param(
            [piece(id="a", name="weather", arguments=""), piece(arguments='{"city"'), piece(arguments=': "Rome"}')],
            id="as OpenAI sends it",
        ),
        pytest.param([piece(name="weather", arguments='{"city": '), piece(arguments='"Rome"}')], id="no id"),
        pytest.param([piece(None, name="weather"), piece(None, arguments=ROME)], id="no index and no id"),
        pytest.param([piece(name="wea"), piece(name="ther"), piece(arguments=ROME)], id="the name in pieces"),
        pytest.param(
            [piece(name="weather", arguments='{"city": '), piece(name="weather", arguments='"Rome"}')],
            id="the name again in each piece",
        ),
        pytest.param(
            [piece(id="a", name="weather", arguments='{"city": '), piece(id="b", name=None, arguments='"Rome"}')],
            id="a new id in each piece",
        ),
        pytest.param([piece(id="", name="weather", arguments={"city": "Rome"})], id="an object for the arguments"),
        pytest.param([piece(name="weather", arguments=None), piece(name=None, arguments=ROME)], id="nulls"),
        pytest.param(
            [
                delta(function_call={"name": "weather", "arguments": '{"city":'}),
                delta(function_call={"arguments": ' "Rome"}'}),
            ],
            id="function_call",
        ),
        pytest.param(
            [delta(tool_calls=None), delta(tool_calls=[7, {"index": 0}]), piece(name="weather", arguments=ROME)],
            id="empty pieces",
        ),
    ],
)
@pytest.mark.parametrize("reason", ["tool_calls", "stop", "function_call"])
def test_a_call_in_many_forms(chunks: list[object], reason: str) -> None:
    with RemoteServer() as server:
        server.expect(streamed(*chunks, {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}))
        assert answered(OpenAiLlm(server.base_url, "any", net=PATIENT), ASKED) == [*called("weather", ROME), Finished()]
        assert len(server.received) == 1


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param(
            [piece(0, id="a", name="weather", arguments=ROME), piece(1, id="b", name="clock", arguments="{}")],
            id="one after the other",
        ),
        pytest.param(
            [piece(0, name="weather"), piece(1, name="clock"), piece(0, arguments=ROME), piece(1, arguments="")],
            id="side by side",
        ),
        pytest.param(
            [
                delta(
                    tool_calls=[
                        {"id": "a", "function": {"name": "weather", "arguments": ROME}},
                        {"id": "b", "function": {"name": "clock"}},
                    ]
                )
            ],
            id="no index, in one delta",
        ),
        pytest.param(
            [piece(0, id="a", name="weather", arguments=ROME), piece(0, id="b", name="clock", arguments="{}")],
            id="always index 0",
        ),
        pytest.param(
            [piece(0, name="weather", arguments=ROME), piece(0, name="clock", arguments="{}")],
            id="always index 0 and no id",
        ),
        pytest.param(
            [piece(None, name="weather", arguments=ROME), piece(None, name="clock")], id="neither index nor id"
        ),
    ],
)
def test_several_calls_at_once(chunks: list[object]) -> None:
    with RemoteServer() as server:
        server.expect(streamed(*chunks, STOP), streamed(*chunks, STOP))
        llm = OpenAiLlm(server.base_url, "any", net=PATIENT)
        assert answered(llm, ASKED) == [*called("weather", ROME), *called("clock", "{}"), Finished()]
        llm = OpenAiLlm(server.base_url, "any", net=PATIENT)
        one = replace(ASKED, parallel_tool_calls=False)
        assert answered(llm, one) == [*called("weather", ROME), Finished()]


def test_the_same_tool_may_be_called_twice() -> None:
    oslo = '{"city": "Oslo"}'
    with RemoteServer() as server:
        server.expect(
            streamed(
                piece(0, id="a", name="weather", arguments=ROME), piece(0, id="b", name="weather", arguments=oslo), STOP
            )
        )
        parts = answered(OpenAiLlm(server.base_url, "any", net=PATIENT), ASKED)
        assert parts == [*called("weather", ROME), *called("weather", oslo), Finished()]


def test_a_name_that_is_another_twice() -> None:
    twice = Tool("clockclock", "", {})
    with RemoteServer() as server:
        server.expect(streamed(piece(name="clock"), piece(name="clock"), STOP))
        parts = answered(OpenAiLlm(server.base_url, "any", net=PATIENT), replace(ASKED, tools=(CLOCK, twice)))
        assert parts == [*called("clockclock", "{}"), Finished()]


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_a_call_that_was_cut_off_is_none(reason: str) -> None:
    cut = {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
    with RemoteServer() as server:
        server.expect(streamed(piece(0, name="clock", arguments="{}"), piece(1, name="weather", arguments='{"ci'), cut))
        *parts, last = answered(OpenAiLlm(server.base_url, "any", net=PATIENT), ASKED)
        assert parts == called("clock", "{}")
        assert isinstance(last, Finished)
        assert last.reason == reason
        assert len(server.received) == 1


@pytest.mark.parametrize(
    "chunks",
    [[piece(index, name="clock") for index in range(40)], [piece(name="clock", arguments="x" * 200_000)] * 2],
)
def test_calls_without_an_end_fail(chunks: list[object]) -> None:
    with RemoteServer() as server:
        server.expect(streamed(*chunks, STOP))
        with pytest.raises(EngineError, match="called tools without an end") as caught:
            answered(OpenAiLlm(server.base_url, "any", net=PATIENT), ASKED)
        assert caught.value.code == "engine_failed"


def test_a_stream_that_breaks_off_in_a_call_tells_none() -> None:
    with RemoteServer() as server:
        server.expect(streamed(piece(name="clock", arguments="{}"), end=b""))
        with pytest.raises(EngineError, match="ended its stream before its answer"):
            answered(OpenAiLlm(server.base_url, "any", net=PATIENT), ASKED)


def test_closing_in_the_middle_of_a_call_hangs_up_at_once() -> None:
    with RemoteServer() as server:
        server.calls.extend([Calls((("weather", ROME),), said="Let me.")])

        async def main() -> None:
            llm = OpenAiLlm(server.base_url, "any", net=PATIENT)
            server.expect(Fault(stall_after=6))  # two words, and the beginning of the call
            answer = llm.generate(ASKED)
            assert [(await anext(answer)) for _ in range(2)] == [TextDelta("Let"), TextDelta(" me.")]
            rest = asyncio.ensure_future(anext(answer))
            await until(lambda: server.streaming == 1)
            rest.cancel()
            await asyncio.wait([rest])
            await answer.aclose()
            assert llm.running == 0
            await until(lambda: server.hung_up == 1)
            await llm.aclose()

        asyncio.run(main())

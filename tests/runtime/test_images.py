"""Pictures through the runtime: read once, ahead of the question; and what happens where that goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from msgspec.structs import replace as with_fields
from tests.runtime.hosting import CAN, LIMITS, SETTINGS, Hosted, engines, hosted

from vivavoce.core.ids import CountingIds
from vivavoce.core.session import Session
from vivavoce.engines.cascade import Cascade
from vivavoce.ports import EngineError, Image, LlmFeature
from vivavoce.runtime import images
from vivavoce.runtime.images import MOST_WAITING
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.fakes import STALL, ScriptedLlm, ScriptedTts, Wait, says
from vivavoce.testing.pictures import ScriptedFetcher, ScriptedImageReader, Shown, data_uri, png

RED = png(2, 2, (200, 0, 0))
URL = "https://pictures.example/red.png"
TEXT = {"output_modalities": ["text"]}
SEES: tuple[LlmFeature, ...] = ("images",)


@asynccontextmanager
async def shown_to(
    llm: ScriptedLlm, reader: ScriptedImageReader | None = None, fetcher: ScriptedFetcher | None = None
) -> AsyncIterator[Hosted]:
    """A session whose answers come from `llm`."""
    can = with_fields(CAN, images=True, image_urls=fetcher is not None)
    core = Session(SETTINGS, can, CountingIds(), asyncio.get_running_loop().time(), None)
    engine_set = replace(engines(), responder=Cascade(llm, ScriptedTts()), reader=reader, fetcher=fetcher)
    async with hosted(engine_set, core) as live:
        yield live


async def show(live: Hosted, *urls: str, words: str = "What is this?", detail: str = "auto") -> None:
    content: list[dict[str, Any]] = [{"type": "input_image", "image_url": url, "detail": detail} for url in urls]
    content.append({"type": "input_text", "text": words})
    live.client.say("conversation.item.create", item={"type": "message", "role": "user", "content": content})
    await live.client.expect("conversation.item.done")


async def ask(live: Hosted) -> dict[str, Any]:
    live.client.say("response.create", response=TEXT)
    event = await live.client.expect("response.done")
    return dict(event)


def prompts(llm: ScriptedLlm) -> list[Sequence[object]]:
    """The last message of each prompt."""
    return [call.request.messages[-1].content for call in llm.calls]


def test_a_model_that_cannot_see_is_told_what_is_on_it() -> None:
    async def main() -> None:
        llm, reader = ScriptedLlm(says("Red.")), ScriptedImageReader("[All red.]")
        async with shown_to(llm, reader) as live:
            await show(live, data_uri(RED))
            await ask(live)
        assert prompts(llm) == [("[All red.]\nWhat is this?",)]
        assert [call.request for call in reader.calls] == [Shown(RED, "auto")]

    run_virtual(main())


def test_it_is_read_when_it_comes_and_never_again() -> None:
    async def main() -> None:
        llm, reader = ScriptedLlm(says("Red."), says("Still red.")), ScriptedImageReader([Wait(1), "[All red.]"])
        async with shown_to(llm, reader) as live:
            await show(live, data_uri(RED), data_uri(RED))
            await asyncio.sleep(2)
            assert [call.ended for call in reader.calls] == [True]
            await ask(live)
            await show(live, data_uri(RED))
            await ask(live)
        assert len(reader.calls) == 1

    run_virtual(main())


def test_it_is_read_again_with_less_detail() -> None:
    async def main() -> None:
        reader = ScriptedImageReader("[All red.]", "[Red.]")
        async with shown_to(ScriptedLlm(), reader) as live:
            await show(live, data_uri(RED))
            await show(live, data_uri(RED), detail="low")
        assert [call.request.detail for call in reader.calls] == ["auto", "low"]

    run_virtual(main())


def test_a_model_that_sees_gets_the_picture_itself() -> None:
    async def main() -> None:
        llm, reader = ScriptedLlm(says("Red."), features=SEES), ScriptedImageReader()
        async with shown_to(llm, reader) as live:
            await show(live, data_uri(RED), detail="low")
            await ask(live)
        ((image, words),) = prompts(llm)
        assert isinstance(image, Image)
        assert (image.data, image.media_type, image.detail) == (RED, "image/png", "low")
        assert (image.width, image.height, words) == (2, 2, "What is this?")
        assert reader.calls == []

    run_virtual(main())


@pytest.mark.parametrize(
    ("steps", "code", "why"),
    [
        ([EngineError("image_unreadable", "It cannot be decoded.")], "image_unreadable", "It cannot be decoded."),
        ([STALL], "engine_timeout", "The image reader did not answer within 20 s."),
    ],
)
def test_a_picture_that_cannot_be_read_is_an_error_and_the_model_is_told_so(
    steps: list[EngineError], code: str, why: str
) -> None:
    async def main() -> None:
        llm, reader = ScriptedLlm(says("I cannot see it.")), ScriptedImageReader(steps)
        async with shown_to(llm, reader) as live:
            await show(live, data_uri(RED))
            event = await live.client.expect("error")
            assert (event["error"]["code"], event["error"]["param"]) == (code, "item.content[0].image_url")
            done = await ask(live)
            assert done["response"]["status"] == "completed"
        told = f"[A picture that could not be looked at. {why} If asked about it, say so.]"
        assert prompts(llm) == [(f"{told}\nWhat is this?",)]

    run_virtual(main())


def test_a_picture_from_elsewhere_is_fetched_once_and_read() -> None:
    async def main() -> None:
        llm, reader, fetcher = ScriptedLlm(says("Red.")), ScriptedImageReader("[All red.]"), ScriptedFetcher(RED)
        async with shown_to(llm, reader, fetcher) as live:
            await show(live, URL)
            await ask(live)
        assert prompts(llm) == [("[All red.]\nWhat is this?",)]
        assert [call.request for call in fetcher.calls] == [URL]

    run_virtual(main())


def test_a_model_that_sees_waits_until_it_is_there() -> None:
    async def main() -> None:
        llm, fetcher = ScriptedLlm(says("Red."), features=SEES), ScriptedFetcher([Wait(2), RED])
        async with shown_to(llm, None, fetcher) as live:
            await show(live, URL)
            await ask(live)
        ((image, _),) = prompts(llm)
        assert isinstance(image, Image)
        assert (image.data, image.width) == (RED, 2)

    run_virtual(main())


@pytest.mark.parametrize("features", [(), SEES])
@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([EngineError("failed_to_download_image", "It is gone.")], "failed_to_download_image"),
        ([b"<html>"], "unsupported_image_media_type"),
        ([png(1, 1)[:20]], "image_parse_error"),
    ],
)
def test_what_cannot_be_fetched_is_an_error_and_the_model_is_told_so(
    found: list[bytes | EngineError], code: str, features: tuple[LlmFeature, ...]
) -> None:
    async def main() -> None:
        llm, fetcher = ScriptedLlm(says("Sorry."), features=features), ScriptedFetcher(found)
        async with shown_to(llm, ScriptedImageReader(), fetcher) as live:
            await show(live, URL)
            event = await live.client.expect("error")
            assert event["error"]["code"] == code
            await ask(live)
        assert str(prompts(llm)[0][0]).startswith("[A picture that could not be looked at.")

    run_virtual(main())


def test_no_more_than_a_few_are_looked_at_ahead() -> None:
    async def main() -> None:
        reader = ScriptedImageReader(*[[STALL]] * MOST_WAITING)
        async with shown_to(ScriptedLlm(), reader) as live:
            for size in range(1, 20):
                await show(live, data_uri(png(size, 1)))
            assert reader.running == MOST_WAITING
        assert reader.running == 0

    run_virtual(main())


def test_the_limits_of_the_tests_are_those_of_the_server() -> None:
    assert LIMITS.image_s == 20.0


def test_descriptions_of_long_ago_are_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        monkeypatch.setattr(images, "MOST_KEPT", 2)
        reader = ScriptedImageReader("1", "2", "3", "1 again")
        async with shown_to(ScriptedLlm(), reader) as live:
            for size in (1, 2, 3, 1):
                await show(live, data_uri(png(size, 1)))
                await asyncio.sleep(1)
        reader.assert_finished()

    run_virtual(main())

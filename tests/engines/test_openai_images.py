"""Pictures for remote models that see them."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Literal

import pytest
from tests.engines.remote_helpers import PATIENT, STOP, answered, prompt, streamed

from vivavoce.engines.openai.llm import OpenAiLlm
from vivavoce.engines.openai.payload import find
from vivavoce.engines.openai.pictures import tokens
from vivavoce.ports import EngineError, Finished, Image, Message, Prompt
from vivavoce.testing.remote import Fault, RemoteServer
from vivavoce.testing.remote_chat import IMAGE_TOKENS

Detail = Literal["auto", "low", "high"]

PNG = b"\x89PNG"


async def unread() -> str:
    raise AssertionError("A model that sees needs no description.")


def picture(width: int = 900, height: int = 500, detail: Detail = "high") -> Image:
    return Image(PNG, "image/png", detail, unread, width, height)


def showing(*parts: str | Image) -> Prompt:
    return replace(prompt(), messages=(Message("user", parts),))


def ask(server: RemoteServer, asked: Prompt, *, images: bool = True) -> Finished:
    last = answered(OpenAiLlm(server.base_url, "any", images=images, net=PATIENT), asked)[-1]
    assert isinstance(last, Finished)
    return last


def test_pictures_and_words_are_sent_in_their_order() -> None:
    with RemoteServer() as server:
        last = ask(server, showing("What is this?", picture(detail="low"), "And this?", picture()))
        url = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
        assert find(server.received[0].json["messages"], 0, "content") == [  # type: ignore[arg-type]
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": url, "detail": "low"}},
            {"type": "text", "text": "And this?"},
            {"type": "image_url", "image_url": {"url": url, "detail": "high"}},
        ]
        assert last.usage.input_tokens == 5 + 2 * IMAGE_TOKENS
        assert last.usage.image_tokens == 85 + 85 + 170 * 2


@pytest.mark.parametrize(
    ("width", "height", "detail", "expected"),
    [
        (512, 512, "high", 255),
        (513, 512, "high", 425),
        (1024, 1024, "high", 765),  # made 768x768: four tiles
        (2048, 4096, "high", 1105),  # made 768x1536: six
        (3000, 1500, "auto", 1105),
        (4096, 8192, "low", 85),
        (1, 60_000, "high", 85 + 170 * 4),  # made 0x2048
    ],
)
def test_the_tokens_of_a_picture_are_guessed_by_the_published_formula(
    width: int, height: int, detail: Detail, expected: int
) -> None:
    assert tokens(picture(width, height, detail)) == expected


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 100}, 100),
        ({"prompt_tokens": 900}, 425),
        ({"prompt_tokens": 900, "prompt_tokens_details": {"image_tokens": 300}}, 300),
        ({}, 0),
    ],
)
def test_the_guess_gives_way_to_what_the_server_counts(usage: dict[str, object], expected: int) -> None:
    with RemoteServer() as server:
        server.expect(streamed("A dog.", STOP, {"choices": [], "usage": usage}))
        assert ask(server, showing(picture())).usage.image_tokens == expected


def test_what_pictures_take_of_a_known_window_is_counted() -> None:
    with RemoteServer() as server:
        seen = Message("user", (picture(1024, 1024), "What is this?"))
        messages = (seen, Message("assistant", ("A dog.",)), Message("user", ("And now?",)))
        for context, left in ((1024, 1), (2048, 3)):
            llm = OpenAiLlm(server.base_url, "any", images=True, context=context, net=PATIENT)
            answered(llm, replace(prompt(), messages=messages))
            assert len(server.received[-1].json["messages"]) == left  # type: ignore[arg-type]


def test_a_model_that_sees_nothing_is_given_no_picture() -> None:
    with RemoteServer() as server:
        with pytest.raises(EngineError, match="sees nothing was given a picture"):
            ask(server, showing(picture()), images=False)
        assert server.received == []


@pytest.mark.parametrize("message", ["This model has no vision support", "image input is not supported"])
def test_a_server_that_takes_no_pictures_is_named_with_the_setting_for_it(message: str) -> None:
    with RemoteServer() as server:
        server.expect(Fault(status=400, message=message), Fault(status=400, message=message))
        with pytest.raises(EngineError, match="images = false") as caught:
            ask(server, showing(picture()))
        assert caught.value.code == "images_refused"
        with pytest.raises(EngineError) as other:
            ask(server, showing("No picture."))
        assert other.value.code == "engine_rejected"

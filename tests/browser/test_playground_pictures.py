"""Pictures in the page: chosen, dropped or pasted, made small enough, shown, and put into the conversation."""

from __future__ import annotations

import asyncio
import re
import struct

import pytest
from msgspec.structs import replace
from tests.browser.chromium import Chromium, Page, PageError
from tests.browser.playing import playground
from tests.browser.scripted import CAN, scripted

from vivavoce.core.images import from_uri
from vivavoce.ports import Image
from vivavoce.testing.fakes import ScriptedLlm, says
from vivavoce.transports.webrtc.sdp import MAX_MESSAGE_BYTES

DRAWN = """async (width, height, type, noisy, name) => {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  context.fillStyle = "green";
  context.fillRect(width / 4, height / 4, width / 2, height / 2);
  if (noisy) {
    const pixels = context.getImageData(0, 0, width, height);
    for (let at = 0; at < pixels.data.length; at += 65536) {
      crypto.getRandomValues(pixels.data.subarray(at, Math.min(at + 65536, pixels.data.length)));
    }
    context.putImageData(pixels, 0, 0);
  }
  return new File([await canvas.convertToBlob({ type })], name, { type });
}"""
GIVEN = {
    "drop": """(transfer) => document.querySelector('#lines').dispatchEvent(
        new DragEvent('drop', {dataTransfer: transfer, bubbles: true, cancelable: true}))""",
    "paste": """(transfer) => document.querySelector('#text').dispatchEvent(
        new ClipboardEvent('paste', {clipboardData: transfer, bubbles: true, cancelable: true}))""",
    "choose": """(transfer) => {
        const input = document.querySelector('#files');
        input.files = transfer.files;
        input.dispatchEvent(new Event('change', {bubbles: true}));
    }""",
}


async def give(page: Page, way: str = "drop", *, drawn: str | None = None) -> None:
    """Hand the page a file that it draws itself: 300 x 200, unless `drawn` is another expression for one."""
    file = drawn or f"await ({DRAWN})(300, 200, 'image/png', false, 'drawn.png')"
    await page.evaluate(
        f"""(async () => {{
          const transfer = new DataTransfer();
          transfer.items.add({file});
          ({GIVEN[way]})(transfer);
        }})()"""
    )


async def made(page: Page, drawn: str, most: int) -> str:
    """What the page would send of a file."""
    uri: str = await page.evaluate(
        f"import('/playground/pictures.js').then(async ({{ dataUri }}) => dataUri({drawn}, {most}))"
    )
    return uri


@pytest.mark.parametrize("way", sorted(GIVEN))
def test_a_picture_is_put_into_the_conversation_and_what_is_typed_next_is_about_it(browser: Chromium, way: str) -> None:
    async def scenario() -> None:
        async with scripted(browser) as (here, wire):
            await give(here.page, way)
            await wire.opened()
            item = await wire.created()
            (part,) = item["content"]
            assert (item["type"], item["role"], part["type"]) == ("message", "user", "input_image")
            found = from_uri(part["image_url"], "image_url")
            assert (found.media_type, found.width, found.height) == ("image/png", 300, 200)
            await here.page.until("document.querySelector('#lines li.user img')?.naturalWidth === 300")
            await here.type("What is it?")  # nothing is answered before somebody asks
            assert (await wire.created())["content"] == [{"type": "input_text", "text": "What is it?"}]
            await wire.asked()
            await here.page.until("document.querySelectorAll('#lines li').length === 2")
            assert await here.lines() == ["user: ", "user: What is it?"]
            await here.page.evaluate("document.querySelectorAll('#log details').forEach((each) => (each.open = true))")
            await here.page.until("document.querySelector('#log').textContent.includes('bytes of a picture')")
            log = await here.page.evaluate("document.querySelector('#log').textContent")
            assert part["image_url"][-40:] not in log

    asyncio.run(scenario())


@pytest.mark.parametrize("connection", ["websocket", "webrtc"])
def test_a_model_that_sees_gets_a_large_picture_over_either_connection(browser: Chromium, connection: str) -> None:
    async def scenario() -> None:
        llm = ScriptedLlm(says("It is noise."), features=("images",))
        async with playground(browser, connection=connection, llm=llm) as here:
            await here.page.until("!document.querySelector('#picture').disabled")
            await give(here.page, drawn=f"await ({DRAWN})(1600, 1200, 'image/png', true, 'noise.png')")
            await here.page.until("document.querySelector('#lines li.user img') !== null")
            await here.type("What is it?")
            await here.page.until("document.querySelector('#lines').textContent.includes('It is noise.')")
            assert await here.problems() == []
            shown = await here.page.evaluate("document.querySelector('#lines img').src")
            pictures = [part for message in llm.calls[0].request.messages for part in message.content]
            assert isinstance(pictures[0], Image)
            assert pictures[0].data == from_uri(shown, "image_url").data
            if connection == "webrtc":
                assert len(shown) < MAX_MESSAGE_BYTES  # one event is one message
        llm.assert_finished()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("drawn", "expected"),
    [
        ("640, 480, 'image/png'", ("image/png", 640, 480)),
        ("640, 480, 'image/jpeg'", ("image/webp", 640, 480)),
        ("4096, 1024, 'image/png'", ("image/png", 2048, 512)),
        ("3, 1, 'image/webp'", ("image/webp", 3, 1)),
    ],
)
def test_a_picture_keeps_its_size_where_it_can(browser: Chromium, drawn: str, expected: tuple[str, int, int]) -> None:
    async def scenario() -> None:
        async with scripted(browser) as (here, _):
            uri = await made(here.page, f"await ({DRAWN})({drawn})", 250_000)
            found = from_uri(uri, "image_url")
            assert (found.media_type, found.width, found.height) == expected

    asyncio.run(scenario())


def exif(orientation: int, note: bytes) -> list[int]:
    """The segment of a JPEG that says which side is up (6: the left one), and where it was taken."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    body = b"Exif\0\0" + b"II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4) + note
    return list(b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body)


def test_a_photograph_is_turned_upright_and_what_it_says_of_its_place_is_gone(browser: Chromium) -> None:
    async def scenario() -> None:
        async with scripted(browser) as (here, _):
            plain = f"await (await ({DRAWN})(300, 200, 'image/jpeg')).arrayBuffer()"
            photo = f"""await (async () => {{
              const bytes = new Uint8Array({plain});
              const said = new Uint8Array({exif(6, b"48.85 N, 2.35 E")});
              return new File([bytes.slice(0, 2), said, bytes.slice(2)], 'a.jpg', {{ type: 'image/jpeg' }});
            }})()"""
            found = from_uri(await made(here.page, photo, 250_000), "image_url")
            assert (found.width, found.height) == (200, 300)
            assert b"48.85" not in found.data

    asyncio.run(scenario())


def test_a_picture_that_is_too_large_is_made_smaller_and_keeps_its_shape(browser: Chromium) -> None:
    async def scenario() -> None:
        async with scripted(browser) as (here, _):
            uri = await made(here.page, f"await ({DRAWN})(1600, 800, 'image/png', true)", 250_000)
            assert len(uri) <= 250_000
            found = from_uri(uri, "image_url")
            assert found.width < 1600
            assert found.width / found.height == pytest.approx(2, rel=0.01)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("drawn", "most", "said"),
    [
        ("new File(['hello'], 'note.txt', {type: 'text/plain'})", 250_000, "note.txt is no PNG, JPEG or WebP picture."),
        ("new File(['<svg/>'], 'a.svg', {type: 'image/svg+xml'})", 250_000, "a.svg is no PNG, JPEG or WebP picture."),
        (
            "new File(['not one'], 'broken.png', {type: 'image/png'})",
            250_000,
            "broken.png cannot be read: it is damaged, or not what its name says.",
        ),
        (
            f"await ({DRAWN})(400, 400, 'image/png', true, 'noise.png')",
            2000,
            "noise.png cannot be made small enough to be sent.",
        ),
    ],
)
def test_what_cannot_be_sent_is_told(browser: Chromium, drawn: str, most: int, said: str) -> None:
    async def scenario() -> None:
        async with scripted(browser) as (here, _):
            with pytest.raises(PageError, match=re.escape(said)):
                await made(here.page, drawn, most)

    asyncio.run(scenario())


def test_a_file_that_is_no_picture_is_told_and_the_conversation_goes_on(browser: Chromium) -> None:
    async def scenario() -> None:
        async with scripted(browser) as (here, wire):
            await give(here.page, drawn="new File(['hello'], 'note.txt', {type: 'text/plain'})")
            await wire.opened()
            await here.page.until("document.querySelector('.message') !== null")
            assert await here.problems() == ["Picture not sent"]
            await here.type("Hello.")
            await wire.created()
            await wire.asked()

    asyncio.run(scenario())


def test_a_picture_of_somebody_else_is_named_and_nothing_is_loaded(browser: Chromium) -> None:
    async def scenario() -> None:
        async with scripted(browser) as (here, wire):
            await here.type("Hello.")
            await wire.opened()
            await wire.created()
            await wire.asked()
            for content in ({}, {"image_url": "https://pictures.example.com/cat.png"}):
                item = {"id": wire.new_id(), "type": "message", "role": "user", "status": "completed"}
                part = {"type": "input_image", "detail": "auto", **content}
                await wire.say("conversation.item.added", item={**item, "content": [part]}, previous_item_id=None)
            named = "[...document.querySelectorAll('#lines li code')].map((each) => each.textContent).join()"
            await here.page.until(f"{named} === 'a picture,https://pictures.example.com/cat.png'")
            assert await here.page.evaluate("document.querySelectorAll('#lines img').length") == 0

    asyncio.run(scenario())


def test_a_server_that_sees_nothing_is_shown_nothing(browser: Chromium) -> None:
    async def scenario() -> None:
        async with scripted(browser, replace(CAN, images=False)) as (here, _):
            assert await here.page.evaluate("document.querySelector('#picture').disabled")
            await give(here.page)
            await here.page.until("document.querySelector('.message') !== null")
            assert await here.problems() == ["No pictures"]
            await here.until_state("Not connected")

    asyncio.run(scenario())

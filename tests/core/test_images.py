"""PROTOCOL.md 3.10 and 4.11: pictures as content, and those that are refused by name."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

import pytest
from msgspec.structs import replace
from tests.core.caller import CAN, Caller, done, error, refusal, said, show, started, tags

from vivavoce.core import effects as fx
from vivavoce.core.images import MAX_IMAGE_BYTES, MAX_IMAGES_BYTES
from vivavoce.protocol import server as wire
from vivavoce.protocol.items import InputImage

SEES = replace(CAN, images=True)
FETCHES = replace(SEES, image_urls=True)
HTTPS = "https://pictures.example/cat.png"
URL = "item.content[0].image_url"


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int = 2, height: int = 3, extra: bytes = b"", end: bytes | None = None) -> bytes:
    """As far as its header and its end go."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + (chunk(b"IEND", b"") if end is None else end)


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", 2 + len(body)) + body


def jpeg(width: int = 2, height: int = 3, before: bytes = b"", frame: int = 0xC2, end: bytes = b"\xff\xd9") -> bytes:
    header = segment(frame, struct.pack(">BHHB", 8, height, width, 0))
    return b"\xff\xd8" + segment(0xE0, b"JFIF\0") + before + header + b"data" + end


def riff(kind: bytes, body: bytes) -> bytes:
    inner = b"WEBP" + kind + struct.pack("<I", len(body)) + body.ljust(10, b"\0")
    return b"RIFF" + struct.pack("<I", len(inner)) + inner


def small(value: int) -> bytes:
    return struct.pack("<I", value)[:3]


def vp8x(width: int = 2, height: int = 3) -> bytes:
    return riff(b"VP8X", bytes(4) + small(width - 1) + small(height - 1))


def vp8l(width: int = 2, height: int = 3) -> bytes:
    return riff(b"VP8L", b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14))


def vp8(width: int = 2, height: int = 3) -> bytes:
    return riff(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", width, height))


def uri(data: bytes, media_type: str = "image/png") -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def shown(*urls: str, role: str = "user", **fields: object) -> dict[str, Any]:
    """A message with pictures."""
    content = [{"type": "input_image", "image_url": url} for url in urls]
    return {"type": "message", "role": role, "content": content, **fields}


def create(caller: Caller, item: dict[str, Any]) -> list[fx.Output]:
    return caller.send("conversation.item.create", item=item)


def looked(outputs: list[fx.Output]) -> list[fx.Look]:
    return [output for output in outputs if isinstance(output, fx.Look)]


def fault(url: str, caller: Caller | None = None) -> tuple[str | None, str | None]:
    return refusal(create(caller or Caller(can=SEES), shown(url)))


class TestSeen:
    def test_a_picture_is_looked_at_when_it_comes(self) -> None:
        outputs = create(Caller(can=SEES), shown(uri(png()), id="a"))
        assert tags(outputs) == ["conversation.item.added", "conversation.item.done", "look"]
        assert looked(outputs) == [fx.Look(item_id="a", content_index=0, image_url=uri(png()), detail="auto")]

    def test_each_picture_of_a_message_is_looked_at_with_its_own_detail(self) -> None:
        item = shown(uri(png()), uri(png(9, 9)), id="a")
        item["content"][1]["detail"] = "low"
        first, second = looked(create(Caller(can=SEES), item))
        assert (first.content_index, first.detail) == (0, "auto")
        assert (second.content_index, second.detail, second.image_url) == (1, "low", uri(png(9, 9)))

    def test_events_leave_the_picture_out_and_retrieve_has_it(self) -> None:
        caller = Caller(can=SEES)
        added = create(caller, shown(uri(png()), id="a"))[0]
        assert isinstance(added, wire.ConversationItemAdded)
        assert said(added.item).content == (InputImage(),)
        found = caller.item("a")
        assert found is not None
        assert said(found).content == (InputImage(image_url=uri(png())),)

    def test_an_answer_is_made_from_it(self) -> None:
        caller = Caller(can=SEES)
        create(caller, shown(uri(png())))
        (item,) = started(caller.send("response.create")).context.items
        assert said(item).content == (InputImage(image_url=uri(png())),)

    def test_pictures_in_the_input_of_a_response_are_looked_at(self) -> None:
        caller = Caller(can=SEES)
        create(caller, shown(uri(png()), id="old"))
        given = [{"type": "item_reference", "id": "old"}, shown(uri(png(9, 9)))]
        outputs = caller.send("response.create", response={"conversation": "none", "input": given})
        assert [look.image_url for look in looked(outputs)] == [uri(png(9, 9))]

    def test_nobody_looks_where_nothing_is_answered(self) -> None:
        caller = Caller(can=SEES)
        caller.session.settings = replace(caller.session.settings, type="transcription")
        assert looked(create(caller, shown(uri(png())))) == []

    @pytest.mark.parametrize(
        "url",
        [
            uri(jpeg(), "image/jpeg"),
            uri(jpeg(), "image/jpg"),
            uri(jpeg(before=b"\xff" * 9), "image/jpeg"),
            uri(jpeg(before=b"\xff\xd0" + segment(0xC4, b"table"), frame=0xCF), "image/jpeg"),
            uri(vp8x(), "image/webp"),
            uri(vp8l(), "image/webp"),
            uri(vp8(), "image/webp"),
            "DATA:Image/PNG;charset=utf-8;BASE64," + base64.b64encode(png()).decode(),
            uri(png(5000, 5000)),
        ],
    )
    def test_png_jpeg_and_webp_of_every_kind_are_taken(self, url: str) -> None:
        assert len(looked(create(Caller(can=SEES), shown(url)))) == 1


class TestRefused:
    def test_where_nobody_can_see(self) -> None:
        assert refusal(create(Caller(), shown(uri(png())))) == ("unsupported_value", "item.content")

    def test_in_messages_of_others(self) -> None:
        for role in ("system", "assistant"):
            code, param = refusal(create(Caller(can=SEES), shown(uri(png()), role=role)))
            assert (code, param) == ("invalid_value", "item.content[0].type")

    def test_a_refused_one_is_not_there(self) -> None:
        caller = Caller(can=SEES)
        create(caller, shown("data:image/png;base64,====", id="a"))
        assert caller.item("a") is None

    def test_without_an_address(self) -> None:
        item = {"type": "message", "role": "user", "content": [{"type": "input_image"}]}
        assert refusal(create(Caller(can=SEES), item)) == ("missing_required_parameter", URL)

    def test_in_the_input_of_a_response(self) -> None:
        outputs = Caller(can=SEES).send("response.create", response={"input": [shown(uri(b"GIF89a"))]})
        assert refusal(outputs) == ("unsupported_image_media_type", "response.input[0].content[0].image_url")

    @pytest.mark.parametrize("url", ["", "cat.png", "http://pictures.example/cat.png", "data:image/png,abc", "data:"])
    def test_what_is_no_data_uri(self, url: str) -> None:
        assert fault(url) == ("invalid_image_url", URL)

    @pytest.mark.parametrize("body", ["@@@@", "abc", "iVBORw0KGgo=AAAA", "ÄÖÜß"])
    def test_wrong_base64(self, body: str) -> None:
        assert fault(f"data:image/png;base64,{body}") == ("invalid_base64_image", URL)

    def test_an_empty_one(self) -> None:
        assert fault("data:image/png;base64,") == ("empty_image_file", URL)

    @pytest.mark.parametrize(
        "url",
        [
            uri(b"<svg/>", "image/svg+xml"),
            uri(b"GIF89a", "image/gif"),
            uri(b"<svg/>"),
            uri(b"GIF89a"),
            uri(b"RIFF\4\0\0\0WAVE"),
        ],
    )
    def test_other_formats_whatever_they_are_called(self, url: str) -> None:
        assert fault(url) == ("unsupported_image_media_type", URL)

    def test_a_type_that_is_not_the_pictures(self) -> None:
        assert fault(uri(jpeg(), "image/png")) == ("invalid_image_format", URL)

    @pytest.mark.parametrize("data", [png(60_000, 60_000), png(25_000_001, 1)])
    def test_more_pixels_than_a_decoder_should_be_given(self, data: bytes) -> None:
        assert fault(uri(data)) == ("image_too_large", URL)

    @pytest.mark.parametrize(
        ("data", "media_type"),
        [
            (png()[:20], "image/png"),
            (png(end=b""), "image/png"),
            (png(0, 5), "image/png"),
            (jpeg()[:9], "image/jpeg"),
            (jpeg(end=b""), "image/jpeg"),
            (jpeg(before=b"\xff\xda"), "image/jpeg"),
            (jpeg(before=b"\0\0"), "image/jpeg"),
            (jpeg(before=b"\xff" * 2000), "image/jpeg"),
            (jpeg(0, 5), "image/jpeg"),
            (vp8()[:-1], "image/webp"),
            (b"RIFF\4\0\0\0WEBP", "image/webp"),
            (vp8l().replace(b"\x2f", b"\x2e"), "image/webp"),
            (vp8().replace(b"\x9d", b"\x9e"), "image/webp"),
            (riff(b"EXIF", b""), "image/webp"),
        ],
    )
    def test_broken_and_cut_off_ones(self, data: bytes, media_type: str) -> None:
        assert fault(uri(data, media_type)) == ("image_parse_error", URL)

    def test_twenty_megabytes(self) -> None:
        assert fault("data:image/png;base64," + "A" * 20_000_000) == ("image_file_too_large", URL)

    def test_a_byte_too_many(self) -> None:
        data = png(extra=bytes(MAX_IMAGE_BYTES + 1 - len(png())))
        assert fault(uri(data)) == ("image_file_too_large", URL)

    def test_more_than_a_conversation_may_hold_until_one_is_deleted(self) -> None:
        caller, large = Caller(can=SEES), uri(png(extra=bytes(MAX_IMAGE_BYTES - len(png()))))
        fit = MAX_IMAGES_BYTES // len(large)
        for index in range(fit):
            assert tags(create(caller, shown(large, id=f"i{index}")))[-1] == "look"
        assert refusal(create(caller, shown(large))) == ("image_file_too_large", "item.content")
        caller.send("conversation.item.delete", item_id="i0")
        assert tags(create(caller, shown(large)))[-1] == "look"


class TestElsewhere:
    def test_an_https_address_is_refused_by_name(self) -> None:
        body = error(create(Caller(can=SEES), shown(HTTPS)))
        assert (body.code, body.param) == ("unsupported_value", URL)
        assert "data URI" in body.message

    def test_where_it_is_allowed_it_is_looked_at_and_shown(self) -> None:
        outputs = create(Caller(can=FETCHES), shown(HTTPS))
        assert [look.image_url for look in looked(outputs)] == [HTTPS]
        added = outputs[0]
        assert isinstance(added, wire.ConversationItemAdded)
        assert said(added.item).content == (InputImage(image_url=HTTPS),)

    def test_http_is_refused_even_so(self) -> None:
        assert fault(HTTPS.replace("https", "http"), Caller(can=FETCHES)) == ("invalid_image_url", URL)

    def test_a_picture_that_cannot_be_seen_is_told_and_the_session_goes_on(self) -> None:
        caller = Caller(can=FETCHES)
        create(caller, shown(HTTPS, id="a"))
        failed = fx.LookFailed(item_id="a", content_index=0, code="failed_to_download_image", message="It is gone.")
        assert show(caller.tell(failed)) == [
            "error error=(type=invalid_request_error code=failed_to_download_image "
            "message=\"The picture in item 'a' cannot be seen. It is gone.\" param='item.content[0].image_url')"
        ]
        assert caller.item("a") is not None


class TestUsage:
    def cost(
        self, input_tokens: int, image_tokens: int, output_tokens: int = 0, cached_tokens: int = 0
    ) -> dict[str, Any]:
        caller = Caller(can=SEES)
        caller.send("response.create", response={"output_modalities": ["text"]})
        caller.words("Yes.")
        finished = fx.AnswerFinished(
            response_id="resp_1",
            input_tokens=input_tokens,
            image_tokens=image_tokens,
            output_tokens=output_tokens,
            cached_tokens=cached_tokens,
        )
        usage = done(caller.tell(finished)).usage
        assert usage is not None
        details = usage.input_token_details
        cached = details.cached_tokens_details
        return {
            "input": (usage.input_tokens, usage.total_tokens),
            "details": (details.text_tokens, details.image_tokens, details.cached_tokens),
            "cached": (cached.text_tokens, cached.image_tokens),
        }

    def test_tokens_of_pictures_are_counted_once(self) -> None:
        cost = self.cost(input_tokens=100, output_tokens=5, image_tokens=60)
        assert cost == {"input": (100, 105), "details": (40, 60, 0), "cached": (0, 0)}

    def test_cached_tokens_are_those_of_words_first(self) -> None:
        assert self.cost(input_tokens=100, image_tokens=60, cached_tokens=30)["cached"] == (30, 0)
        assert self.cost(input_tokens=100, image_tokens=60, cached_tokens=90)["cached"] == (40, 50)

    def test_there_are_never_more_of_them_than_of_all(self) -> None:
        assert self.cost(input_tokens=10, image_tokens=60)["details"] == (0, 10, 0)

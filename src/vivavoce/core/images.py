"""Pictures that clients bring (PROTOCOL.md 3.10, 4.11): what they are, and what is wrong with them.

Only their headers are read: nothing that a client sends is decoded before its size is known. The codes of the refusals
are those that OpenAI's Responses API documents for pictures.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable
from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from vivavoce.core.capabilities import Capabilities
from vivavoce.core.effects import Look
from vivavoce.protocol.errors import ProtocolError, unsupported
from vivavoce.protocol.items import InputImage, Item, Message
from vivavoce.protocol.session import SessionObject

MAX_IMAGE_BYTES = 10 * 1024 * 1024
"""Of one picture, not as base64."""
MAX_IMAGE_PIXELS = 25_000_000
"""Of one picture: 5000 x 5000; decoded they take 75 MB."""
MAX_IMAGES_BYTES = 40 * 1024 * 1024
"""Of all pictures of a conversation together, as base64: three of the largest, or a hundred screenshots."""
_MOST_SEGMENTS = 1000
"""That a JPEG may have before its size."""

MediaType = Literal["image/png", "image/jpeg", "image/webp"]
_NAMED: dict[str, MediaType] = {
    "image/png": "image/png",
    "image/jpeg": "image/jpeg",
    "image/jpg": "image/jpeg",
    "image/webp": "image/webp",
}
"""As clients call them; image/jpg is no media type, and common all the same."""


class Picture(Struct, frozen=True):
    """A PNG, JPEG or WebP, and its size in pixels."""

    data: bytes
    media_type: MediaType
    width: int
    height: int


def check_images(item: Item, before: Iterable[Item], can: Capabilities, where: str) -> None:
    """Raises `ProtocolError` for pictures that cannot be seen, or are too many; `before`: what there is already."""
    urls = [url for url in _urls(item) if url is not UNSET]
    if not any(True for _ in _urls(item)):
        return
    if not can.images:
        raise unsupported(f"{where}.content", "This server does not see pictures: 'input_image' is not supported.")
    for index, part in _images(item):
        _check(part, can, f"{where}.content[{index}].image_url")
    held = sum(len(url) for each in before for url in _urls(each) if url is not UNSET)
    if held + sum(len(url) for url in urls) > MAX_IMAGES_BYTES:
        message = (
            f"A conversation holds at most {MAX_IMAGES_BYTES // 2**20} MiB of pictures. Delete an item with one first."
        )
        raise ProtocolError("image_file_too_large", message, param=f"{where}.content")


def looks(item: Item, settings: SessionObject) -> list[Look]:
    """A look at each picture of a new item, begun before anybody asks about it; none where nothing is answered."""
    if settings.type != "realtime":
        return []
    return [
        Look(item_id=item.id, content_index=index, image_url=part.image_url, detail=part.detail)
        for index, part in _images(item)
        if part.image_url is not UNSET
    ]


def is_fetched(url: str) -> bool:
    """The picture is elsewhere, and not in the address itself."""
    return url[:8].lower() == "https://"


def from_uri(uri: str, param: str) -> Picture:
    """The picture in a data URI (RFC 2397). Raises `ProtocolError`."""
    head, comma, body = uri.partition(",")
    scheme, _, kind = head[:200].partition(":")
    named, *attributes = kind.split(";")
    if scheme.lower() != "data" or not comma or "base64" not in (each.strip().lower() for each in attributes):
        message = "Expected a data URI with base64, as in 'data:image/png;base64,...'."
        raise ProtocolError("invalid_image_url", message, param=param)
    declared = _NAMED.get(named.strip().lower())
    if declared is None:
        raise _foreign(f"the media type '{named[:100]}'", param)
    if len(body) > MAX_IMAGE_BYTES * 4 // 3 + 4:
        raise _too_many_bytes(param)
    try:
        data = binascii.a2b_base64(body, strict_mode=True)
    except ValueError as error:  # binascii.Error, or characters beyond ASCII
        message = f"The picture is not valid base64: {error}."
        raise ProtocolError("invalid_base64_image", message, param=param) from None
    found = picture(data, param)
    if found.media_type != declared:
        message = f"The data URI says {declared}, and the picture is {found.media_type}."
        raise ProtocolError("invalid_image_format", message, param=param)
    return found


def picture(data: bytes, param: str) -> Picture:
    """What the header of a picture says. Raises `ProtocolError`."""
    if not data:
        raise ProtocolError("empty_image_file", "The picture has no bytes.", param=param)
    if len(data) > MAX_IMAGE_BYTES:
        raise _too_many_bytes(param)
    media_type, size = _header(data, param)
    if size is None or not all(size):
        message = "The picture is cut off or broken: it has no size, or no end."
        raise ProtocolError("image_parse_error", message, param=param)
    width, height = size
    if width * height > MAX_IMAGE_PIXELS:
        message = f"The picture has {width} x {height} pixels, and at most {MAX_IMAGE_PIXELS} in all are supported."
        raise ProtocolError("image_too_large", message, param=param)
    return Picture(data, media_type, width, height)


def _urls(item: Item) -> Iterable[str | UnsetType]:
    return (part.image_url for _, part in _images(item))


def _images(item: Item) -> list[tuple[int, InputImage]]:
    if not isinstance(item, Message):
        return []
    return [(index, part) for index, part in enumerate(item.content) if isinstance(part, InputImage)]


def _check(part: InputImage, can: Capabilities, param: str) -> None:
    if isinstance(part.image_url, UnsetType):
        raise ProtocolError("missing_required_parameter", f"Missing required parameter: '{param}'.", param=param)
    if not is_fetched(part.image_url):
        from_uri(part.image_url, param)
    elif not can.image_urls:
        message = "This server fetches no pictures: give it as a data URI, as in 'data:image/png;base64,...'."
        raise unsupported(param, message)


def _header(data: bytes, param: str) -> tuple[MediaType, tuple[int, int] | None]:
    """What it is, and its width and height; None: it is not whole."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png", _png(data)
    if data.startswith(b"\xff\xd8"):
        return "image/jpeg", _jpeg(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp", _webp(data)
    raise _foreign("this picture's format", param)


def _png(data: bytes) -> tuple[int, int] | None:
    """IHDR comes first and IEND last (PNG, 5.6)."""
    whole = data[12:16] == b"IHDR" and b"IEND\xae\x42\x60\x82" in data
    return (_big(data[16:20]), _big(data[20:24])) if whole else None


def _jpeg(data: bytes) -> tuple[int, int] | None:
    """The first frame header, SOF0 to SOF15, and an end (ITU T.81, B.1 and B.2)."""
    at = 2
    for _ in range(_MOST_SEGMENTS):
        marker = data[at : at + 2]
        if len(marker) < 2 or marker[0] != 0xFF or marker[1] in (0xD9, 0xDA):
            return None
        if marker[1] == 0xFF:  # a fill byte
            at += 1
        elif marker[1] in _ALONE:
            at += 2
        elif 0xC0 <= marker[1] <= 0xCF and marker[1] not in _NO_FRAMES:
            whole = data.rfind(b"\xff\xd9") > at
            return (_big(data[at + 7 : at + 9]), _big(data[at + 5 : at + 7])) if whole else None
        else:
            at += 2 + max(2, _big(data[at + 2 : at + 4]))
    return None


_ALONE = (0x01, *range(0xD0, 0xD9))
"""Markers without a length."""
_NO_FRAMES = (0xC4, 0xC8, 0xCC)
"""Among the markers of frames: DHT, JPG and DAC."""


def _webp(data: bytes) -> tuple[int, int] | None:
    """The first chunk of the container (RFC 9649, 2.5 to 2.7, and for VP8 RFC 6386, 9.1)."""
    if len(data) < 8 + _little(data[4:8]) or len(data) < 30:
        return None
    match data[12:16]:
        case b"VP8X":
            return 1 + _little(data[24:27]), 1 + _little(data[27:30])
        case b"VP8L" if data[20] == 0x2F:
            bits = _little(data[21:25])
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        case b"VP8 " if data[23:26] == b"\x9d\x01\x2a":
            return _little(data[26:28]) & 0x3FFF, _little(data[28:30]) & 0x3FFF
        case _:
            return None


def _big(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")


def _foreign(what: str, param: str) -> ProtocolError:
    message = f"Unsupported: {what}. Supported are PNG, JPEG and WebP."
    return ProtocolError("unsupported_image_media_type", message, param=param)


def _too_many_bytes(param: str) -> ProtocolError:
    message = f"The picture is larger than {MAX_IMAGE_BYTES // 2**20} MiB."
    return ProtocolError("image_file_too_large", message, param=param)

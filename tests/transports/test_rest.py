"""Forms as browsers and SDKs send them: fields and files, byte by byte."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from vivavoce.protocol.errors import ProtocolError
from vivavoce.transports.rest import form_parts, limit_of


def sent(data: dict[str, str], files: dict[str, tuple[str, bytes, str]]) -> tuple[str, bytes]:
    """The content type and the body, as a client makes them."""
    request = httpx.Request("POST", "http://x", data=data, files=files)
    return request.headers["content-type"], request.read()


@given(st.binary(max_size=200) | st.sampled_from([b"\r\n", b"\r\n--", b"--\r\n\r\n", b"\n\r\x00\xff\r"]))
def test_a_file_arrives_as_it_was(content: bytes) -> None:
    parts = form_parts(*sent({"name": "Zoë"}, {"file": ("ä b.wav", content, "audio/wav")}))
    assert parts["file"].content == content
    assert parts["file"].media_type == "audio/wav"
    assert (parts["name"].content.decode(), parts["name"].file) == ("Zoë", None)


def test_the_last_of_a_name_counts_and_what_is_behind_the_end_does_not() -> None:
    body = (
        b'before\r\n--X\r\ncontent-disposition: form-data; name="a"\r\n\r\n1'
        b'\r\n--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n2'
        b"\r\n--X\r\nContent-Type: text/plain\r\n\r\nnameless"
        b'\r\n--X--\r\n--X\r\nContent-Disposition: form-data; name="b"\r\n\r\n3'
    )
    parts = form_parts("multipart/form-data; boundary=X", body)
    assert {name: part.content for name, part in parts.items()} == {"a": b"2"}


@pytest.mark.parametrize("body", [b"", b"--Y\r\n", b"\xff" * 50, b"--X", b"--X\r\nno header"])
def test_a_body_without_parts_has_none(body: bytes) -> None:
    assert form_parts("multipart/form-data; boundary=X", body) == {}


@pytest.mark.parametrize("kind", ["", "text/plain", "multipart/form-data", "multipart/form-data; boundary=", "ümlaut"])
def test_what_is_no_form_is_refused(kind: str) -> None:
    with pytest.raises(ProtocolError) as refusal:
        form_parts(kind, b"")
    assert refusal.value.code == "unsupported_content_type"


@pytest.mark.parametrize(("query", "most"), [("", 20), ("limit=1", 1), ("limit=100", 100), ("limit=1&limit=7", 7)])
def test_how_many_entries_are_asked_for(query: str, most: int) -> None:
    assert limit_of(QueryParams(query), 20, 100) == most


@pytest.mark.parametrize("limit", ["", "0", "101", "-1", "+5", " 5", "1e1", "\u0663", "\u00b2", "00011000", "9" * 5000])
def test_a_limit_that_is_none_is_refused(limit: str) -> None:
    with pytest.raises(ProtocolError, match="'limit' must be a number from 1 to 100") as refusal:
        limit_of(QueryParams({"limit": limit}), 20, 100)
    assert (refusal.value.code, refusal.value.param) == ("invalid_value", "limit")

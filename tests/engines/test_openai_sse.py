"""Server-sent events survive any cut, and what is none is refused."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.engines.openai.sse import MAX_EVENT_BYTES, SseParser

STREAM = (
    b': keep-alive\n\nevent: message\nid: 7\ndata: {"a": 1}\n\ndata:no space\r\n\r\n'
    + "data: \N{SNOWMAN} one\ndata: two\n\n".encode()
    + b"retry: 10\n\n\n: bye\n\ndata: [DONE]\n\n"
)
EVENTS = ['{"a": 1}', "no space", "\N{SNOWMAN} one\ntwo", "[DONE]"]


@given(st.lists(st.integers(0, len(STREAM))))
def test_cut_anywhere_it_says_the_same(cuts: list[int]) -> None:
    parser, events = SseParser(), []
    edges = [0, *sorted(cuts), len(STREAM)]
    for start, end in pairwise(edges):
        events += parser.feed(STREAM[start:end])
    assert events + parser.finish() == EVENTS


def test_a_last_event_without_its_empty_line_counts() -> None:
    for ending in (b"data: last", b"data: last\n", b"data: last\n\n"):
        parser = SseParser()
        assert parser.feed(ending) + parser.finish() == ["last"]


def test_an_endless_event_is_refused() -> None:
    parser = SseParser()
    with pytest.raises(ValueError, match="without an end"):
        parser.feed(b"x" * (MAX_EVENT_BYTES + 1))


def test_endless_lines_of_one_event_are_refused() -> None:
    parser = SseParser()
    line = b"data: " + b"x" * (MAX_EVENT_BYTES // 2) + b"\n"
    parser.feed(line)
    with pytest.raises(ValueError, match="without an end"):
        parser.feed(line)


def test_a_long_event_in_small_pieces_is_not_copied_with_each_of_them() -> None:
    parser, pieces = SseParser(), 64
    parser.feed(b"data: " + b"x" * (MAX_EVENT_BYTES // 2))
    taken, piece = 0, b"x" * 1024
    tracemalloc.start()
    try:
        for _ in range(pieces):
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            assert parser.feed(piece) == []
            taken += tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert taken < 2 * MAX_EVENT_BYTES  # it may move now and then to grow; with each piece would be 32 of them
    (event,) = parser.feed(b"\n\n")
    assert len(event) == MAX_EVENT_BYTES // 2 + pieces * len(piece)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(ValueError, match="utf-8"):
        SseParser().feed(b"data: \xff\xfe\n")

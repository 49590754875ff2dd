"""Thoughts in the text of an answer: whatever pieces it comes in, nobody hears them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.engines.openai.thoughts import Thoughts


def said(*pieces: str) -> str:
    thoughts = Thoughts()
    return "".join([*(thoughts.feed(piece) for piece in pieces), thoughts.end()])


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Hello.", "Hello."),
        ("<think>Hm.</think>Hello.", "Hello."),
        ("\n<think>\nHm.\n</think>\n\nHello.\n", "Hello.\n"),
        ("<think></think>Hello.", "Hello."),
        ("One. <think>Hm.</think>Two.", "One. Two."),
        ("<think>a</think><think>b</think>Hello.", "Hello."),
        ("<think>never ended", ""),
        ("<think>never ended</thin", ""),
        ("1 < 2 and <thin", "1 < 2 and <thin"),
        ("<thinker>", "<thinker>"),
        ("<<think>a</think>b", "<b"),
        ("", ""),
    ],
)
def test_an_answer_in_one_piece_and_letter_by_letter(text: str, answer: str) -> None:
    assert said(text) == answer
    assert said(*text) == answer


def test_words_come_as_soon_as_they_are_certain() -> None:
    thoughts = Thoughts()
    assert [thoughts.feed(piece) for piece in ("Hel", "lo <", "b> <thi", "s")] == ["Hel", "lo ", "<b> ", "<this"]


PIECES = st.lists(st.sampled_from(["<think>", "</think>", "<thi", "nk>", "</th", "ink>", "a", " ", "<", ">"]))


@given(PIECES)
def test_how_it_is_cut_into_pieces_changes_nothing(pieces: list[str]) -> None:
    whole = "".join(pieces)
    assert said(*pieces) == said(whole) == said(*whole)
    assert "<think>" not in said(whole)

"""What two readings of the same speech have in common."""

from __future__ import annotations

import pytest

from vivavoce.core.words import common, reach, words


def plain(text: str) -> list[str]:
    return [word.plain for word in words(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Well, it's HERE - in “Rome”!", ["well", "it's", "here", "in", "rome"]),
        ("... - !", []),
        ("$12.50 at 3:45", ["12.50", "at", "3:45"]),
        ("你好 world。", ["你", "好", "world"]),
        ("ไทย", ["ไ", "ท", "ย"]),
    ],
)
def test_words_have_no_marks_around_them_and_no_capitals(text: str, expected: list[str]) -> None:
    assert plain(text) == expected


def test_a_word_ends_before_its_marks() -> None:
    text = 'He said: "Go!"'
    assert [text[word.start : word.end] for word in words(text)] == ["He", "said", '"Go']


def test_only_some_scripts_write_words_without_spaces() -> None:
    assert [word.joined for word in words("go 東京")] == [False, True, True]


def test_what_all_readings_begin_with() -> None:
    assert common([plain("a b c"), plain("A, b d"), plain("a b c d")]) == 2
    assert common([plain("a b"), plain("a b c")]) == 2
    assert common([[], plain("a")]) == 0


@pytest.mark.parametrize(
    ("said", "reading", "expected"),
    [
        ("", "a b", 0),
        ("a b", "a b c", 2),
        ("a b", "a", 1),
        ("a b c", "", 0),
        ("ten of", "10 of clubs", 2),
        ("he will", "he was not", 2),
        ("mr john", "and mr john dashwood", 3),
        ("the the cat", "the cat sat", 2),
    ],
)
def test_how_much_of_a_reading_says_what_was_said(said: str, reading: str, expected: int) -> None:
    assert reach(plain(said), plain(reading)) == expected


def test_long_readings_that_differ_at_once_are_compared_all_the_same() -> None:
    said = [f"w{i}" for i in range(600)]
    assert reach(["x", *said], ["y", *said, "more"]) == 601
    assert reach(said, [f"v{i}" for i in range(5)]) <= 5

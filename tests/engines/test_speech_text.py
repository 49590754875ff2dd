"""What is written becomes what is said, clause by clause, however the text arrives."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.engines.speech_text import Clauses, spoken_form

ODD = (
    "Hello. Paris, Sure! What? 3.5 1,000 10:30 Dr. e.g. U.S. a.m. *bold* _it_ snake_case `code` ``` [a](b) [1] {x}"
    " <b> <tool_call> <tools> <tool because but and the a I \n \n\n - • 1. 2) # 😀 👍🏽 … — : ; 。 はい。「うん。」"
)
WORDS = st.sampled_from(ODD.split(" "))
TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(WORDS, max_size=30).map(" ".join),
    st.text(alphabet="ab .,!?\n-*_`<>[](){}1。」", max_size=40),
)


AHEAD = st.sampled_from((0.0, 1.0, inf))


def cut(text: str, ahead_s: float = inf) -> list[str]:
    clauses = Clauses()
    return clauses.feed(text, ahead_s) + clauses.end()


@given(TEXTS, st.lists(st.integers(0, 80)), AHEAD)
def test_the_clauses_do_not_depend_on_the_deltas(text: str, places: list[int], ahead_s: float) -> None:
    clauses, said, start = Clauses(), list[str](), 0
    for end in [*sorted(min(p, len(text)) for p in places), len(text)]:
        said += clauses.feed(text[start:end], ahead_s)
        start = end
    assert said + clauses.end() == cut(text, ahead_s)


@given(TEXTS, AHEAD)
def test_the_clauses_together_are_the_whole_text(text: str, ahead_s: float) -> None:
    clauses = cut(text, ahead_s)
    assert "".join(clauses) == spoken_form(text)
    assert all(clause.strip() for clause in clauses)


@given(TEXTS)
def test_nothing_unspeakable_is_said(text: str) -> None:
    assert not set("*`<>[]#~\n\t\x00😀") & set("".join(cut(text)))


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("Hello. How are you?", ["Hello.", " How are you?"]),
        ("It's Paris.", ["It's Paris."]),
        ("Yes, I can hear you.", ["Yes, I can hear you."]),
        ("To make tea, boil water, then pour.", ["To make tea,", " boil water, then pour."]),
        ("It costs 3.5 or 1,000 at 10:30. Good.", ["It costs 3.5 or 1,000 at 10:30.", " Good."]),
        ("Dr. Smith of the U.S. said, e.g. no.", ["Dr. Smith of the U.S. said,", " e.g. no."]),
        ("Come at 7 p.m. Bring it.", ["Come at 7 p.m.", " Bring it."]),
        ("Take No. 5. Or No. Six.", ["Take No. 5.", " Or No.", " Six."]),
        ("J. K. Rowling wrote it.", ["J. K. Rowling wrote it."]),
        ("It was I. Yes.", ["It was I.", " Yes."]),
        ("Wait... what? Really?!", ["Wait... what?", " Really?!"]),
        ('He said "Go." Then he left.', ['He said "Go."', " Then he left."]),
        ("The sky is blue because of light.", ["The sky is blue", " because of light."]),
        ("You but not I.", ["You but not I."]),
        ("こんにちは。「元気？」はい。", ["こんにちは。", "「元気？」はい。"]),
        ("It ended on September 2, 1945, I think.", ["It ended on September 2, 1945,", " I think."]),
        ("4. It is four.", ["4. It is four."]),
    ],
)
def test_where_clauses_end(text: str, clauses: list[str]) -> None:
    assert cut(text) == clauses


@pytest.mark.parametrize(
    ("ahead_s", "clauses"),
    [
        (
            2.0,
            ["To make it,", " mix milk, eggs, and oil, because it is good, then stir it all well with care and love."],
        ),
        (
            1.0,
            [
                "To make it,",
                " mix milk, eggs,",
                " and oil, because it is good,",
                " then stir it all well with care and love.",
            ],
        ),
        (
            0.2,
            [
                "To make it,",
                " mix milk, eggs,",
                " and oil, because it is good,",
                " then stir it all well",
                " with care and love.",
            ],
        ),
    ],
)
def test_clauses_are_shorter_where_the_sound_runs_out(ahead_s: float, clauses: list[str]) -> None:
    text = "To make it, mix milk, eggs, and oil, because it is good, then stir it all well with care and love."
    assert cut(text, ahead_s) == clauses


def test_short_answers_stay_whole_however_late() -> None:
    for text in ("Paris.", "It is Paris.", "He came from Rome.", "I will be there by ten."):
        assert cut(text, 0.0) == [text]


def test_long_text_without_marks_is_cut() -> None:
    clauses = cut("word " * 200)
    assert len(clauses) > 3
    assert max(map(len, clauses)) < 260


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("**Bold** and _it_ and snake_case `code`", "Bold and it and snake case code"),
        (
            "# Title\n\n- milk\n* sugar\n\u2022 tea\n1. Boil\n2) Pour\n-5 degrees",
            "Title milk sugar tea Boil Pour -5 degrees",
        ),
        ("See [the docs](https://x.y/z?a=b). Bye [1].", "See the docs. Bye 1."),
        ("Hi 😀 there 👍🏽 ❤️!", "Hi there !"),
        ("It is 5 °C \u200band\tsunny.\r\n", "It is 5 °C and sunny."),
        ('Sure. <tool_call>{"name": 1}</tool_call>', "Sure."),
        ("Sure. <tools>x", "Sure."),
        ('{"name": "x"} I did.', ""),
        ("So:\n```python\nx = 1\n```\nDone.", "So:"),
        ("a < b <tool", "a b"),
        ("Since\n2024 it is 10.", "Since 2024 it is 10."),
    ],
)
def test_what_is_left_out(text: str, said: str) -> None:
    assert spoken_form(text) == said
    assert "".join(cut(text)) == said


def test_a_clause_comes_as_soon_as_the_next_word_begins() -> None:
    clauses = Clauses()
    assert clauses.feed("It's Paris.") == []
    assert clauses.feed(" A") == ["It's Paris."]


def test_text_that_goes_on_after_a_stop_begins_a_clause_of_its_own() -> None:
    clauses = Clauses()
    assert clauses.feed("Let me") == []
    assert clauses.end() == ["Let me"]
    assert clauses.end() == []
    assert clauses.feed(" look at it. Fine") == [" look at it."]
    assert clauses.end() == [" Fine"]

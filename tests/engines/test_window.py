"""The cut of a conversation that outgrows its limit: whole messages, seldom, and never the caller's last turn."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.engines.window import AUTO_RATIO, cut, fit, last_turn
from vivavoce.ports import EngineError, Message, Prompt, Retention, Voice

Truncation = Literal["auto", "disabled"] | Retention
Role = Literal["system", "user", "assistant", "tool"]
HALF = Retention(0.5)


def message(role: Role, text: str = "x") -> Message:
    return Message(role, (text,))


def talk(turns: int) -> tuple[Message, ...]:
    """So many questions, with the answers between them."""
    return tuple(message("assistant" if n % 2 else "user", f"{n}") for n in range(2 * turns - 1))


def kept(messages: tuple[Message, ...], sizes: list[int], room: int, truncation: Truncation = HALF) -> list[str]:
    """The texts that stay."""
    prompt = Prompt("Be kind.", messages, False, Voice("alloy"), truncation=truncation)
    return [str(each.content[0]) for each in fit(prompt, sizes, room).messages]


def refused(messages: tuple[Message, ...], sizes: list[int], room: int, truncation: Truncation) -> str:
    with pytest.raises(EngineError) as caught:
        kept(messages, sizes, room, truncation)
    assert caught.value.code == "context_too_long"
    return caught.value.message


def test_what_fits_stays_whole() -> None:
    assert kept(talk(3), [10] * 5, 50) == ["0", "1", "2", "3", "4"]


def test_what_does_not_is_cut_to_the_ratio_at_once() -> None:
    assert kept(talk(4), [10] * 7, 60) == ["4", "5", "6"]
    assert kept(talk(4), [10] * 7, 60, Retention(0.9)) == ["2", "3", "4", "5", "6"]


def test_the_cut_stays_until_the_limit_is_exceeded_again() -> None:
    firsts = [kept(talk(n), [10] * (2 * n - 1), 60)[0] for n in range(1, 10)]
    assert firsts == ["0", "0", "0", "4", "4", "8", "8", "12", "12"]


def test_an_answer_goes_with_its_question() -> None:
    assert kept(talk(3), [30, 1, 10, 1, 10], 50, Retention(1.0)) == ["2", "3", "4"]


def test_a_ratio_of_one_drops_just_enough_and_of_zero_all_but_the_turn() -> None:
    assert kept(talk(4), [10] * 7, 60, Retention(1.0)) == ["2", "3", "4", "5", "6"]
    assert kept(talk(4), [10] * 7, 60, Retention(0.0)) == ["6"]


def test_the_sessions_own_limit_counts_when_it_is_the_smaller_one() -> None:
    assert kept(talk(4), [10] * 7, 1000, Retention(0.5, 60)) == ["4", "5", "6"]
    assert kept(talk(4), [10] * 7, 60, Retention(0.5, 1000)) == ["4", "5", "6"]


def test_auto_is_a_ratio_of_its_own() -> None:
    assert kept(talk(4), [10] * 7, 60, "auto") == kept(talk(4), [10] * 7, 60, Retention(AUTO_RATIO))


def test_disabled_drops_nothing() -> None:
    assert kept(talk(3), [10] * 5, 50, "disabled") == ["0", "1", "2", "3", "4"]
    assert "conversation is longer" in refused(talk(3), [10] * 5, 49, "disabled")


def test_what_is_never_dropped_and_does_not_fit_is_too_long() -> None:
    assert "model's window" in refused(talk(3), [1, 1, 1, 1, 60], 50, "auto")
    assert "post_instructions, which allows 20" in refused(talk(3), [1, 1, 1, 1, 30], 50, Retention(0.5, 20))
    assert "instructions alone" in refused(talk(1), [10], -3, "auto")
    assert kept(talk(3), [1, 1, 1, 1, 50], 50, "auto") == ["4"]


def test_messages_before_anybody_spoke_can_go() -> None:
    greeting = (message("system", "s"), message("assistant", "a"), *talk(1))
    assert kept(greeting, [30, 5, 20], 50) == ["0"]
    assert kept(greeting[:2], [50, 5], 50) == ["a"]
    assert kept((), [], 50) == []


def test_the_last_turn_begins_with_the_last_user_message() -> None:
    assert [last_turn(talk(n)) for n in (1, 2)] == [0, 2]
    assert last_turn((*talk(2), message("assistant"), message("system"))) == 2
    assert (last_turn(()), last_turn((message("system"), message("assistant")))) == (0, 1)


def test_an_answer_that_is_too_much_cuts_before_the_next_question_comes() -> None:
    sizes = [10, 10, 10, 40, 10]
    assert kept(talk(3)[:3], sizes[:3], 60) == ["0", "1", "2"]
    asked_again = talk(3)[:4]
    assert kept(asked_again, sizes[:4], 60) == ["2", "3"]  # the last turn, while nothing follows it
    assert kept((*asked_again, message("user", "And")), [*sizes[:4], 1], 60) == ["And"]
    assert kept(talk(3), sizes, 60) == ["4"]


def test_an_answer_without_its_question_goes_too() -> None:
    twice = (message("user", "q"), message("assistant", "a"), message("assistant", "b"), message("user", "r"))
    assert kept(twice, [30, 30, 10, 10], 50) == ["r"]


def test_a_call_and_its_output_go_and_stay_together() -> None:
    called = (message("user", "q"), message("assistant", "call"), message("tool", "output"), message("assistant", "a"))
    assert kept((*called, message("user", "r")), [10, 30, 10, 10, 10], 50, Retention(1.0)) == ["r"]
    assert kept((message("system", "s"), *called[1:3]), [30, 10, 10], 30) == ["call", "output"]
    assert last_turn(called[1:3]) == 0


ROLES: st.SearchStrategy[Role] = st.sampled_from(["user", "assistant", "system", "tool"])
CONVERSATIONS = st.lists(st.tuples(ROLES, st.integers(0, 40)), max_size=60)


@given(CONVERSATIONS, st.integers(0, 200), st.floats(0, 1))
def test_any_conversation_stays_within_the_limit_or_is_its_last_turn(
    conversation: list[tuple[Role, int]], limit: int, ratio: float
) -> None:
    messages = [message(role) for role, _ in conversation]
    sizes = [size for _, size in conversation]
    before = 0
    for n in range(len(messages) + 1):
        first, turn = cut(messages[:n], sizes[:n], limit, ratio), last_turn(messages[:n])
        assert before <= first <= turn, "it moves only forwards, and never into the last turn"
        assert sum(sizes[first:n]) <= limit or first == turn
        assert first in (0, turn) or messages[first].role not in ("assistant", "tool")
        before = first


@given(st.lists(st.integers(0, 40), max_size=60), st.integers(0, 200), st.floats(0, 1))
def test_in_any_talk_the_cut_moves_seldom_and_as_far_as_the_ratio_says(
    sizes: list[int], limit: int, ratio: float
) -> None:
    messages = talk(30)
    before = 0
    for n in range(1, len(sizes) + 1, 2):  # at each question
        first = cut(messages[:n], sizes[:n], limit, ratio)
        if first != before:
            exceeded = [sum(sizes[before:at]) > limit for at in (n - 1, n)]
            assert any(exceeded), "it stays until the limit is exceeded"
            assert first == n - 1 or sum(sizes[first : n - 1]) <= ratio * limit, "without the new question"
            assert sum(sizes[first - 2 : n]) > ratio * limit, "one turn less would not have been enough"
        before = first

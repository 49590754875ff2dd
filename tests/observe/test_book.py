"""The ledgers of a server: what they count, what they forget, and what stays."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack

import pytest

from vivavoce.core import effects as fx
from vivavoce.observe.book import MOST_DAYS, MOST_ENDED, Book
from vivavoce.observe.ledger import Ledger
from vivavoce.observe.money import PriceList
from vivavoce.ports import Work
from vivavoce.protocol import tool_events

DAY_S = 86_400
ENGINES: Mapping[str, str] = {"asr": "whisper", "llm": "llama"}


class Time:
    """Both clocks, moved by hand; it begins on 1970-01-02."""

    def __init__(self) -> None:
        self.seconds = float(DAY_S)

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def book(time: Time) -> Book:
    return Book(ENGINES, PriceList(), time, time)


def opened(book: Book, stack: ExitStack, session_id: str = "sess_1", call_id: str | None = None, **more: str) -> Ledger:
    given = {"project": None, "model": "vivavoce", "kind": "realtime", **more}
    return stack.enter_context(book.entered(session_id, call_id, **given))  # type: ignore[arg-type]


def test_time_is_counted_until_the_session_ends(book: Book, time: Time) -> None:
    with ExitStack() as stack:
        opened(book, stack)
        time.seconds += 1.5
        assert book.total(None).connected_ms == 1500
    time.seconds += 60
    ledger, sums = book.find("sess_1", None) or pytest.fail("forgotten")
    assert (sums.connected_ms, ledger.ended_at) == (1500, DAY_S + 1)
    assert book.total(None).connected_ms == 1500


def test_work_that_ends_after_its_session_is_still_its_own(book: Book) -> None:
    with ExitStack() as stack:
        ledger = opened(book, stack)
        ledger.charge("llm", Work(requests=1, cpu_ns=5))
    ledger.charge("llm", Work(cpu_ns=7))
    _, sums = book.find("sess_1", None) or pytest.fail("forgotten")
    assert sums.efforts["llm"].cpu_ns == 12
    assert book.total(None).efforts["llm"].cpu_ns == 12
    assert book.total(None).efforts["llm"].requests == 1


def test_a_role_without_an_engine_has_no_entry(book: Book) -> None:
    with ExitStack() as stack:
        opened(book, stack).charge("responder", Work(requests=1))
        assert book.total(None).efforts == {}


def test_each_project_and_model_has_its_own_sums(book: Book) -> None:
    with ExitStack() as stack:
        for number, (project, model) in enumerate((("shop", "a"), ("shop", "b"), ("bank", "a"))):
            opened(book, stack, f"sess_{number}", project=project, model=model)
    assert book.total("shop").sessions == 2
    assert book.total("shop", "a").sessions == 1
    assert book.total(None).sessions == 0
    assert book.everything().sessions == 3
    assert [(day, model) for day, model, _ in book.days("shop")] == [("1970-01-02", "b"), ("1970-01-02", "a")]
    assert book.find("sess_2", "shop") is None


def test_a_call_is_found_by_its_own_id(book: Book) -> None:
    with ExitStack() as stack:
        ledger = opened(book, stack, call_id="rtc_1")
        for id_ in ("sess_1", "rtc_1"):
            found = book.find(id_, None)
            assert found is not None
            assert found[0] is ledger


def test_old_sessions_are_forgotten_and_their_sums_are_not(book: Book) -> None:
    for number in range(MOST_ENDED + 3):
        with ExitStack() as stack:
            opened(book, stack, f"sess_{number}")
    assert book.find("sess_2", None) is None
    assert book.find("sess_3", None) is not None
    assert len(book.sessions(None, None, None, MOST_ENDED + 3)) == MOST_ENDED
    newest = [f"sess_{MOST_ENDED + 2}", f"sess_{MOST_ENDED + 1}"]
    assert [ledger.who.id for ledger, _ in book.sessions(None, None, None, 2)] == newest
    assert book.total(None).sessions == MOST_ENDED + 3


def test_old_days_are_kept_as_one_sum(book: Book, time: Time) -> None:
    for _ in range(MOST_DAYS + 5):
        with ExitStack() as stack:
            opened(book, stack)
        time.seconds += DAY_S
    assert len(book.days(None)) == MOST_DAYS
    assert book.days(None)[-1][0] == "1970-01-07"
    assert book.total(None).sessions == MOST_DAYS + 5


def test_what_a_line_has_played_is_what_left_it(book: Book) -> None:
    with ExitStack() as stack:
        ledger = opened(book, stack, call_id="rtc_1")
        play = [fx.Play(response_id=each, pcm=bytes(2 * 1000)) for each in ("whole", "cut", "unheard")]
        ledger.record(1.0, fx.Tick(), play)
        assert ledger.sums.played == 0
        ledger.record(2.0, fx.PlaybackStopped(response_id="whole"), [])
        ledger.record(3.0, fx.PlayoutCleared(played={"cut": 300, "unheard": 0}), [])
        ledger.record(4.0, fx.PlaybackStopped(response_id="cut"), [])
        assert ledger.sums.played == 1300
        opened(book, stack, "sess_2")
        assert book.total(None).played == 1300
    assert book.total(None).played == 1300


def test_calls_of_tools_are_counted_by_who_runs_them(book: Book) -> None:
    with ExitStack() as stack:
        ledger = opened(book, stack)
        ledger.record(1.0, fx.Tick(), [tool_events.McpCallCompleted(item_id="item_1", output_index=0)])
        assert (ledger.sums.functions, ledger.sums.mcp_calls) == (0, 1)


def test_a_translations_tokens_are_those_of_its_passages(book: Book) -> None:
    end = fx.AnswerFinished(response_id="resp_1", input_tokens=50, output_tokens=9, cached_tokens=40, image_tokens=0)
    with ExitStack() as stack:
        interpreter = opened(book, stack, kind="translation")
        conversation = opened(book, stack, "sess_2")
        for ledger in (interpreter, conversation):
            ledger.record(1.0, end, [])
        tokens = interpreter.sums.tokens
        assert (tokens.input_text, tokens.cached_text, tokens.output_text) == (50, 40, 9)
        assert interpreter.sums.responses == 1
        assert conversation.sums.responses == 0  # its `response.done` will say
        assert conversation.sums.tokens.input_text == 0

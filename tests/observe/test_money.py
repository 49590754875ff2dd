"""Money by a price list."""

from __future__ import annotations

from decimal import Decimal

from vivavoce.observe.money import Line, PriceList, bill
from vivavoce.observe.sums import RATE, Effort, Sums, Tokens

MINUTE = RATE * 60


def prices(role: str, **units: str) -> PriceList:
    return PriceList("EUR", None, {role: {unit: Decimal(price) for unit, price in units.items()}})


def lines(list_: PriceList, sums: Sums) -> list[tuple[str, str, str]]:
    """Role, unit and amount of each."""
    cost = bill(list_, sums)
    assert cost is not None
    return [(line.role, line.unit, str(line.amount)) for line in cost.lines]


def test_without_a_currency_there_is_no_money() -> None:
    assert bill(PriceList(), Sums(connected_ms=60_000)) is None


def test_what_nobody_priced_costs_nothing_known() -> None:
    cost = bill(PriceList("EUR"), Sums(efforts={"asr": Effort(requests=2)}))
    assert cost is not None
    assert (cost.total, cost.lines, cost.unpriced) == (None, (), ("asr",))


def test_a_line_says_how_much_at_which_price() -> None:
    cost = bill(prices("asr", audio_minute="0.006"), Sums(efforts={"asr": Effort(requests=1, samples=MINUTE // 2)}))
    assert cost is not None
    half, price = Decimal("0.500000"), Decimal("0.006")
    assert cost.lines == (Line("asr", "audio_minute", half, price, Decimal("0.003000")),)
    assert cost.total == Decimal("0.003")


def test_tenths_add_up_to_a_whole() -> None:
    tenth = prices("tts", request="0.1")
    assert lines(tenth, Sums(efforts={"tts": Effort(requests=3)})) == [("tts", "request", "0.300000")]


def test_cached_tokens_cost_what_they_are_said_to_cost() -> None:
    sums = Sums(
        efforts={"llm": Effort(requests=1)},
        tokens=Tokens(
            input_text=3_000_000,
            input_audio=2_000_000,
            input_image=1_000_000,
            cached_text=1_000_000,
            cached_audio=500_000,
            cached_image=250_000,
            output_text=4_000_000,
            output_audio=6_000_000,
        ),
    )
    each = {"text_input": "1", "audio_input": "10", "image_input": "100", "text_output": "2", "audio_output": "20"}
    assert lines(prices("llm", **each, cached_input="0.5"), sums) == [
        ("llm", "text_input", "2.000000"),
        ("llm", "audio_input", "15.000000"),
        ("llm", "image_input", "75.000000"),
        ("llm", "text_output", "8.000000"),
        ("llm", "audio_output", "120.000000"),
        ("llm", "cached_input", "0.875000"),
    ]
    # Without a price of their own they are tokens like all others.
    assert lines(prices("llm", text_input="1"), sums) == [("llm", "text_input", "3.000000")]


def test_tokens_belong_to_whatever_answers() -> None:
    sums = Sums(efforts={"responder": Effort(requests=1)}, tokens=Tokens(output_audio=1_000_000))
    assert lines(prices("responder", audio_output="64"), sums) == [("responder", "audio_output", "64.000000")]


def test_what_was_not_measured_is_not_free() -> None:
    cost = bill(prices("llm", cpu_hour="1", request="1"), Sums(efforts={"llm": Effort(requests=2)}))
    assert cost is not None
    assert (cost.total, cost.unpriced) == (Decimal(2), ("llm cpu_hour",))
    measured = Sums(efforts={"llm": Effort(requests=2, cpu_ns=1800 * 10**9)})
    assert lines(prices("llm", cpu_hour="1"), measured) == [("llm", "cpu_hour", "0.500000")]

"""Prices: what may cost something, and what is refused by name."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from vivavoce.composition import price_list
from vivavoce.config import ConfigError, load, render
from vivavoce.config.prices import ROLES, Prices
from vivavoce.observe.money import PER, SPEAKERS, PriceList, bill
from vivavoce.observe.sums import Sums, Tokens
from vivavoce.ports import Work

TOML = """
[prices]
currency = "EUR"
connected_minute = 0.1

[prices.llm.llama]
cpu_hour = 0.02

[prices.llm.openai]
text_input = 0.15
text_output = 0.6

[prices.tts.hibari]
million_characters = 15
"""


def written(folder: Path, toml: str) -> Path:
    path = folder / "vivavoce.toml"
    path.write_text(toml, encoding="utf-8")
    return path


def mistakes(folder: Path, toml: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        load(written(folder, toml), {})
    return error.value.problems


def test_the_prices_of_the_engines_in_use_count(tmp_path: Path) -> None:
    config = load(written(tmp_path, TOML), {})
    prices = price_list(config)
    assert (prices.currency, prices.connected_minute) == ("EUR", Decimal("0.1"))
    assert prices.roles == {"llm": {"cpu_hour": Decimal("0.02")}, "tts": {"million_characters": Decimal(15)}}


def test_without_prices_there_is_no_list() -> None:
    prices = price_list(load(None, {}))
    assert (prices.currency, prices.connected_minute, prices.roles) == (None, None, {})


def test_they_are_shown_and_read_back(tmp_path: Path) -> None:
    config = load(written(tmp_path, TOML), {})
    text = render(config)
    assert 'currency = "EUR"' in text
    assert 'tts = {"hibari" = {"million_characters" = 15.0}}' in text
    assert load(written(tmp_path, text), {}).prices == config.prices


def test_an_engine_that_there_is_not_is_refused_with_those_there_are(tmp_path: Path) -> None:
    toml = '[prices]\ncurrency = "EUR"\n[prices.asr.wisper]\nrequest = 1\n[prices.turn.none]\nrequest = 1\n'
    assert mistakes(tmp_path, toml) == [
        "prices.asr.wisper: there is no such engine. Supported values are: 'whisper', 'openai', 'instant'. "
        "Did you mean 'whisper'?",
        "prices.turn.none: there is no such engine. Supported values are: 'smart-turn', 'instant'.",
    ]


def test_a_unit_that_an_engine_has_not_is_refused(tmp_path: Path) -> None:
    toml = '[prices]\ncurrency = "EUR"\n[prices.turn.smart-turn]\nmillion_characters = 1\n'
    (problem,) = mistakes(tmp_path, toml)
    assert problem == (
        "prices.turn.smart-turn.million_characters: there is no such setting. Known here: cpu_hour, request."
    )


@pytest.mark.parametrize("engine", ["vad.silero", "noise.gtcrn"])
def test_calls_that_nobody_counts_have_no_price(tmp_path: Path, engine: str) -> None:
    (problem,) = mistakes(tmp_path, f'[prices]\ncurrency = "EUR"\n[prices.{engine}]\nrequest = 1\n')
    assert problem == f"prices.{engine}.request: there is no such setting. Known here: cpu_hour."


@pytest.mark.parametrize(("key", "value"), [("currency", '"euro"'), ("connected_minute", "-1")])
def test_what_is_no_price_is_refused(tmp_path: Path, key: str, value: str) -> None:
    (problem,) = mistakes(tmp_path, f"[prices]\n{key} = {value}\n")
    assert problem.startswith(f"prices.{key}: ")


@pytest.mark.parametrize("toml", ["connected_minute = 0", "[prices.noise.gtcrn]\ncpu_hour = 1"])
def test_prices_need_a_currency(tmp_path: Path, toml: str) -> None:
    assert mistakes(tmp_path, f"[prices]\n{toml}\n") == [
        "prices.currency: there are prices, and nobody knows in which currency."
    ]


def units() -> list[tuple[str, str]]:
    """Each role, and each unit that its engines may have a price of."""
    hints = get_type_hints(Prices)
    return [(role, unit) for role in ROLES for unit in get_args(hints[role])[1].__struct_fields__]


@pytest.mark.parametrize(("role", "unit"), units())
def test_every_unit_that_may_have_a_price_is_counted(role: str, unit: str) -> None:
    # These two hear every piece of audio: nobody counts that, and their time alone is charged.
    heard = role in ("vad", "noise")
    work = Work(cpu_ns=1) if heard else Work(requests=1, characters=1, samples=1, cpu_ns=1)
    used = Sums(tokens=Tokens(2, 2, 2, 1, 1, 1, 1, 1))
    used.effort(role).add(work)
    cost = bill(PriceList("EUR", None, {role: {unit: Decimal(1)}}), used)
    assert cost is not None
    assert [(line.role, line.unit) for line in cost.lines] == [(role, unit)]
    assert cost.unpriced == ()


def test_every_role_with_a_price_may_be_in_use() -> None:
    assert set(Prices.__struct_fields__) == {"currency", "connected_minute", *ROLES}
    assert set(SPEAKERS) <= set(ROLES)
    assert {unit for _, unit in units()} == set(PER)

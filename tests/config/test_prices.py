"""Prices: what may cost something, and what is refused by name."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from vivavoce.composition import price_list
from vivavoce.config import ConfigError, load, render
from vivavoce.config.prices import ROLES, Prices
from vivavoce.observe.money import PER, SPEAKERS

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
    toml = '[prices]\ncurrency = "EUR"\n[prices.vad.silero]\nmillion_characters = 1\n'
    (problem,) = mistakes(tmp_path, toml)
    assert problem == ("prices.vad.silero.million_characters: there is no such setting. Known here: request, cpu_hour.")


@pytest.mark.parametrize(("key", "value"), [("currency", '"euro"'), ("connected_minute", "-1")])
def test_what_is_no_price_is_refused(tmp_path: Path, key: str, value: str) -> None:
    (problem,) = mistakes(tmp_path, f"[prices]\n{key} = {value}\n")
    assert problem.startswith(f"prices.{key}: ")


@pytest.mark.parametrize("toml", ["connected_minute = 0", "[prices.noise.gtcrn]\ncpu_hour = 1"])
def test_prices_need_a_currency(tmp_path: Path, toml: str) -> None:
    assert mistakes(tmp_path, f"[prices]\n{toml}\n") == [
        "prices.currency: there are prices, and nobody knows in which currency."
    ]


def test_every_unit_that_may_have_a_price_is_counted() -> None:
    assert set(Prices.__struct_fields__) == {"currency", "connected_minute", *ROLES}
    config = load(None, {"VIVAVOCE_PRICES__CURRENCY": "EUR", "VIVAVOCE_PRICES__LLM__LLAMA__CPU_HOUR": "1"})
    units = set(config.prices.llm["llama"].__struct_fields__)
    assert set(SPEAKERS) <= set(ROLES)
    assert units | {"audio_minute", "million_characters"} == set(PER)

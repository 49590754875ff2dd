"""Each planted fault is found by the check that is meant for it, and that check has no complaint without the fault."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from tests.conformance.faulty import Fault, Standing, standing
from tests.conformance.own import target
from tests.conformance.planted import broken_rules
from tests.conformance.planted_behaviour import broken_behaviour
from tests.conformance.planting import ALWAYS, Planted
from tests.patience import PATIENCE_S

from vivavoce.conformance.checks import SECTIONS
from vivavoce.conformance.client import Suite
from vivavoce.conformance.rules import Rule
from vivavoce.conformance.run import conform
from vivavoce.conformance.verdict import Result, Section, Verdict

FAULTS = (*broken_rules(), *broken_behaviour())
TIMEOUT_S = 4.0
"""Some faults are found by what never comes. It is longer than a machine stands still."""


def sections(runs: tuple[str, str]) -> list[Section[Suite]]:
    """The one check."""
    key, start = runs
    section = next(each for each in SECTIONS if each.key == key)
    (check,) = [each for each in section.checks if each.name.startswith(start)]
    return [Section(key, section.title, (check,))]


@pytest.fixture(scope="module")
def server() -> Iterator[Standing]:
    with standing() as running:
        yield running


def run(
    server: Standing, plant: Callable[[], Fault], runs: list[tuple[str, str]], timeout: float = TIMEOUT_S
) -> list[Result]:
    server.plant = plant
    chosen = [section for each in runs for section in sections(each)]
    return asyncio.run(conform(target(server.ready(), timeout), chosen))


def found(results: list[Result], where: tuple[str, str]) -> Result:
    (result,) = [each for each in results if each.section == where[0] and each.name.startswith(where[1])]
    return result


@pytest.mark.parametrize("planted", FAULTS, ids=lambda planted: planted.name)
def test_a_fault_is_found_by_its_check(server: Standing, planted: Planted) -> None:
    result = found(run(server, planted.plant, [planted.runs]), planted.found)
    assert result.verdict is Verdict.fails
    assert result.detail.endswith(".")


def test_without_a_fault_nothing_fails(server: Standing) -> None:
    # The same checks, through the same detour.
    results = run(server, lambda: lambda event: [event], sorted({planted.runs for planted in FAULTS}), PATIENCE_S)
    assert [result for result in results if result.verdict is not Verdict.holds] == []


def test_every_rule_has_a_fault_that_breaks_it() -> None:
    assert {planted.found[1] for planted in FAULTS if planted.found[0] == ALWAYS} == {rule.value for rule in Rule}

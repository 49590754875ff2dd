"""What usage costs, by a price list: exact arithmetic, and each amount rounded once, to millionths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from vivavoce.observe.sums import RATE, Effort, Sums, Tokens

MILLION: Final = 1_000_000
PER: Final[Mapping[str, int]] = {
    "text_input": MILLION,
    "audio_input": MILLION,
    "image_input": MILLION,
    "cached_input": MILLION,
    "text_output": MILLION,
    "audio_output": MILLION,
    "audio_minute": RATE * 60,
    "million_characters": MILLION,
    "request": 1,
    "cpu_hour": 3600 * 10**9,
}
"""For each unit, how many of what is counted it has: tokens, samples, characters, requests, nanoseconds."""
SPEAKERS: Final = ("llm", "responder")
"""The roles that answers' tokens belong to: the language model of a cascade, or the engine that answers by itself."""
_EXACT = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class PriceList:
    """Prices of the engines that are in use. `roles`: for each role the price of each of its units."""

    currency: str | None = None
    """Of all of them. None: nothing has a price."""
    connected_minute: Decimal | None = None
    roles: Mapping[str, Mapping[str, Decimal]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Line:
    """What was used in one role of one unit, and what it costs."""

    role: str
    unit: str
    quantity: Decimal
    """In units, rounded to millionths."""
    price: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Bill:
    """What something costs. `unpriced`: what worked and has no price, as `asr` or `asr cpu_hour`."""

    currency: str
    lines: tuple[Line, ...]
    unpriced: tuple[str, ...]

    @property
    def total(self) -> Decimal | None:
        """The sum of the lines; None when there is none, for then nobody knows."""
        return sum((line.amount for line in self.lines), Decimal(0)) if self.lines else None


def bill(prices: PriceList, sums: Sums) -> Bill | None:
    """What it costs; None without a price list."""
    if prices.currency is None:
        return None
    lines: list[Line] = []
    unpriced: list[str] = []
    if prices.connected_minute is not None:
        lines.append(_line("connection", "connected_minute", sums.connected_ms, 60_000, prices.connected_minute))
    for role, effort in sorted(sums.efforts.items()):
        if role not in prices.roles:
            unpriced.append(role)
            continue
        theirs = prices.roles[role]
        for unit, quantity in _quantities(role, effort, sums.tokens, theirs):
            if quantity is None:
                unpriced.append(f"{role} {unit}")
            elif quantity:
                lines.append(_line(role, unit, quantity, PER[unit], theirs[unit]))
    return Bill(prices.currency, tuple(lines), tuple(unpriced))


def _quantities(
    role: str, effort: Effort, tokens: Tokens, prices: Mapping[str, Decimal]
) -> Iterator[tuple[str, int | None]]:
    """Of each unit that has a price: how much was counted; None: it was not."""
    counted: dict[str, int | None] = {
        "audio_minute": effort.samples,
        "million_characters": effort.characters,
        "request": effort.requests,
        "cpu_hour": effort.cpu_ns,
    }
    if role in SPEAKERS:
        counted |= _tokens(tokens, "cached_input" in prices)
    return ((unit, counted[unit]) for unit in prices)


def _tokens(tokens: Tokens, cheaper: bool) -> dict[str, int]:
    """`cheaper`: cached ones have a price of their own, and are not counted with the others."""
    cached = (tokens.cached_text, tokens.cached_audio, tokens.cached_image) if cheaper else (0, 0, 0)
    return {
        "text_input": tokens.input_text - cached[0],
        "audio_input": tokens.input_audio - cached[1],
        "image_input": tokens.input_image - cached[2],
        "cached_input": sum(cached),
        "text_output": tokens.output_text,
        "audio_output": tokens.output_audio,
    }


def _line(role: str, unit: str, counted: int, per: int, price: Decimal) -> Line:
    quantity = Decimal(counted) / per
    return Line(role, unit, quantity.quantize(_EXACT), price, (price * counted / per).quantize(_EXACT))

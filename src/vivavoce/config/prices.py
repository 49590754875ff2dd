"""What usage costs, for `GET /v1/usage`."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, get_args, get_type_hints

from msgspec import Meta, field

from vivavoce.config.section import Section

Price = Annotated[float, Meta(ge=0, le=1_000_000)]
"""A number without a description: the unit is its setting's name."""


class CpuPrices(Section, frozen=True, kw_only=True):
    """Of an engine that hears every piece of audio: nobody counts its calls."""

    cpu_hour: Price | None = None


class WorkPrices(CpuPrices, frozen=True, kw_only=True):
    """Of an engine that is only paid for its work."""

    request: Price | None = None


class RecogniserPrices(WorkPrices, frozen=True, kw_only=True):
    """Of a speech recogniser."""

    audio_minute: Price | None = None


class VoicePrices(WorkPrices, frozen=True, kw_only=True):
    """Of a voice."""

    audio_minute: Price | None = None
    million_characters: Price | None = None


class ModelPrices(WorkPrices, frozen=True, kw_only=True):
    """Of what answers: tokens by the million. Without `cached_input` cached tokens cost as much as the others."""

    text_input: Price | None = None
    audio_input: Price | None = None
    image_input: Price | None = None
    cached_input: Price | None = None
    text_output: Price | None = None
    audio_output: Price | None = None


_UNITS = "request, cpu_hour"
_TOKENS = "text_input, audio_input, image_input, cached_input, text_output, audio_output (each for a million tokens)"


class Prices(Section, frozen=True, kw_only=True):
    """What usage costs: for each engine, by its name, the price of each unit. Others than those in use may be there."""

    currency: Annotated[
        Annotated[str, Meta(pattern="^[A-Z]{3}$")] | None,
        Meta(description="ISO 4217, such as EUR, of all prices. Absent: no money is shown."),
    ] = None
    connected_minute: Annotated[Price | None, Meta(description="For a minute that a session is connected.")] = None
    llm: Annotated[dict[str, ModelPrices], Meta(description=f"Units: {_TOKENS}, {_UNITS}.")] = field(
        default_factory=dict
    )
    responder: Annotated[dict[str, ModelPrices], Meta(description="The same units.")] = field(default_factory=dict)
    asr: Annotated[dict[str, RecogniserPrices], Meta(description=f"Units: audio_minute, {_UNITS}.")] = field(
        default_factory=dict
    )
    tts: Annotated[dict[str, VoicePrices], Meta(description=f"Units: audio_minute, million_characters, {_UNITS}.")] = (
        field(default_factory=dict)
    )
    vad: Annotated[dict[str, CpuPrices], Meta(description="Unit: cpu_hour.")] = field(default_factory=dict)
    noise: Annotated[dict[str, CpuPrices], Meta(description="Unit: cpu_hour.")] = field(default_factory=dict)
    turn: Annotated[dict[str, WorkPrices], Meta(description=f"Units: {_UNITS}.")] = field(default_factory=dict)
    images: Annotated[dict[str, WorkPrices], Meta(description=f"Units: {_UNITS}.")] = field(default_factory=dict)


ROLES = ("llm", "responder", "asr", "tts", "vad", "noise", "turn", "images")
"""Whose engines may have prices."""


def wrong_prices(prices: Prices, engines: Section) -> list[str]:
    """What is wrong; `engines`: the table [engines], by whose types it is known what engines there are."""
    problems: list[str] = []
    for role in ROLES:
        known = _names(engines, role)
        for name in getattr(prices, role):
            if name in known:
                continue
            near = get_close_matches(name, known, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            supported = ", ".join(f"'{each}'" for each in known)
            problems.append(f"prices.{role}.{name}: there is no such engine. Supported values are: {supported}.{hint}")
    some = prices.connected_minute is not None or any(getattr(prices, role) for role in ROLES)
    if some and prices.currency is None:
        problems.append("prices.currency: there are prices, and nobody knows in which currency.")
    return problems


def _names(engines: Section, role: str) -> list[str]:
    """What may cost something in this role; "none" does not, and a cascade is its parts."""
    choice = get_type_hints(type(engines))[role]
    tags = [str(each.__struct_config__.tag) for each in get_args(choice) or (choice,)]
    return [tag for tag in tags if tag not in ("none", "cascade")]

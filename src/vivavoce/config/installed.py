"""Engines of other packages in the settings: their options become tables like all others, with the same checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from functools import partial, reduce
from operator import or_
from typing import Protocol, cast, get_type_hints

from msgspec import defstruct, field

from vivavoce.config.remote import EngineOptions
from vivavoce.config.tree import Config, Engines

_Field = tuple[str, object] | tuple[str, object, object]


class OfferedOption(Protocol):
    """A keyword argument of an engine."""

    @property
    def name(self) -> str:
        """The setting's name."""

    @property
    def type(self) -> object:
        """Its type in msgspec's terms."""

    @property
    def default(self) -> object:
        """What holds where it is absent."""

    @property
    def required(self) -> bool:
        """It must be given."""


class Offer(Protocol):
    """An engine that another package offers."""

    @property
    def role(self) -> str:
        """Its table under [engines]."""

    @property
    def name(self) -> str:
        """What chooses it there."""

    @property
    def package(self) -> str:
        """Whose it is."""

    def about(self) -> str:
        """What it is, in a line. May raise what `load` lets pass."""

    def options(self) -> Sequence[OfferedOption]:
        """What it can be told. May raise what `load` lets pass."""


class InstalledOptions(EngineOptions, frozen=True, kw_only=True):
    """An engine of another package."""


def widened(engines: Mapping[str, object], offers: Sequence[Offer]) -> tuple[type[Config], list[str]]:
    """The type of the settings with these engines in it, and what is wrong with the names that are chosen.

    `engines` is the table [engines], each role's table in it with a name. Only engines that it chooses are asked for
    their options; what that raises, this raises. Of the others only the names are known.
    """
    if not offers:
        return Config, []
    problems: list[str] = []
    fields: list[tuple[str, object, object]] = []
    hints = get_type_hints(Engines, include_extras=True)
    for role in Engines.__struct_fields__:
        default: EngineOptions = getattr(Engines(), role)
        table = engines.get(role)
        chosen = str(table.get("name") if isinstance(table, dict) else default.__struct_config__.tag)
        members = _members(hints[role])
        own = {str(each.__struct_config__.tag) for each in members}
        theirs = _by_name(role, offers)
        problems += _collisions(f"engines.{role}.name", chosen, own, theirs)
        for name, (offer, *_) in theirs.items():
            if name not in own:
                members.append(_chosen(offer) if name == chosen else _named(name))
        fields.append((role, reduce(or_, members), default))
    known = defstruct("Engines", fields, bases=(Engines,), namespace={"__doc__": Engines.__doc__})
    whole = [("engines", known, field(default_factory=known))]
    config = defstruct("Config", whole, bases=(Config,), namespace={"__doc__": Config.__doc__})
    return cast("type[Config]", config), problems


def _members(hint: type[EngineOptions]) -> list[type[EngineOptions]]:
    """Those of a union, or the one type."""
    return list(getattr(hint, "__args__", (hint,)))


def _by_name(role: str, offers: Sequence[Offer]) -> dict[str, list[Offer]]:
    named: dict[str, list[Offer]] = {}
    for offer in offers:
        if offer.role == role:
            named.setdefault(offer.name, []).append(offer)
    return named


def _collisions(place: str, chosen: str, own: set[str], theirs: Mapping[str, Sequence[Offer]]) -> list[str]:
    """A name must mean one engine; a name that is not chosen does no harm."""
    packages = ", ".join(offer.package for offer in theirs.get(chosen, ()))
    if chosen in own and packages:
        return [
            f"{place}: '{chosen}' is built in, and an engine of the same name comes from another package: {packages}. "
            "Uninstall that, or choose another engine."
        ]
    if len(theirs.get(chosen, ())) > 1:
        return [f"{place}: '{chosen}' is offered by several packages: {packages}. Uninstall all but one."]
    return []


def _chosen(offer: Offer) -> type[EngineOptions]:
    fields: list[_Field] = []
    for option in offer.options():
        if option.required:
            fields.append((option.name, option.type))
        else:
            fields.append((option.name, option.type, field(default_factory=partial(copy, option.default))))
    about = f"{offer.about()} From the package {offer.package}.".strip()
    return _struct(offer.name, fields, about)


def _named(name: str) -> type[EngineOptions]:
    """One that may be chosen and is not."""
    return _struct(name, [], "")


def _struct(name: str, fields: Sequence[_Field], about: str) -> type[EngineOptions]:
    struct = defstruct("Offered", fields, bases=(InstalledOptions,), tag=name, namespace={"__doc__": about})
    return cast("type[EngineOptions]", struct)

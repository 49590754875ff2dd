"""Engines of other packages: found by their entry points, loaded only when the configuration chooses them.

A package offers an engine in the group of its role, `vivavoce.vad`, `vivavoce.tts` and so on, under the name that
chooses it; the entry point is called with the engine's options as keyword arguments. Their names, types (msgspec's,
with `Meta` for ranges and descriptions) and defaults are read from its signature. An example is in
docs/write-an-engine.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from inspect import Parameter, signature

from msgspec import ValidationError, convert, inspect

from vivavoce.ports import (
    Asr,
    Duplex,
    Engine,
    EngineError,
    ImageFetcher,
    ImageReader,
    Llm,
    NoiseReducer,
    Responder,
    Tts,
    TurnDetector,
    Vad,
)

PORTS: Mapping[str, type[object]] = {
    "vad": Vad,
    "noise": NoiseReducer,
    "turn": TurnDetector,
    "asr": Asr,
    "llm": Llm,
    "tts": Tts,
    "responder": Responder,
    "images": ImageReader,
    "image_urls": ImageFetcher,
}
"""What an engine of each role must be; a responder may be a `Duplex` instead."""
_PLAIN = (
    inspect.AnyType,
    inspect.BoolType,
    inspect.FloatType,
    inspect.IntType,
    inspect.LiteralType,
    inspect.NoneType,
    inspect.StrType,
)


@dataclass(frozen=True, slots=True)
class Option:
    """A keyword argument of an engine."""

    name: str
    type: object
    default: object
    required: bool
    """There is no default, and `default` means nothing."""


@dataclass(frozen=True, slots=True)
class Installed:
    """An engine that another package offers; nothing of that package is imported before `options` or `make`."""

    role: str
    entry: EntryPoint

    @property
    def name(self) -> str:
        """What chooses it in the configuration."""
        return self.entry.name

    @property
    def package(self) -> str:
        """The package, and where in it the engine is."""
        return f"{self.entry.dist.name if self.entry.dist else 'of an unknown name'} ({self.entry.value})"

    def about(self) -> str:
        """The first line of what it says of itself, if anything. Raises `EngineError`."""
        return (self._factory().__doc__ or "").strip().partition("\n")[0]

    def options(self) -> tuple[Option, ...]:
        """What it can be told. Raises `EngineError` (`engine_unavailable`) when it cannot be loaded, and where it does
        not say which options it has, or has one that no settings file can hold."""
        try:
            parameters = signature(self._factory(), eval_str=True).parameters.values()
        except (NameError, TypeError, ValueError) as error:
            raise self._unavailable("does not tell its options", error) from error
        return tuple(map(self._option, parameters))

    def make(self, options: Mapping[str, object]) -> Engine:
        """The engine. Raises `EngineError` (`engine_unavailable`) for whatever goes wrong in it."""
        factory = self._factory()
        try:
            engine = factory(**options)
            listens = self.role == "responder" and hasattr(engine, "converse")
            port = Duplex if listens else PORTS[self.role]
            lacking = [member for member in _members(port) if not hasattr(engine, member)]
        except Exception as error:  # anybody's code: its fault is told, and is no fault of this server
            raise self._unavailable("cannot be used", error) from error
        if lacking:
            raise self._unavailable(f"is no engine for {self.role}: it lacks {', '.join(lacking)}")
        return engine

    def _factory(self) -> Callable[..., Engine]:
        try:
            loaded: object = self.entry.load()
        except Exception as error:  # as above
            raise self._unavailable("cannot be loaded", error) from error
        if not callable(loaded):
            raise self._unavailable("cannot be used: what the entry point names cannot be called")
        return loaded

    def _option(self, parameter: Parameter) -> Option:
        if parameter.kind not in (Parameter.KEYWORD_ONLY, Parameter.POSITIONAL_OR_KEYWORD):
            raise self._unavailable(f"does not tell its options: {parameter} is no keyword argument")
        if parameter.annotation is Parameter.empty:
            raise self._unavailable(f"does not tell the type of its option {parameter.name}")
        if parameter.name == "name":
            raise self._unavailable("has an option called name, and that is the setting which chooses the engine")
        required = parameter.default is Parameter.empty
        try:
            settable = _settable(inspect.type_info(parameter.annotation))
            if settable and not required:
                convert(parameter.default, parameter.annotation)
        except TypeError:
            settable = False
        except ValidationError as error:
            raise self._unavailable(f"has a wrong default for its option {parameter.name}", error) from error
        if not settable:
            raise self._unavailable(f"has an option that no settings file can hold: {parameter}")
        return Option(parameter.name, parameter.annotation, parameter.default, required)

    def _unavailable(self, what: str, error: Exception | None = None) -> EngineError:
        why = f": {type(error).__name__}: {error}".rstrip(" :") if error else ""
        message = f"The engine {self.name}, of the package {self.package}, {what}{why}"
        return EngineError("engine_unavailable", f"{message.rstrip('.')}.")


def installed() -> tuple[Installed, ...]:
    """All that the installed packages offer, by role and name."""
    return tuple(_offers())


def make(role: str, name: str, options: Mapping[str, object]) -> Engine:
    """The engine of another package. Raises `EngineError`, and `KeyError` where no package offers it."""
    offers = {offer.name: offer for offer in _offers() if offer.role == role}
    return offers[name].make(options)


def _offers() -> Iterator[Installed]:
    every = entry_points()  # once: it reads what every installed package says of itself
    for role in PORTS:
        for entry in sorted(every.select(group=f"vivavoce.{role}")):
            yield Installed(role, entry)


def _members(port: type[object]) -> list[str]:
    return [member for member in dir(port) if not member.startswith("_")]


def _settable(info: inspect.Type) -> bool:
    """Whether a TOML file can hold it, and a mistake in it be explained."""
    match info:
        case inspect.Metadata():
            return _settable(info.type)
        case inspect.UnionType():
            return all(map(_settable, info.types))
        case inspect.ListType() | inspect.VarTupleType():
            return _settable(info.item_type)
        case inspect.DictType():
            return isinstance(info.key_type, inspect.StrType) and _settable(info.value_type)
        case inspect.CustomType():
            return info.cls is object
    return isinstance(info, _PLAIN)

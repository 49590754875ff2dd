"""What the runtime needs of a session's decisions: a conversation (`core.session`) or a translation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from vivavoce.core import effects as fx
from vivavoce.protocol.client import AnyClientEvent
from vivavoce.protocol.session import AudioFormat, NoiseReduction
from vivavoce.protocol.translation import AnyClientEvent as AnyTranslationEvent

AnyEvent = AnyClientEvent | AnyTranslationEvent


class AudioInput(Protocol):
    """What the settings of both kinds say about the caller's audio."""

    @property
    def noise_reduction(self) -> NoiseReduction | None:
        """How it is cleaned."""


class Audio(Protocol):
    """See `Settings`."""

    @property
    def input(self) -> AudioInput:
        """The caller's side."""


class Settings(Protocol):
    """What the effective sessions of both kinds have in common."""

    @property
    def id(self) -> str:
        """Of the session."""

    @property
    def audio(self) -> Audio:
        """Both sides."""


class Core(Protocol):
    """A session's state: every event goes in by `handle`, and everything that follows comes out of it."""

    @property
    def settings(self) -> Settings:
        """What is in force."""

    @property
    def input_format(self) -> AudioFormat:
        """Of the caller's audio on the wire."""

    def decode(self, frame: str | bytes, /) -> AnyEvent:
        """The client event in a frame. Raises `ProtocolError`."""

    def start(self) -> Sequence[fx.AnyOutput]:
        """What comes before anything the client sends."""

    # Any: each kind takes the client events that its own `decode` gives; the rest, `fx.EngineEvent` and the like, is
    # the same for both.
    def handle(self, event: Any, now: float, /) -> Sequence[fx.AnyOutput]:  # noqa: ANN401
        """Everything that follows from one event, at `now` monotonic seconds."""

    def deadline(self) -> float | None:
        """When it wants a `Tick`."""

"""The door to a model that hears and speaks all the time, and decides by itself when to speak."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol, runtime_checkable

from vivavoce.audio.pcm import Pcm
from vivavoce.ports.answer import SpokenAudio, SpokenText
from vivavoce.ports.answering import Answerer


class DuplexStream(Protocol):
    """One caller's conversation with the model. It is lost with the stream, and so is what the model remembers.

    Time passes for the model with the audio that it is given: about as much comes out as went in. `push` and `listen`
    are each called by one task.
    """

    async def push(self, pcm: Pcm) -> None:
        """The caller's next audio: 24 kHz, any length, without gaps, silence included.

        Waits while the model is behind by more than it can hold. Raises `EngineError`.
        """

    def listen(self) -> AsyncGenerator[SpokenAudio | SpokenText, None]:
        """What the model says, once: audio at one rate, of any, without gaps and silence included; and its words, at
        about the place where they are said. Raises `EngineError` when the stream is lost; it has no other end.
        """

    async def aclose(self) -> None:
        """The conversation is over. Nothing more is made of it, one chunk later at most."""


@runtime_checkable
class Duplex(Answerer, Protocol):
    """A full-duplex model."""

    @property
    def instructed(self) -> bool:
        """It takes instructions, when a stream begins."""

    def converse(self, voice: str, instructions: str) -> DuplexStream:
        """A new conversation. Nothing is waited for yet; what cannot be had is said by the stream (`EngineError`)."""

"""What is known of a voice, and the door to those that make new ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

OPENAI_VOICES = ("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar")
"""The names that every speaking engine answers to (PROTOCOL.md 3.2)."""
CUSTOM_VOICE = "voice_"
"""What the name of a custom voice begins with (PROTOCOL.md 1.8): its id, which the engine alone knows."""


@dataclass(frozen=True, slots=True)
class VoiceInfo:
    """A voice as people choose it."""

    name: str
    languages: tuple[str, ...]
    """ISO-639-1 codes of those that it speaks; the first is the one that its sample is spoken in."""
    description: str = ""
    """Its character in a few words; empty: the engine does not know."""
    alias_of: str | None = None
    """The name of another voice of this engine that is heard in its place."""


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """An audio file as a client sent it."""

    name: str
    data: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class CustomVoice:
    """A voice that was made from a recording."""

    id: str
    name: str
    created_at: int
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class Consent:
    """A speaker's recorded consent to a likeness of their voice."""

    id: str
    name: str
    language: str
    """A BCP-47 tag."""
    created_at: int
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class Consents:
    """A page of them."""

    entries: tuple[Consent, ...]
    more: bool
    """There are others behind the last of these."""


class VoiceCloner(Protocol):
    """Makes voices from recordings (PROTOCOL.md 1.8), and keeps both.

    Everything raises `EngineError`: `unknown_voice` and `unknown_consent` for an id that there is not,
    `engine_rejected` for a recording that it does not take.
    """

    async def create_voice(self, name: str, sample: Recording, consent: str) -> CustomVoice:
        """A voice like the sample's; `consent` is the id of its speaker's."""

    async def delete_voice(self, voice: str) -> None:
        """By its id."""

    async def create_consent(self, name: str, language: str, recording: Recording) -> Consent:
        """`recording` is the speaker's, who reads what the engine's owner asks for."""

    async def consents(self, after: str | None, limit: int) -> Consents:
        """At most `limit`, those behind the one with the id `after`."""

    async def consent(self, consent: str) -> Consent:
        """By its id."""

    async def rename_consent(self, consent: str, name: str) -> Consent:
        """By its id."""

    async def delete_consent(self, consent: str) -> None:
        """By its id."""

"""What the runtime tells whoever watches: counts and times, never audio, words or keys.

`vivavoce.observe` implements it; the runtime only calls it. Every method returns at once and never raises.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

CallKind = Literal["function", "mcp"]
"""Who runs a tool: the client, or a server that we ask."""
CallOutcome = Literal["completed", "incomplete", "failed", "declined"]
"""Of a function, its arguments: whole, or cut off, which only the client could finish. Of an MCP tool: it has returned,
it was never called, it or its server failed, or the caller did not approve it."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """When one turn's stages were reached, in seconds of one monotonic clock; None for those never reached.

    `speech_end` is the moment at which the caller's last speech was received, so silence that the turn waits for
    counts in all the others: it is what the caller waits for too.
    """

    speech_end: float
    turn_decided: float | None = None
    transcript: float | None = None
    first_token: float | None = None
    first_audio: float | None = None
    """The first audio of the answer was handed to the transport."""
    first_call: float | None = None
    """The model began to call a tool."""

    def since_speech_end(self) -> dict[str, float]:
        """The stages that were reached, by field name, in seconds after `speech_end` and in their usual order."""
        stages = {
            "turn_decided": self.turn_decided,
            "transcript": self.transcript,
            "first_token": self.first_token,
            "first_audio": self.first_audio,
            "first_call": self.first_call,
        }
        return {stage: at - self.speech_end for stage, at in stages.items() if at is not None}


class Observer(Protocol):
    """Watches every session of one server."""

    def session_started(self, session_id: str) -> None:
        """A session exists: its `session.created` is about to be sent."""

    def session_ended(self, session_id: str) -> None:
        """The session is over and its tasks have ended. Exactly once for each `session_started`."""

    def event_sent(self, type_: str) -> None:
        """A server event went out."""

    def error(self, code: str | None) -> None:
        """An `error` event went out; `code` is the one on the wire."""

    def response_done(self, status: str, reason: str | None) -> None:
        """A response ended: `response.done`'s status, and its reason or its error's code."""

    def call_ended(self, kind: CallKind, outcome: CallOutcome) -> None:
        """A call of a tool is over, as far as the server knows."""

    def turn(self, timeline: Timeline) -> None:
        """A turn is over: answered, cancelled or failed."""


class Unobserved:
    """The `Observer` of nobody."""

    def session_started(self, session_id: str) -> None:
        """Nothing."""

    def session_ended(self, session_id: str) -> None:
        """Nothing."""

    def event_sent(self, type_: str) -> None:
        """Nothing."""

    def error(self, code: str | None) -> None:
        """Nothing."""

    def response_done(self, status: str, reason: str | None) -> None:
        """Nothing."""

    def call_ended(self, kind: CallKind, outcome: CallOutcome) -> None:
        """Nothing."""

    def turn(self, timeline: Timeline) -> None:
        """Nothing."""

"""What all engines share."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

MAX_CHUNK_MS = 100
"""The longest piece of audio an engine yields, in milliseconds: what a cancel may have to wait for."""


class EngineError(Exception):
    """An engine could not do its work: the response fails, the session lives.

    `code` is a short machine word (`engine_timeout`, `engine_unavailable`, `engine_failed`, `context_too_long`, ...),
    `message` a sentence for the caller.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Engine(Protocol):
    """What all engines share."""

    @property
    def name(self) -> str:
        """The name that chooses it in the configuration."""

    @property
    def running(self) -> int:
        """Calls that occupy the engine now, native work that has not stopped yet included."""

    async def start(self) -> None:
        """Load and warm up, so that the first call is as fast as the tenth. Raises `EngineError`."""

    async def aclose(self) -> None:
        """Stop what runs and free everything."""


@runtime_checkable
class Elsewhere(Protocol):
    """An engine whose work is done by another server, which may come up later than this one."""

    async def unreachable(self) -> str | None:
        """Why that server cannot be reached now, as a sentence with its address; None: it answers.

        Takes a few seconds at most, and raises nothing.
        """

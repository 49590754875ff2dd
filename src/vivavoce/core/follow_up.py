"""The answer that follows the result of a tool by itself, and the clients that ask for it all the same (4.7).

The service stays silent after a call of an MCP tool until it gets a `response.create`, and stock clients send one for
each finished call. Here the server goes on by itself, so that the others are not left in silence; what the former ask
for is what they get anyway. One that asks when it has been given all of it gets a response without anything in it.
"""

from __future__ import annotations

from vivavoce.protocol.client import ResponseParams

MOST_ROUNDS = 8
"""Answers in a row that come by themselves; the last of them may call nothing, or it might never end."""
SATISFIED_S = 2.0
"""How late a client may still ask for what it has got."""


class FollowUp:
    """What one session owes to the results of tools, and has given."""

    def __init__(self) -> None:
        self._now = 0.0
        self._rounds = 0
        self._expected = 0
        """Results and decisions that a client may still ask an answer for."""
        self._until = 0.0
        self._answering = False
        """That answer, or the one that it will follow, is in progress."""

    def at(self, now: float) -> None:
        """The time is `now`."""
        self._now = now
        if not self._answering and now > self._until:
            self._expected = 0

    def result(self, *, answering: bool = False) -> None:
        """A client is told of the end of a call, or has decided on one: it may ask for an answer to that.

        `answering`: the call belongs to the answer in progress.
        """
        self._expected += 1
        self._until = self._now + SATISFIED_S
        self._answering = self._answering or answering

    def started(self, *, by_itself: bool) -> None:
        """An answer for the conversation begins."""
        self._rounds = self._rounds + 1 if by_itself else 0
        self._answering = by_itself

    def ended(self) -> None:
        """An answer for the conversation is over."""
        if self._answering:
            self._until = self._now + SATISFIED_S
        self._answering = False

    def disturbed(self) -> None:
        """Something else was said: who asks now means that."""
        self._expected = 0

    @property
    def last_round(self) -> bool:
        """The next answer that comes by itself shall be the last."""
        return self._rounds + 1 >= MOST_ROUNDS

    def satisfies(self, params: ResponseParams) -> bool:
        """Whether this `response.create` asks for nothing but an answer to a result, which it gets anyway."""
        bare = params in (ResponseParams(), ResponseParams(conversation="auto"))
        if not bare or not self._expected:
            return False
        self._expected -= 1
        return True

"""Two user agents and a network between them that loses, repeats, delays and swaps, on virtual time."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from random import Random

from vivavoce.transports.sip.actions import Action, Flow, News, Send
from vivavoce.transports.sip.agent import UserAgent
from vivavoce.transports.sip.options import Options

HERE = {"ann": ("192.0.2.1", 5060), "bob": ("192.0.2.2", 5060)}


class Network:
    """`loss` and `copies` are probabilities; a datagram takes up to `delay_s`."""

    def __init__(self, seed: int, loss: float, copies: float = 0.0, delay_s: float = 0.05, expires_s: int = 0) -> None:
        self.now = 0.0
        self.news: dict[str, list[News]] = {"ann": [], "bob": []}
        self.react: Callable[[str, News], None] = lambda name, news: None
        self._chance = Random(seed)
        self._loss, self._copies, self._delay = loss, copies, delay_s
        self._order = count()
        self._wire: list[tuple[float, int, str, bytes]] = []
        self.agents = {
            name: UserAgent(
                Options(everybody=True, session_expires_s=expires_s, secret=b"known", calls_per_second=10_000),
                partial(_token, name, count(1)),
            )
            for name in HERE
        }

    def flow(self, name: str) -> Flow:
        """From one to the other."""
        return Flow("udp", HERE[name], HERE[other(name)])

    def perform(self, name: str, actions: list[Action]) -> None:
        """What one of them has decided."""
        for action in actions:
            if not isinstance(action, Send):
                self.news[name].append(action)
                self.react(name, action)
            elif self._chance.random() >= self._loss:
                for _ in range(1 + (self._chance.random() < self._copies)):
                    when = self.now + self._chance.random() * self._delay
                    heapq.heappush(self._wire, (when, next(self._order), other(name), action.data))

    def run(self, seconds: float) -> None:
        """Until then, or until nothing is left to happen."""
        end = self.now + seconds
        while True:
            due = {name: agent.deadline() for name, agent in self.agents.items()}
            times = [each for each in due.values() if each is not None] + [each[0] for each in self._wire[:1]]
            if not times or min(times) > end:
                self.now = end
                return
            self.now = max(self.now, min(times))
            while self._wire and self._wire[0][0] <= self.now:
                _, _, name, data = heapq.heappop(self._wire)
                self.perform(name, self.agents[name].receive(data, self.flow(name), self.now))
            for name, agent in self.agents.items():
                self.perform(name, agent.tick(self.now))


def _token(name: str, numbers: Iterator[int]) -> str:
    return f"{name}{next(numbers)}"


def other(name: str) -> str:
    """Of the two."""
    return "bob" if name == "ann" else "ann"

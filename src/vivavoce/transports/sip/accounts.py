"""The accounts that one endpoint keeps registered: finds their registrars, and says goodbye."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

from vivavoce.transports.sip.actions import Action, Flow
from vivavoce.transports.sip.agent import UserAgent
from vivavoce.transports.sip.fields import SipError
from vivavoce.transports.sip.registration import Account

LOOK_UP_S = 30.0
"""Before a registrar's name is looked up again."""
GOODBYE_S = 2.0
"""What registrars get to answer the last request."""

_log = logging.getLogger(__name__)


class Network(Protocol):
    """What it needs of the endpoint."""

    @property
    def agent(self) -> UserAgent:
        """Who registers."""

    def now(self) -> float:
        """The agent's time."""

    def perform(self, actions: Iterable[Action]) -> None:
        """Send."""

    async def flow_to(self, uri: str) -> Flow:
        """Where a registrar is. Raises `OSError` and `SipError`."""


class Accounts:
    """Each is a task until its registrar is found; from then on the agent takes care of it."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._looking: dict[str, asyncio.Task[None]] = {}
        self._kept: dict[str, tuple[Account, Flow, asyncio.Event]] = {}

    def register(self, account: Account) -> None:
        """Keep it registered until `aclose`."""
        self._looking[account.name] = asyncio.create_task(self._find(account))

    def ended(self, name: str) -> None:
        """Its registrar has heard that it is over, or will not."""
        if name in self._kept:
            self._kept[name][2].set()

    async def aclose(self) -> None:
        """Have them all forgotten by their registrars, if those answer soon."""
        for task in self._looking.values():
            task.cancel()
        await asyncio.gather(*self._looking.values(), return_exceptions=True)
        for account, flow, _ in self._kept.values():
            over = replace(account, expires_s=0)
            self._network.perform(self._network.agent.register(over, flow, self._network.now()))
        try:
            async with asyncio.timeout(GOODBYE_S):
                for _, _, ended in self._kept.values():
                    await ended.wait()
        except TimeoutError:
            _log.warning("a registrar has not answered; calls may be sent here until the registration expires")

    async def _find(self, account: Account) -> None:
        while True:
            try:
                flow = await self._network.flow_to(account.registrar)
            except (OSError, SipError) as error:
                _log.warning("registration %s: %s", account.name, error)
                await asyncio.sleep(LOOK_UP_S)
                continue
            self._kept[account.name] = (account, flow, asyncio.Event())
            self._network.perform(self._network.agent.register(account, flow, self._network.now()))
            return

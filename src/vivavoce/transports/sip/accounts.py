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
    """Each is a task until its registrar is found; from then on the agent takes care of it.

    After a failure the registrar is looked up once more: it may have moved.
    """

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

    def failed(self, name: str) -> None:
        """It is tried again later, and by then its registrar may be somewhere else."""
        if name in self._kept and self._looking[name].done():
            self._looking[name] = asyncio.create_task(self._find_again(name))

    async def aclose(self) -> None:
        """Have them all forgotten by their registrars, if those answer soon."""
        for task in self._looking.values():
            task.cancel()
        for account, flow, _ in self._kept.values():
            over = replace(account, expires_s=0)
            self._network.perform(self._network.agent.register(over, flow, self._network.now()))
        await asyncio.gather(*self._looking.values(), return_exceptions=True)
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

    async def _find_again(self, name: str) -> None:
        account, before, ended = self._kept[name]
        try:
            flow = await self._network.flow_to(account.registrar)
        except (OSError, SipError) as error:
            _log.warning("registration %s: %s", name, error)
            return
        if flow != before:
            _log.info("registration %s: the registrar is at %s now", name, flow.remote[0])
            self._kept[name] = account, flow, ended
            self._network.perform(self._network.agent.register(account, flow, self._network.now()))

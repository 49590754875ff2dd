"""Registrars are looked for, and told goodbye, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from itertools import count

import pytest
from tests.transports.sip.scene import PHONE

from vivavoce.testing.clock import run_virtual
from vivavoce.transports.sip.accounts import GOODBYE_S, LOOK_UP_S, Accounts
from vivavoce.transports.sip.actions import Action, Flow, Login, Send
from vivavoce.transports.sip.agent import UserAgent
from vivavoce.transports.sip.options import Options
from vivavoce.transports.sip.registration import Account

ACCOUNT = Account(name="carrier", registrar="sip:localhost", address="sip:4930@localhost", login=Login("4930", "x"))


class Network:
    """No sockets; a registrar is found at the `found`th attempt."""

    def __init__(self, found: int) -> None:
        numbers = count(1)
        self.agent = UserAgent(Options(), lambda: f"id-{next(numbers)}")
        self.performed: list[Action] = []
        self.looked = 0
        self.at = PHONE
        self._found = found

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def perform(self, actions: Iterable[Action]) -> None:
        self.performed += actions

    async def flow_to(self, uri: str) -> Flow:
        self.looked += 1
        if self.looked < self._found:
            raise OSError("no such name")
        return self.at


def test_a_registrar_that_is_not_found_is_looked_for_again(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> Network:
        network = Network(found=3)
        accounts = Accounts(network)
        accounts.register(ACCOUNT)
        await asyncio.sleep(2 * LOOK_UP_S + 1)
        accounts.ended("carrier")
        accounts.ended("another")
        await accounts.aclose()
        return network

    network = run_virtual(scenario())
    assert (network.looked, len(network.performed)) == (3, 2)
    assert caplog.text.count("no such name") == 2


def test_a_registrar_that_fails_is_looked_for_anew(caplog: pytest.LogCaptureFixture) -> None:
    """The agent's own time does its part: only where the next request goes is asked here."""

    async def scenario() -> list[Flow]:
        network = Network(found=1)
        accounts = Accounts(network)
        accounts.register(ACCOUNT)
        await asyncio.sleep(1)
        network.at = replace(PHONE, remote=("192.0.2.77", 5060))
        accounts.failed("another")
        for _ in range(2):  # the second one while it is being looked for
            accounts.failed("carrier")
        await asyncio.sleep(1)
        assert network.looked == 2
        network._found = 100
        accounts.failed("carrier")
        await asyncio.sleep(1)
        assert "no such name" in caplog.text
        network.performed += network.agent.tick(network.now() + 100)  # it gives up, and tries again
        network.performed += network.agent.tick(network.now() + 200)
        accounts.ended("carrier")
        await accounts.aclose()
        return [each.flow for each in network.performed if isinstance(each, Send)]

    flows = run_virtual(scenario())
    assert flows[0] == PHONE
    assert [each.remote[0] for each in flows[-2:]] == ["192.0.2.77"] * 2  # the last one is the goodbye


def test_one_that_is_never_found_holds_nothing_up() -> None:
    async def scenario() -> None:
        accounts = Accounts(Network(found=1000))
        accounts.register(ACCOUNT)
        await asyncio.sleep(1)
        await accounts.aclose()

    run_virtual(scenario(), limit=1.5)


def test_one_that_does_not_answer_the_goodbye_is_not_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> float:
        accounts = Accounts(Network(found=1))
        accounts.register(ACCOUNT)
        await asyncio.sleep(1)
        began = asyncio.get_running_loop().time()
        await accounts.aclose()
        return asyncio.get_running_loop().time() - began

    assert run_virtual(scenario()) == GOODBYE_S
    assert "has not answered" in caplog.text

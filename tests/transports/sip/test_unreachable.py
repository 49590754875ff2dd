"""Callers who say of themselves what nobody can be reached by: refused, or reached where their packets come from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import uvloop
from tests.transports.sip.handset import handset
from tests.transports.sip.real import caller, server
from tests.transports.sip.scene import Scene, invite, show

from vivavoce.transports.sip.ports import Ports

PAIR = 41_980
"""Its ports: there is room for one call."""


@pytest.mark.parametrize("runner", [asyncio.run, uvloop.run])
def test_a_contact_of_the_other_family_is_reached_where_its_packets_come_from(runner: Callable[..., None]) -> None:
    async def scenario() -> None:
        async with server(Ports(PAIR, PAIR + 1)) as here, handset() as phone:
            for _ in range(2):  # the first leaves nothing behind: its ports are free for the second
                async with caller() as ann:
                    await ann.call(here, phone.offer(), (("Contact", "<sip:a@[::1]:5060>"),))
                    here.hang_up()
                    assert (await ann.asked("BYE")).uri == "sip:a@[::1]:5060"
                    await here.emptied()

    runner(scenario())


@pytest.mark.parametrize("route", ["garbage", "<tel:1;lr>", "<sip:192.0.2.50;lr>, <sip:>"])
def test_a_route_that_leads_nowhere_is_refused(route: str) -> None:
    scene = Scene()
    assert show(scene.hear(invite(headers=(("Record-Route", route),)))) == ["400"]
    assert len(scene.agent) == 0

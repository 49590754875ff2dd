"""A phone that knows nothing of session timers is asked by this side, and keeps its call whatever it answers."""

from __future__ import annotations

import asyncio

import pytest
from tests.transports.sip.handset import handset, until
from tests.transports.sip.real import caller, server
from tests.transports.sip.scene import answer


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("o=- 1 1", "o=- 1 2"),
        (" 0 8 101", " 0"),
        (" 0 8 101", " 9"),
        ("m=audio", "m=video"),
    ],
    ids=["a later version", "the codec alone", "a codec that was not offered", "no description that fits"],
)
def test_whatever_it_answers_the_call_goes_on(before: str, after: str) -> None:
    async def scenario() -> None:
        async with server() as here, caller() as ann, handset() as phone:
            sdp = phone.offer(formats="0 8 101")
            assert before in sdp
            await ann.call(here, sdp, ann.contact)
            here.pass_(901)
            refresh = await ann.asked("INVITE")
            assert refresh.sdp is not None
            ann.send(answer(refresh, 200, headers=ann.contact, sdp=sdp.replace(before, after)))
            assert (await ann.asked("ACK")).cseq[0] == refresh.cseq[0]
            count = len(phone.got)
            await until(lambda: len(phone.got) >= count + 5 or not here.host.sessions)
            assert len(here.host.sessions) == 1
            here.hang_up()
            await ann.asked("BYE")
            await here.emptied()

    asyncio.run(scenario())


def test_a_phone_that_has_moved_says_so_in_its_answer() -> None:
    async def scenario() -> None:
        async with server() as here, caller() as ann, handset() as phone, handset() as mobile:
            await ann.call(here, phone.offer(), ann.contact)
            here.pass_(901)
            refresh = await ann.asked("INVITE")
            ann.send(answer(refresh, 200, headers=ann.contact, sdp=mobile.offer()))
            await ann.asked("ACK")
            await until(lambda: len(mobile.got) >= 5)

    asyncio.run(scenario())

"""A server that stops: every phone hears of it, though messages are lost, and no call begins any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import cast

import pytest
from tests.transports.sip.scene import (
    ANSWER,
    OFFER,
    PHONE,
    Scene,
    answer,
    invite,
    request,
    requests,
    responses,
    show,
    told,
)

from vivavoce.transports.sip.actions import Action, Invited, News, NoSuchCall, Refused
from vivavoce.transports.sip.agent import UserAgent
from vivavoce.transports.sip.endpoint import Endpoint
from vivavoce.transports.sip.message import Request, Response, parse, reply
from vivavoce.transports.sip.options import Options
from vivavoce.transports.sip.talk import LAST_WORD_S

PATIENCE_S = 60.0
HERE = "<sip:ann@127.0.0.1:5060>"


def close(scene: Scene) -> list[Action]:
    return scene.agent.close(scene.now)


def test_one_that_talks_is_ended_and_waited_for() -> None:
    scene = Scene()
    scene.talking()
    (bye,) = requests(close(scene))
    assert scene.agent.ending()
    assert show(scene.wait(0.5)) == ["BYE"]
    assert close(scene) == []
    scene.hear(answer(bye, 200))
    assert not scene.agent.ending()


def test_one_that_was_ended_by_its_session_is_waited_for() -> None:
    scene = Scene()
    dialog = scene.talking()
    (bye,) = requests(scene.agent.bye(dialog, scene.now))
    assert close(scene) == []
    assert scene.agent.ending()
    scene.hear(answer(bye, 200))
    assert not scene.agent.ending()


def answered(scene: Scene) -> str:
    """A call whose phone has not said that it heard of the answer."""
    dialog = scene.called()
    scene.agent.answer(dialog, ANSWER, scene.now)
    return dialog


@pytest.mark.parametrize("hung_up", [False, True])
def test_one_that_does_not_acknowledge_is_told_bye_all_the_same(hung_up: bool) -> None:
    scene = Scene()
    dialog = answered(scene)
    if hung_up:
        assert scene.agent.bye(dialog, scene.now) == []
    assert close(scene) == []
    said = scene.wait(LAST_WORD_S)
    assert show(said) == ["200", "BYE"]
    scene.hear(answer(requests(said)[0], 200))
    assert not scene.agent.ending()
    assert scene.wait(40) == []  # neither its answer nor the end is said again
    assert len(scene.agent) == 0


def test_one_whose_acknowledgement_is_late_is_told_once() -> None:
    scene = Scene()
    dialog = answered(scene)
    close(scene)
    scene.wait(0.1)
    (bye,) = requests(scene.hear(request("ACK", branch="z9hG4bK-ack", to=dialog)))
    assert bye.method == "BYE"
    scene.hear(answer(bye, 200))
    assert "BYE" not in show(scene.wait(40))
    assert not scene.agent.ending()


def test_one_that_rings_here_is_refused_until_it_knows() -> None:
    scene = Scene()
    scene.called()
    assert [each.status for each in responses(close(scene))] == [503]
    assert show(scene.wait(0.5)) == ["503"]
    assert scene.agent.ending()
    scene.hear(request("ACK", to="id-1"))
    assert not scene.agent.ending()


def test_a_refusal_within_a_call_ends_none() -> None:
    scene = Scene()
    dialog = scene.talking()
    scene.within("INVITE", sdp=OFFER, headers=(("Contact", "<sip:ann@192.0.2.9>"),))
    scene.agent.refuse_offer(dialog, 488, scene.now)
    scene.within("BYE", 3)
    assert not scene.agent.ending()


def dialled(scene: Scene) -> Request:
    _, actions = scene.agent.invite("sip:bob@example.com", OFFER, PHONE, scene.now, from_uri="sip:a@example.com")
    return requests(actions)[0]


def test_one_that_rings_there_is_cancelled() -> None:
    scene = Scene()
    invited = dialled(scene)
    scene.hear(answer(invited, 180))
    (cancel,) = requests(close(scene))
    assert cancel.method == "CANCEL"
    assert told(scene.hear(answer(invited, 487)), Refused).status == 487
    assert scene.agent.ending()
    scene.hear(answer(cancel, 200))
    assert not scene.agent.ending()


def test_one_that_has_not_rung_there_is_cancelled_at_its_first_sign_of_life() -> None:
    scene = Scene()
    invited = dialled(scene)
    assert close(scene) == []
    assert show(scene.wait(0.5)) == ["INVITE"]
    assert scene.agent.ending()
    assert show(scene.hear(answer(invited, 180))) == ["CANCEL"]


def test_one_that_comes_now_is_told_to_try_later() -> None:
    scene = Scene()
    close(scene)
    (refused,) = responses(scene.hear(invite()))
    assert (refused.status, refused.get("retry-after")) == (503, "10")
    assert not scene.agent.ending()


def test_what_its_own_call_asks_for_is_refused() -> None:
    scene = Scene()
    dialog = scene.talking()
    close(scene)
    assert show(scene.within("INVITE", sdp=OFFER, headers=(("Contact", "<sip:ann@192.0.2.9>"),))) == ["481"]
    with pytest.raises(NoSuchCall):
        scene.agent.bye(dialog, scene.now)


class Handset(asyncio.DatagramProtocol):
    """A phone made by hand. It is deaf to the first so many of each: methods, and `s` with a status."""

    def __init__(self, **deaf: int) -> None:
        self.got: list[str] = []
        self.over = asyncio.Event()
        self.acknowledges = True
        self._deaf = deaf

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        message = parse(data)
        word = f"s{message.status}" if isinstance(message, Response) else message.method
        self.got.append(word)
        if self._deaf.get(word):
            self._deaf[word] -= 1
        elif isinstance(message, Request):
            self._asked(message, address)
        elif message.final and self.acknowledges:
            self._acknowledge(message, address)

    def call(self, port: int) -> None:
        """The server."""
        self._say(request("INVITE", sdp=OFFER, headers=(("Contact", HERE),), host="127.0.0.1"), ("127.0.0.1", port))

    def _acknowledge(self, answered: Response, address: tuple[str, int]) -> None:
        branch = "z9hG4bK-1" if answered.status >= 300 else "z9hG4bK-ack"
        self._say(request("ACK", branch=branch, to=answered.to.tag or "", host="127.0.0.1"), address)
        if answered.status >= 300:
            self.over.set()

    def _say(self, data: bytes, address: tuple[str, int]) -> None:
        self._transport.sendto(data.replace(b"127.0.0.1:5060", b"127.0.0.1:%d" % self.port), address)

    def _asked(self, asked: Request, address: tuple[str, int]) -> None:
        if asked.method == "INVITE":
            self._invited = asked
            self._transport.sendto(answer(asked, 180), address)
            return
        if asked.method != "ACK":
            self._transport.sendto(bytes(reply(asked, 200)), address)
        if asked.method == "CANCEL":
            self._transport.sendto(answer(self._invited, 487), address)
        if asked.method in ("BYE", "CANCEL"):
            self.over.set()


class Stage:
    """An endpoint that is up, and a phone beside it."""

    def __init__(self, phone: Handset, goodbye_s: float) -> None:
        numbers = count(1)
        self.agent = UserAgent(Options(everybody=True, secret=b"known"), lambda: f"id{next(numbers)}")
        self.endpoint = Endpoint(self.agent, [("udp", "127.0.0.1", 0)], self._heard, goodbye_s=goodbye_s)
        self.phone = phone
        self._rings: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def _heard(self, news: News) -> None:
        if isinstance(news, Invited):
            self._rings.set_result(news.dialog)

    async def called(self) -> str:
        """The phone calls."""
        self.phone.call(self.endpoint.places[0][2])
        return await asyncio.wait_for(self._rings, PATIENCE_S)

    async def answered(self) -> None:
        """The phone calls, and is answered."""
        dialog = await self.called()
        self.endpoint.perform(self.agent.answer(dialog, ANSWER, self.endpoint.now()))

    async def calls(self) -> None:
        """It is called."""
        uri = f"sip:bob@127.0.0.1:{self.phone.port}"
        flow = await self.endpoint.flow_to(uri)
        _, actions = self.agent.invite(uri, OFFER, flow, self.endpoint.now(), from_uri="sip:a@example.com")
        self.endpoint.perform(actions)

    async def stops(self) -> None:
        """The server stops. By then the phone has been told: what was sent before that still comes."""
        await self.endpoint.aclose()
        await asyncio.wait_for(self.phone.over.wait(), PATIENCE_S)


@asynccontextmanager
async def stage(phone: Handset, goodbye_s: float = PATIENCE_S) -> AsyncIterator[Stage]:
    """With sockets of its own."""
    made = Stage(phone, goodbye_s)
    await made.endpoint.start()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: phone, local_addr=("127.0.0.1", 0))
    try:
        yield made
    finally:
        await made.endpoint.aclose()
        transport.close()


def test_a_bye_that_was_lost_is_said_again_before_the_sockets_close() -> None:
    async def scenario() -> None:
        async with stage(Handset(BYE=1)) as made:
            await made.answered()
            await made.stops()
            assert made.phone.got.count("BYE") >= 2

    asyncio.run(scenario())


def test_a_phone_that_never_acknowledges_is_hung_up_on() -> None:
    async def scenario() -> None:
        async with stage(Handset()) as made:
            made.phone.acknowledges = False
            await made.answered()
            await made.stops()
            assert "BYE" in made.phone.got

    asyncio.run(scenario())


def test_a_refusal_that_was_lost_is_said_again() -> None:
    async def scenario() -> None:
        async with stage(Handset(s503=1)) as made:
            await made.called()
            await made.stops()
            assert made.phone.got.count("s503") >= 2

    asyncio.run(scenario())


def test_a_phone_that_has_not_heard_of_its_call_yet_is_cancelled() -> None:
    async def scenario() -> None:
        async with stage(Handset(INVITE=1)) as made:
            await made.calls()
            await made.stops()
            assert made.phone.got[:3] == ["INVITE", "INVITE", "CANCEL"]

    asyncio.run(scenario())


def test_a_phone_that_is_gone_is_not_waited_for_for_long(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with stage(Handset(BYE=1000), goodbye_s=0.1) as made:
            await made.answered()
            await made.endpoint.aclose()
            assert made.agent.ending()
            assert "has not answered the end of its call" in caplog.text

    asyncio.run(scenario())


def test_where_nobody_calls_nobody_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with stage(Handset(), goodbye_s=0.0):
            pass

    asyncio.run(scenario())
    assert caplog.text == ""

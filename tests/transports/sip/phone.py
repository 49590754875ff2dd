"""A telephone on this machine: the same signalling and media that the server has, on the other side of the sockets."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TypeVar

from tests.patience import PATIENCE_S
from tests.transports.sip.handset import HOST, Session

from vivavoce.audio.pcm import Pcm
from vivavoce.transports.sip import actions as sip
from vivavoce.transports.sip.agent import UserAgent
from vivavoce.transports.sip.endpoint import Endpoint
from vivavoce.transports.sip.media import Media, Studio
from vivavoce.transports.sip.media import Options as MediaOptions
from vivavoce.transports.sip.message import Request, Response, parse, reply
from vivavoce.transports.sip.options import Options

AGAIN = 900
"""The number of a re-INVITE."""
ME = f"sip:alice@{HOST}"
News = TypeVar("News", bound=sip.News)


class Obedient(Endpoint):
    """Follows a REFER, and reports this status: it does not really call anybody."""

    status = 0
    """0: transfers are nothing it knows."""
    target: str | None = None
    """Whom it was asked to call."""

    def __init__(self, agent: UserAgent, told: Callable[[sip.News], None]) -> None:
        super().__init__(agent, [("udp", HOST, 0)], told)
        self.replies: asyncio.Queue[Response] = asyncio.Queue()

    _ack: tuple[Request, sip.Flow] | None = None

    def offer_again(self, sdp: str | None) -> None:
        """A re-INVITE, once in a call; the answer goes to `replies`, and gets no ACK."""
        assert self._ack is not None
        ack, flow = self._ack
        again = {"via": f"SIP/2.0/UDP {HOST}:{flow.local[1]};branch=z9hG4bK{secrets.token_hex(8)};rport"}
        again["cseq"] = f"{AGAIN} INVITE"
        headers = [(name, again.get(name.lower(), value)) for name, value in ack.headers]
        body = (sdp or "").encode()
        described = [("Content-Type", "application/sdp")] if body else []
        headers = [*(each for each in headers if each[0].lower() != "content-length"), *described]
        self.perform([sip.Send(bytes(Request((*headers, ("Contact", f"<{ack.uri}>")), body, "INVITE", ack.uri)), flow)])

    def perform(self, actions: Iterable[sip.Action]) -> None:
        """As ever; of the ACK it learns how requests of its call look."""
        todo = list(actions)
        for action in todo:
            if isinstance(action, sip.Send) and action.data.startswith(b"ACK "):
                ack = parse(action.data)
                assert isinstance(ack, Request)
                self._ack = ack, action.flow
        super().perform(todo)

    def _received(self, data: bytes, flow: sip.Flow) -> None:
        answer = parse(data) if data.startswith(b"SIP/2.0") else None
        if isinstance(answer, Response) and answer.cseq == (AGAIN, "INVITE"):
            if answer.final:
                self.replies.put_nowait(answer)
            return
        if not self.status or not data.startswith(b"REFER "):
            super()._received(data, flow)
            return
        refer = parse(data)
        assert isinstance(refer, Request)
        self.target = refer.get("refer-to")
        number, _ = refer.cseq
        headers = {name.lower(): value for name, value in refer.headers}
        told = (
            ("Via", f"SIP/2.0/UDP {HOST}:{flow.local[1]};branch=z9hG4bK{secrets.token_hex(8)};rport"),
            ("From", headers["to"]),
            ("To", headers["from"]),
            ("Call-ID", headers["call-id"]),
            ("CSeq", f"{1000 + number} NOTIFY"),
            ("Max-Forwards", "70"),
            ("Event", "refer"),
            ("Subscription-State", "terminated;reason=noresource"),
            ("Content-Type", "message/sipfrag"),
        )
        uri = refer.get("contact") or ""
        notify = Request(told, f"SIP/2.0 {self.status} So it went".encode(), "NOTIFY", uri.strip("<>"))
        self.perform([sip.Send(bytes(reply(refer, 202)), flow), sip.Send(bytes(notify), flow)])


class Phone:
    """One telephone, and at most one call at a time."""

    def __init__(self, options: Options | None = None, media: MediaOptions | None = None) -> None:
        agent = UserAgent(options or Options(everybody=True), lambda: secrets.token_hex(8))
        self.endpoint = Obedient(agent, self._heard)
        self.ear = Session()
        """What comes over the line."""
        self.media: Media | None = None
        self.dialog = ""
        self._studio = Studio(media or MediaOptions(host=HOST))
        self._news: asyncio.Queue[sip.News] = asyncio.Queue()

    @property
    def uri(self) -> str:
        """Where it is called."""
        return f"sip:phone@{HOST}:{self.endpoint.places[0][2]}"

    async def dial(self, port: int, called: str = "100", headers: sip.Headers = ()) -> None:
        """Call somebody at a port of this machine; it rings there, or is refused."""
        agent, uri = self.endpoint.agent, f"sip:{called}@{HOST}:{port}"
        flow = await self.endpoint.flow_to(uri)
        self.media, offer = await self._studio.offering(HOST)
        self.dialog, actions = agent.invite(uri, offer, flow, self.endpoint.now(), from_uri=ME, headers=headers)
        self.endpoint.perform(actions)

    async def answered(self) -> None:
        """The other side has answered; both can speak."""
        answer = await self.until(sip.Answered)
        assert self.media is not None
        self.media.accept(answer.sdp)
        self._talk()

    async def pick_up(self) -> None:
        """Answer the call that comes."""
        call = await self.until(sip.Invited)
        assert call.offer is not None
        self.dialog = call.dialog
        self.media, answer = await self._studio.answering(call.offer, HOST)
        self.endpoint.perform(self.endpoint.agent.answer(self.dialog, answer, self.endpoint.now()))
        self._talk()

    async def refuse(self, status: int) -> None:
        """Do not answer the call that comes."""
        call = await self.until(sip.Invited)
        self.endpoint.perform(self.endpoint.agent.reject(call.dialog, status, self.endpoint.now()))

    def cancel(self) -> None:
        """Give up before anybody answers."""
        self.endpoint.perform(self.endpoint.agent.cancel(self.dialog, self.endpoint.now()))

    def hang_up(self) -> None:
        """End the call."""
        self.endpoint.perform(self.endpoint.agent.bye(self.dialog, self.endpoint.now()))

    def say(self, pcm: Pcm) -> None:
        """At 24 kHz, paced by the line."""
        assert self.media is not None
        self.media.line.play("said", pcm.to_bytes())

    async def until(self, kind: type[News]) -> News:
        """The next news of a kind; what comes before is skipped."""
        async with asyncio.timeout(PATIENCE_S):
            while not isinstance(news := await self._news.get(), kind):
                pass
        return news

    async def heard(self, ms: int) -> None:
        """At least so much has been said to it."""
        async with asyncio.timeout(PATIENCE_S):
            while self.ear.loud_ms < ms:  # noqa: ASYNC110  # audio sets no event
                await asyncio.sleep(0.02)

    async def aclose(self) -> None:
        """It is switched off."""
        if self.media is not None:
            await self.media.aclose()
        await self.endpoint.aclose()

    def _talk(self) -> None:
        assert self.media is not None
        self.media.line.open(self.ear)
        self.media.start()

    def _heard(self, news: sip.News) -> None:
        self._news.put_nowait(news)


@asynccontextmanager
async def phone(options: Options | None = None, media: MediaOptions | None = None) -> AsyncIterator[Phone]:
    """A telephone that is switched on."""
    made = Phone(options, media)
    await made.endpoint.start()
    try:
        yield made
    finally:
        await made.aclose()

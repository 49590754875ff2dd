"""A telephone whose signalling, media and sessions are scripted: what it was told to do, and news for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Literal

import msgspec
from msgspec.structs import replace
from tests.runtime.hosting import CAN, SETTINGS, engines
from tests.runtime.test_call import FakeLine

from vivavoce.core.ids import CountingIds
from vivavoce.core.opening import bound
from vivavoce.core.session import Session
from vivavoce.protocol.errors import ProtocolError
from vivavoce.protocol.session import AnySessionPatch, SessionObject
from vivavoce.protocol.translation import TranslationRequest, TranslationSession
from vivavoce.runtime.connection import Connection
from vivavoce.runtime.line import Call, Ear
from vivavoce.runtime.runner import Runner
from vivavoce.testing.fakes import ScriptedResponder
from vivavoce.transports.auth import Allowed, Auth
from vivavoce.transports.sip import actions as sip
from vivavoce.transports.sip.sdp import SdpError
from vivavoce.transports.sip.telephone import Policy, Telephone
from vivavoce.transports.sip.webhooks import Hook, Post, Webhooks

FLOW = sip.Flow("udp", ("192.0.2.1", 5060), ("192.0.2.9", 5060))
HEADERS = (("From", "<sip:alice@example.com>;tag=1"), ("X-Queue", "pizza"))
PROJECT = "sales"


class PhoneLine(FakeLine):
    """A line that knows when its session has begun and ended."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = asyncio.Event()
        self.stopped = False

    def open(self, ear: Ear) -> None:
        super().open(ear)
        self.opened.set()

    def stop(self) -> None:
        self.stopped = True
        self.ear = None


class FakeMedia:
    """Media that agrees to everything but the SDP "bad"."""

    def __init__(self) -> None:
        self.line = PhoneLine()
        self.gone = asyncio.Event()
        self.told: list[str] = []

    def start(self) -> None:
        self.told.append("start")

    def offer(self) -> str:
        return "offer"

    def accept(self, answer: str) -> None:
        if answer == "bad":
            raise SdpError("No codec in common.")
        self.told.append(f"accept {answer}")

    def reoffered(self, sdp: str) -> str:
        if sdp == "bad":
            raise SdpError("No codec in common.")
        return f"answer to {sdp}"

    async def aclose(self) -> None:
        self.line.stop()
        self.told.append("close")


class FakeStudio:
    """Makes media. `door` holds back whoever asks for some."""

    def __init__(self) -> None:
        self.made: list[FakeMedia] = []
        self.door = asyncio.Event()
        self.door.set()
        self.full = False
        self.other_family = False

    def security(self, offer: str) -> Literal["rtp", "srtp"]:
        if offer == "bad":
            raise SdpError("No codec in common.")
        return "srtp" if offer == "secure" else "rtp"

    async def answering(self, offer: str, signalled: str = "") -> tuple[FakeMedia, str]:
        assert signalled == FLOW.remote[0]
        if offer == "worse":
            raise SdpError("It looked better.")
        if offer == "bug":
            raise RuntimeError("a bug")
        return await self._make(), f"answer to {offer}"

    async def offering(self, towards: str = "") -> tuple[FakeMedia, str]:
        assert towards == FLOW.remote[0]
        if self.other_family:
            raise SdpError("Media travels over IPv4 here.")
        return await self._make(), "offer"

    async def _make(self) -> FakeMedia:
        await self.door.wait()
        if self.full:
            raise OSError("No port is free.")
        self.made.append(FakeMedia())
        return self.made[-1]


class FakeSwitch:
    """Keeps what it was told, and refuses what is not possible in a dialog's state."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.gone: set[str] = set()
        """Dialogs whose peer has ended them."""
        self.down = False
        self.broken = False

    def ring(self, dialog: str) -> None:
        self._tell("ring", dialog)

    def answer(self, dialog: str, sdp: str) -> None:
        self._tell("answer", dialog, sdp)

    def reject(self, dialog: str, status: int, reason: str = "", headers: sip.Headers = ()) -> None:
        self._tell("reject", dialog, str(status), *(f"{name}: {value}" for name, value in headers))
        self.gone.add(dialog)

    def bye(self, dialog: str) -> None:
        if self.broken:
            raise RuntimeError("a bug")
        self._tell("bye", dialog)
        self.gone.add(dialog)

    def refer(self, dialog: str, target: str) -> None:
        self._tell("refer", dialog, target)

    def answer_offer(self, dialog: str, sdp: str) -> None:
        self._tell("answer_offer", dialog, sdp)

    def refuse_offer(self, dialog: str, status: int) -> None:
        self._tell("refuse_offer", dialog, str(status))

    async def reach(self, uri: str) -> sip.Flow:
        if self.down:
            raise OSError("Network is unreachable")
        return FLOW

    def invite(self, uri: str, sdp: str, flow: sip.Flow, headers: sip.Headers = ()) -> str:
        if "," in uri:
            raise ProtocolError("invalid_value", "That is no address.", param="uri")
        assert flow == FLOW
        self.told.append(" ".join(("invite", uri, sdp, *(f"{name}: {value}" for name, value in headers))))
        return "out"

    def cancel(self, dialog: str) -> None:
        self._tell("cancel", dialog)
        self.gone.add(dialog)

    def _tell(self, verb: str, dialog: str, *more: str) -> None:
        if dialog in self.gone:
            raise sip.NoSuchCall(dialog)
        self.told.append(" ".join((verb, dialog, *more)))


class FakeHost:
    """Runs real sessions, with a responder that gives the scripted answers."""

    def __init__(self, responder: ScriptedResponder | None = None) -> None:
        self.auth = Auth()
        self.room = 100
        self.sessions: dict[str, Runner] = {}
        self.brought: list[SessionObject | None] = []
        self._can = replace(CAN, tools=True)
        self._engines = engines(responder=responder)
        self.refused = self._engines.responder.refused

    def check_room(self, project: str | None) -> None:
        if len(self.sessions) >= self.room:
            raise ProtocolError("overloaded", "All sessions are taken.", kind="server_error")

    def bind(
        self, wanted: AnySessionPatch | msgspec.UnsetType | TranslationRequest
    ) -> SessionObject | TranslationSession:
        assert not isinstance(wanted, TranslationRequest)
        return bound(wanted, "sess_1", "gpt-realtime", "alloy", self._can)

    def find(self, call_id: str, project: str | None) -> Runner | None:
        return self.sessions.get(call_id)

    async def run(
        self, kind: str, model: str | None, allowed: Allowed, connection: Connection, call: Call | None
    ) -> None:
        assert call is not None
        self.brought.append(call.session)
        now = asyncio.get_running_loop().time()
        core = Session(call.session or SETTINGS, replace(self._can, media=True), CountingIds(), now, 3600.0)
        runner = Runner(core, connection, self._engines, line=call.line)
        self.sessions[call.id] = runner
        try:
            await runner.run()
        finally:
            del self.sessions[call.id]


class Taker:
    """A webhook endpoint that takes everything."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.closed = False

    async def send(self, headers: Mapping[str, str], body: bytes) -> int:
        self.bodies.append(body)
        return 200

    async def aclose(self) -> None:
        self.closed = True

    @property
    def call_id(self) -> str:
        """Of the latest call that it was told of."""
        found: str = msgspec.json.decode(self.bodies[-1])["data"]["call_id"]
        return found


class Exchange:
    """A telephone and everything around it."""

    def __init__(self, policy: Policy, host: FakeHost, posts: Sequence[tuple[Post, str | None]]) -> None:
        self.host = host
        self.switch = FakeSwitch()
        self.studio = FakeStudio()
        hooks = [Hook(f"https://{index}.example", b"key", project) for index, (_, project) in enumerate(posts)]
        by_url = {hook.url: post for hook, (post, _) in zip(hooks, posts, strict=True)}
        webhooks = Webhooks(hooks, lambda hook: by_url[hook.url])
        self.telephone = Telephone(host, self.switch, self.studio, webhooks, policy)
        self.desk = self.telephone.decisions

    async def invited(self, dialog: str = "in", offer: str | None = "sdp", called: str = "sip:100@example.com") -> None:
        """Somebody calls; what follows at once has happened."""
        caller = "sip:alice@example.com"
        self.telephone.news(sip.Invited(dialog, HEADERS, offer, caller, called, FLOW))
        await settled()

    async def news(self, news: sip.News) -> None:
        """Something else happens; what follows at once has happened."""
        if isinstance(news, sip.Cancelled | sip.Ended | sip.Refused):
            self.switch.gone.add(news.dialog)
        self.telephone.news(news)
        await settled()

    @property
    def media(self) -> FakeMedia:
        """Of the latest call."""
        return self.studio.made[-1]

    def session(self, call_id: str) -> Runner:
        """Of a call that talks."""
        return self.host.sessions[call_id]

    @property
    def empty(self) -> bool:
        """Nothing is left: no call, no session, and no media that is open."""
        closed = all(media.told[-1] == "close" and media.line.stopped for media in self.studio.made)
        return not len(self.telephone) and not self.host.sessions and closed


@asynccontextmanager
async def exchange(
    policy: Policy | None = None,
    *posts: Post,
    project: str | None = None,
    responder: ScriptedResponder | None = None,
) -> AsyncIterator[Exchange]:
    """Afterwards it is closed, and nothing is left. `project`: whose all webhooks are."""
    before = asyncio.all_tasks()
    made = Exchange(policy or Policy(), FakeHost(responder), [(post, project) for post in posts])
    yield made
    # The server ends the sessions before the telephone.
    for session in list(made.host.sessions.values()):
        session.stop(1001, "server is shutting down")
    await settled()
    await made.telephone.aclose()
    assert made.empty
    await settled()
    assert asyncio.all_tasks() == before


async def settled() -> None:
    """Everything has happened that waits for no time."""
    for _ in range(50):
        await asyncio.sleep(0)

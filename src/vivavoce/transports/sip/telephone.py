"""Takes telephone calls and makes them: who decides about each, and what was decided (PROTOCOL.md 1.5, 6)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import assert_never

import msgspec

from vivavoce.protocol.errors import ProtocolError
from vivavoce.runtime.ids import RandomIds
from vivavoce.transports.sip import actions as sip
from vivavoce.transports.sip.actions import NoSuchCall
from vivavoce.transports.sip.connector import Connector
from vivavoce.transports.sip.decisions import Decisions
from vivavoce.transports.sip.needs import Host, Security, Studio, Switch
from vivavoce.transports.sip.phone_call import Nobody, PhoneCall
from vivavoce.transports.sip.roster import CallError, Roster
from vivavoce.transports.sip.rules import Rule, first, user_of
from vivavoce.transports.sip.sdp import SdpError
from vivavoce.transports.sip.webhooks import Webhooks, incoming

_log = logging.getLogger(__name__)
RETRY_S = 30
"""After which a caller may try again where there was no room."""
GREETING = msgspec.json.encode({"type": "response.create"}).decode()

OfCall = (
    sip.Confirmed | sip.Cancelled | sip.Offered | sip.Ended | sip.Transfer | sip.Progress | sip.Answered | sip.Refused
)
"""News of a call that is known."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the configuration says about calls."""

    rules: Sequence[Rule] = ()
    projects: frozenset[str] = frozenset()
    """Whose calls are those to a number of that name."""
    answer_within_s: float = 30.0
    """Until somebody must have decided."""
    may_call: Sequence[str] = ()
    """Patterns of URIs; none: no calls are made."""


class Telephone:
    """The telephone calls of one server."""

    def __init__(self, host: Host, switch: Switch, studio: Studio, webhooks: Webhooks, policy: Policy) -> None:
        self._host = host
        self._switch = switch
        self._studio = studio
        self._webhooks = webhooks
        self._policy = policy
        self.rules: Sequence[Rule] = policy.rules
        self._roster = Roster()
        self._connector = Connector(host, switch, studio, self._roster)
        self.decisions = Decisions(self._roster, self._connector, switch, policy.may_call)
        """For applications."""

    def __len__(self) -> int:
        return len(self._roster)

    async def aclose(self) -> None:
        """Reject what still rings, and wait until every call is off the network, now that its session is over."""
        for call in self._roster:
            if call.state == "ringing":
                call.reject(503)
            call.leave("The server is shutting down.")
        await self._roster.aclose()
        await self._webhooks.aclose()

    # --- what the signalling tells ---

    def news(self, news: sip.News) -> None:
        """Something happened on the wire."""
        match news:
            case sip.Invited():
                self._invited(news)
            case sip.Registered():
                _log.info("registered as %s", news.name)
            case sip.RegistrationFailed():
                _log.warning("registration of %s failed with %d", news.name, news.status)
            case sip.Unregistered():
                _log.info("no longer registered as %s", news.name)
            case _:
                if call := self._roster.on(news.dialog):
                    self._happened(call, news)

    def _happened(self, call: PhoneCall, news: OfCall) -> None:
        match news:
            case sip.Cancelled():
                call.over("The caller has hung up.")
            case sip.Ended():
                call.over("The caller has hung up." if news.reason == "bye" else f"The call broke off: {news.reason}.")
            case sip.Refused():
                call.over(f"Not answered: {news.status} {news.reason}".strip())
            case sip.Confirmed(sdp=str() as sdp):
                self._answered(call, sdp)
            case sip.Answered() if call.state == "dialling":
                call.state = "answered"
                self._answered(call, news.sdp)
            case sip.Answered():
                self._refreshed(call, news.sdp)
            case sip.Offered():
                self._reoffered(call, news.sdp)
            case sip.Transfer():
                self._transferred(call, news)
            case sip.Confirmed() | sip.Progress():
                return
            case _:
                assert_never(news)

    def _invited(self, news: sip.Invited) -> None:
        rule = first(self.rules, news.to_uri, news.from_uri, news.headers)
        named = user_of(news.to_uri)
        project = rule.project if rule else None
        if project is None and named in self._policy.projects:
            project = named
        call = PhoneCall(
            RandomIds()("rtc"),
            news.dialog,
            self._switch,
            project,
            headers=news.headers,
            offer=news.offer,
            peer=news.flow.remote[0],
        )
        try:
            self._host.check_room(project)
            security = self._studio.security(news.offer) if news.offer is not None else None
        except ProtocolError:
            call.reject(503, headers=(("Retry-After", str(RETRY_S)),))
        except SdpError as error:
            call.reject(error.status)
        else:
            self._roster.enter(call)
            self._switch.ring(call.dialog)
            self._decide(call, rule, security)

    def _decide(self, call: PhoneCall, rule: Rule | None, security: Security | None) -> None:
        """Nobody is asked where a rule says what to do."""
        if rule is not None and rule.then == "reject":
            call.reject(rule.status)
        elif rule is not None and rule.then == "accept":
            self._roster.spawn(self._accept_by(rule, call))
        elif not self._webhooks.any_for(call.project):
            call.reject(480)
        else:
            self._roster.spawn(self._ask(call, security))
        if call.state == "over":
            self._roster.leave(call)

    async def _accept_by(self, rule: Rule, call: PhoneCall) -> None:
        if rule.greet:
            call.client = Nobody(GREETING)
        try:
            await self._connector.answer(call, rule.session)
        except (CallError, ProtocolError) as error:
            _log.info("call %s was not accepted: %s", call.id, error.message)
            call.leave("There was no room.")
            self._roster.leave(call)

    async def _ask(self, call: PhoneCall, security: Security | None) -> None:
        """Tell the applications, until one of them has decided, the caller has given up, or it takes too long."""
        ids = RandomIds()
        body = incoming(ids("evt"), call.id, call.headers, security, int(time.time()))
        telling = self._roster.spawn(self._webhooks.tell(call.project, ids("wh"), body))
        try:
            async with asyncio.timeout(self._policy.answer_within_s):
                await call.settled.wait()
        except TimeoutError:
            call.reject(480)
        finally:
            telling.cancel()
            await asyncio.wait({telling})
        if call.state == "over":
            self._roster.leave(call)

    def _transferred(self, call: PhoneCall, news: sip.Transfer) -> None:
        if not news.final:
            return
        call.transferring = False
        if news.status < 300:
            call.leave("The call was transferred.")
        else:
            _log.info("call %s: the transfer failed with %d; the call goes on", call.id, news.status)

    def _answered(self, call: PhoneCall, sdp: str) -> None:
        """The answer to an offer of this side: with the ACK, or with the 200 to a call that was made here."""
        assert call.media is not None, "an offer of ours is made with its media"
        try:
            call.media.accept(sdp)
        except SdpError as error:
            _log.info("call %s: no media was agreed on: %s", call.id, error)
            call.leave("No media was agreed on.")
        else:
            call.media.start()

    def _refreshed(self, call: PhoneCall, sdp: str) -> None:
        """This side has repeated what holds, to keep the session alive, and the peer has something else to say."""
        assert call.media is not None, "only answered calls are kept alive"
        try:
            call.media.accept(sdp)
        except SdpError as error:
            _log.info("call %s: its media stays as it was: %s", call.id, error)

    def _reoffered(self, call: PhoneCall, sdp: str | None) -> None:
        """Answered in the same step: between the new media and the answer the peer must not withdraw its offer."""
        assert call.media is not None, "only answered calls have further offers"
        with suppress(NoSuchCall):
            if sdp is None:
                self._switch.answer_offer(call.dialog, call.media.offer())
                return
            try:
                answer = call.media.reoffered(sdp)
            except SdpError as error:
                self._switch.refuse_offer(call.dialog, error.status)
            else:
                self._switch.answer_offer(call.dialog, answer)

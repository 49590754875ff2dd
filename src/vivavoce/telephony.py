"""The telephone of a server, made from its configuration."""

from __future__ import annotations

import secrets
import ssl
from ipaddress import ip_network
from typing import cast

from msgspec import convert
from starlette.routing import BaseRoute

from vivavoce import __version__
from vivavoce.config import Config
from vivavoce.config.phone import Rule as RuleSettings
from vivavoce.config.sip import Sip
from vivavoce.config.sip_media import port_range
from vivavoce.ports import EngineError
from vivavoce.protocol.errors import ProtocolError
from vivavoce.protocol.session import SessionObject, SessionPatch
from vivavoce.runtime.tool_check import check_all
from vivavoce.serving import tls_context
from vivavoce.transports.sip.actions import Login, Transport
from vivavoce.transports.sip.agent import UserAgent
from vivavoce.transports.sip.calls import CallRoutes
from vivavoce.transports.sip.decisions import Decisions
from vivavoce.transports.sip.endpoint import Endpoint, Place
from vivavoce.transports.sip.media import Options as MediaOptions
from vivavoce.transports.sip.media import Studio
from vivavoce.transports.sip.needs import Host
from vivavoce.transports.sip.negotiation import Terms
from vivavoce.transports.sip.options import Options
from vivavoce.transports.sip.ports import Ports
from vivavoce.transports.sip.registration import Account
from vivavoce.transports.sip.rules import Rule
from vivavoce.transports.sip.switch import AgentSwitch
from vivavoce.transports.sip.telephone import Policy, Telephone
from vivavoce.transports.sip.webhooks import Hook, Webhooks, key_of


class Telephony:
    """SIP endpoint, media and decisions of one server."""

    def __init__(self, config: Config, host: Host) -> None:
        """Raises `EngineError` for a certificate that cannot be used."""
        self._sip = config.sip
        self._host = host
        agent = UserAgent(_agent_options(self._sip), lambda: secrets.token_hex(16))
        tls, trust = _tls(self._sip)
        self.endpoint = Endpoint(
            agent,
            [_place(each) for each in self._sip.listen],
            # The endpoint tells the telephone, and the telephone asks the endpoint: one of them is made first.
            lambda news: self.telephone.news(news),
            tls=tls,
            trust=trust,
            max_connections=self._sip.max_connections,
        )
        outbound = self._sip.outbound
        login = Login(outbound.username, outbound.password) if outbound.username and outbound.password else None
        switch = AgentSwitch(self.endpoint, outbound.caller, login)
        studio = Studio(media_options(self._sip))
        policy = Policy((), frozenset(config.projects), self._sip.answer_within_s, outbound.allow)
        self.telephone = Telephone(host, switch, studio, Webhooks(_hooks(self._sip)), policy)

    @property
    def decisions(self) -> Decisions:
        """For applications."""
        return self.telephone.decisions

    def routes(self) -> list[BaseRoute]:
        """For Starlette, before those of calls from browsers."""
        return CallRoutes(self._host, self.decisions).routes()

    async def start(self) -> None:
        """Take calls. Raises `EngineError` for a rule that the engines cannot follow, or an address that is taken."""
        self.telephone.rules = [await self._rule(index, rule) for index, rule in enumerate(self._sip.rules)]
        try:
            await self.endpoint.start()
        except OSError as error:
            raise EngineError("engine_unavailable", f"sip.listen: {error.strerror or error}.") from None
        for name, each in self._sip.registrations.items():
            user = each.address.partition(":")[2].partition("@")[0]
            host = each.address.rpartition("@")[2]
            scheme = each.address.partition(":")[0]
            self.endpoint.register(
                Account(
                    name=name,
                    registrar=each.registrar or f"{scheme}:{host}",
                    address=each.address,
                    login=Login(each.username or user, each.password or ""),
                    expires_s=each.expires_s,
                )
            )

    async def aclose(self) -> None:
        """End all calls, whose sessions are over, and leave the network."""
        await self.telephone.aclose()
        await self.endpoint.aclose()

    async def _rule(self, index: int, rule: RuleSettings) -> Rule:
        try:
            session = self._host.bind(convert({"type": "realtime", **rule.session}, SessionPatch))
            assert isinstance(session, SessionObject), "no translation can be asked for here"
            await check_all(session.tools, "session.tools", self._host.refused)
        except ProtocolError as error:
            raise EngineError("engine_unavailable", f"sip.rules[{index}]: {error.message}") from None
        return Rule(
            then=rule.then,
            called=rule.called,
            caller=rule.caller,
            headers=tuple(rule.header.items()),
            project=rule.project,
            status=rule.status,
            session=session,
            greet=rule.greet,
        )


def _place(text: str) -> Place:
    transport, _, address = text.partition(":")
    host, _, port = address.rpartition(":")
    return cast(Transport, transport), host.strip("[]"), int(port)


def _agent_options(sip: Sip) -> Options:
    return Options(
        public_address=sip.public_address,
        # The configuration has been checked: without any of them, only this machine can call.
        everybody=not sip.allow and not sip.users and not sip.registrations,
        allow=tuple(ip_network(each, strict=False) for each in sip.allow),
        users={name: user.password or "" for name, user in sip.users.items()},
        realm=sip.realm,
        digests=sip.digests,
        secret=secrets.token_bytes(32),
        max_ringing=sip.max_ringing,
        calls_per_second=sip.calls_per_second,
        session_expires_s=sip.session_expires_s,
        ring_s=sip.outbound.ring_s,
        user_agent=f"vivavoce/{__version__}",
    )


def media_options(sip: Sip) -> MediaOptions:
    """How the audio of calls travels."""
    media = sip.media
    return MediaOptions(
        ports=Ports(*port_range(media.ports)) if media.ports else Ports(),
        terms=Terms(media.codecs, media.srtp),
        host=media.address,
        public_address=sip.public_address,
        timeout_s=media.timeout_s,
        tones=media.in_band_keys,
    )


def _hooks(sip: Sip) -> list[Hook]:
    return [Hook(each.url, key_of(each.secret or ""), each.project, each.timeout_s) for each in sip.webhooks]


def _tls(sip: Sip) -> tuple[ssl.SSLContext | None, ssl.SSLContext | None]:
    """The certificate of this side, and who is trusted. Raises `EngineError`."""
    tls = trust = None
    try:
        if sip.tls_cert and sip.tls_key and any(each.startswith("tls:") for each in sip.listen):
            tls = tls_context(sip.tls_cert, sip.tls_key)
        if sip.tls_ca:
            trust = ssl.create_default_context(cafile=sip.tls_ca)
    except OSError as error:
        raise EngineError("engine_unavailable", f"sip.tls_cert, sip.tls_ca: {error}.") from None
    return tls, trust

"""Keeps an address registered, so that its calls come here (RFC 3261, 10.2)."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

from vivavoce.transports.sip.actions import Flow, Headers, Login, Registered, RegistrationFailed, Send, Unregistered
from vivavoce.transports.sip.asking import Ask
from vivavoce.transports.sip.fields import Party, SipError, Uri
from vivavoce.transports.sip.framing import PING
from vivavoce.transports.sip.intervals import seconds_of
from vivavoce.transports.sip.message import Request, Response
from vivavoce.transports.sip.office import Office
from vivavoce.transports.sip.timers import Timer

FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 600.0
"""Between two attempts that fail; it doubles, and is shortened by chance so that not everybody comes at once."""
KEEPALIVE_S = 25.0
"""Between two signs of life that hold a NAT open (RFC 5626, 4.4.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An address at a registrar. `registrar` and `address` are URIs; `expires_s` 0: it is no longer wanted."""

    name: str
    registrar: str
    address: str
    login: Login
    expires_s: int = 600


class Registration:
    """One account, for as long as it is wanted."""

    def __init__(self, office: Office, account: Account, flow: Flow) -> None:
        self._office = office
        self._account = account
        self._flow = self._way = flow  # the way of the latest attempt, and of the next one
        self._call_id = office.ids()
        self._tag = office.ids()
        self._number = 0
        self._failures = 0
        self._next: Timer | None = None
        self._keepalive: Timer | None = None

    def start(self, now: float) -> None:
        """Register, and again before it expires."""
        self._stop()
        self._flow = self._way
        Ask(self._office, self._request, self._heard, self._account.login).start(now)

    def change(self, account: Account, flow: Flow, now: float) -> None:
        """Something is different the next time; `expires_s` 0 ends it at once."""
        self._account, self._way = account, flow
        if not account.expires_s:
            self.start(now)

    def lost(self, flow: Flow, now: float) -> None:
        """The connection on which calls would come is gone. A request that waited on it has failed already."""
        if flow == self._flow and self._account.name in self._office.registrars:
            self._stop()
            self._failed(503, now)

    def _request(self, proofs: Headers) -> tuple[Request, Flow]:
        self._number += 1
        address = f"<{self._account.address}>"
        said: Headers = (
            self._office.identity.via(self._flow),
            ("From", f"{address};tag={self._tag}"),
            ("To", address),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._number} REGISTER"),
            ("Max-Forwards", "70"),
            ("Contact", self._contact()),
            ("Expires", str(self._account.expires_s)),
            *self._office.identity.about(),
            *proofs,
        )
        return Request(said, b"", "REGISTER", self._account.registrar), self._flow

    def _contact(self) -> str:
        user = Uri.parse(self._account.address).user or "vivavoce"
        _, contact = self._office.identity.contact(self._flow)
        return contact.replace("vivavoce@", f"{user}@", 1)

    def _heard(self, response: Response, now: float) -> None:
        if not response.final:
            return
        self._stop()
        if response.status == 423 and self._lengthened(response):
            self.start(now)
        elif response.status < 300:
            self._succeeded(response, now)
        elif self._account.expires_s:
            self._failed(response.status, now)
        else:
            self._ended()

    def _lengthened(self, response: Response) -> bool:
        """The registrar grants no shorter time."""
        least = seconds_of(response.get("min-expires")) or 0
        longer = bool(self._account.expires_s) and least > self._account.expires_s
        if longer:
            self._account = replace(self._account, expires_s=least)
        return longer

    def _succeeded(self, response: Response, now: float) -> None:
        self._failures = 0
        if not self._account.expires_s:
            self._ended()
            return
        self._office.registrars[self._account.name] = self._flow.remote[0]
        granted = max(10, self._granted(response))
        refresh = max(granted - 30.0, granted * 0.8)
        self._next = self._office.timers.at(now + refresh, self.start)
        self._keep(now)
        self._office.out.append(Registered(self._account.name, now + granted))

    def _ended(self) -> None:
        self._office.registrars.pop(self._account.name, None)
        self._office.out.append(Unregistered(self._account.name))

    def _granted(self, response: Response) -> int:
        """Seconds: of our own Contact among those that are registered, or of the response."""
        mine = Party.parse(self._contact()).uri
        for contact in response.every("contact"):
            try:
                party = Party.parse(contact)
            except SipError:
                continue
            if party.uri == mine and (seconds := seconds_of(party.parameters.get("expires"))) is not None:
                return seconds
        return seconds_of(response.get("expires")) or self._account.expires_s

    def _failed(self, status: int, now: float) -> None:
        self._office.registrars.pop(self._account.name, None)
        longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**self._failures)
        self._failures = min(self._failures + 1, 16)
        pause = longest * (1 - zlib.crc32(self._office.ids().encode()) / 2**33)
        self._next = self._office.timers.at(now + pause, self.start)
        self._office.out.append(RegistrationFailed(self._account.name, status, now + pause))

    def _keep(self, now: float) -> None:
        self._keepalive = self._office.timers.at(now + KEEPALIVE_S, self._sign)

    def _sign(self, now: float) -> None:
        self._office.out.append(Send(PING, self._flow))
        self._keep(now)

    def _stop(self) -> None:
        for timer in (self._next, self._keepalive):
            if timer is not None:
                timer.cancel()

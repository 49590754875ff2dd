"""Who may call, and how many at once: allowed networks, passwords, and a limit against floods."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from vivavoce.transports.sip.actions import Flow, Headers
from vivavoce.transports.sip.digest import Guard
from vivavoce.transports.sip.guesses import Guesses, place
from vivavoce.transports.sip.message import Request
from vivavoce.transports.sip.office import Office

BURST_S = 2.0
"""Seconds of calls that may come at once."""
FULL_RETRY_S = 10
"""Seconds after which a caller may try again when everything rings."""


@dataclass(frozen=True, slots=True)
class Denial:
    """The status to refuse somebody with."""

    status: int
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Admitted:
    """Come in. `user`: who has proved it with a password."""

    user: str | None = None


class Gate:
    """Decides about everybody that no call is known of."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._options = office.options
        self._guard = Guard(office.options, office.ids)
        self._guesses = Guesses()
        self._tokens = self._most = max(1.0, BURST_S * office.options.calls_per_second)
        self._filled: float | None = None

    def admit(self, request: Request, flow: Flow, now: float) -> Admitted | Denial:
        """By its address, or its password. Of those that are refused only wrong passwords are counted, for a while."""
        if self.trusts(flow):
            return Admitted()
        here = place(flow.remote[0])
        if not self._options.users or self._guesses.too_many(here, now):
            return Denial(403)
        verdict, user = self._guard.check(request, here, now)
        if verdict == "right":
            return Admitted(user)
        if verdict == "wrong":
            self._guesses.wrong(here, now)
            return Denial(403)
        return Denial(401, self._guard.challenges(verdict == "stale", here, now))

    def trusts(self, flow: Flow) -> bool:
        """Whether who is there may call without a password."""
        remote = flow.remote[0]
        allowed = any(ip_address(remote) in each for each in self._options.allow)
        return self._options.everybody or remote in self._office.registrars.values() or allowed

    def room(self, ringing: int, now: float) -> Denial | None:
        """Whether one more may ring; if so it is counted."""
        if self._office.closing or ringing >= self._options.max_ringing:
            return Denial(503, (("Retry-After", str(FULL_RETRY_S)),))
        rate = self._options.calls_per_second
        since = 0.0 if self._filled is None else now - self._filled
        self._filled = now
        self._tokens = min(self._most, self._tokens + since * rate)
        if self._tokens < 1:
            wait = max(1, round((1 - self._tokens) / rate))
            return Denial(503, (("Retry-After", str(wait)),))
        self._tokens -= 1
        return None

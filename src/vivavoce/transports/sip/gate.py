"""Who may call, and how many at once: allowed networks, passwords, and a limit against floods."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from vivavoce.transports.sip.actions import Flow, Headers
from vivavoce.transports.sip.digest import Guard
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
        self._options = office.options
        self._registrars = office.registrars
        self._guard = Guard(office.options, office.ids)
        self._tokens = self._most = max(1.0, BURST_S * office.options.calls_per_second)
        self._filled: float | None = None

    def admit(self, request: Request, flow: Flow, now: float) -> Admitted | Denial:
        """By its address, or its password. Nothing is remembered of those that are refused."""
        here = ip_address(flow.remote[0])
        known = flow.remote[0] in self._registrars.values() or any(here in each for each in self._options.allow)
        if known or self._options.everybody:
            return Admitted()
        if not self._options.users:
            return Denial(403)
        verdict, user = self._guard.check(request, now)
        if verdict == "right":
            return Admitted(user)
        if verdict == "wrong":
            return Denial(403)
        return Denial(401, self._guard.challenges(verdict == "stale", now))

    def room(self, ringing: int, now: float) -> Denial | None:
        """Whether one more may ring; if so it is counted."""
        if ringing >= self._options.max_ringing:
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

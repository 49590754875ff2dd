"""The side of a transaction that asks (RFC 3261, 17.1)."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from vivavoce.transports.sip.actions import Action, Flow, Send
from vivavoce.transports.sip.message import Request, Response
from vivavoce.transports.sip.timers import GIVE_UP, T1, T2, T4, Timer, Timers


class User(Protocol):
    """Who asked."""

    def received(self, response: Response, now: float) -> None:
        """Each answer once, except that the 2xx of an INVITE may come again."""

    def failed(self, status: int, now: float) -> None:
        """There will be no answer: 408 nobody answered in time, 503 no connection."""


class Owner(Protocol):
    """What holds it."""

    @property
    def out(self) -> list[Action]:
        """Where messages go."""

    @property
    def timers(self) -> Timers:
        """What calls it again."""

    def forget(self, key: tuple[str, ...]) -> None:
        """It is over."""

    def ask(self, request: Request, flow: Flow, user: User, now: float) -> ClientTransaction:
        """Another request."""


class ClientTransaction:
    """A request that waits for its answer."""

    def __init__(self, owner: Owner, request: Request, flow: Flow, user: User) -> None:
        self.request = request
        self.flow = flow
        self.key = (request.vias[0].branch, request.method)
        self._owner = owner
        self._user = user
        self._status = 0
        self._again: Timer | None = None
        self._late: Timer | None = None

    @property
    def waits(self) -> bool:
        """No final answer has come."""
        return self._status < 200

    def start(self, now: float) -> None:
        """Send it."""
        self._late = self._owner.timers.at(now + GIVE_UP, lambda then: self._fail(408, then))
        self._send(now, T1)

    def received(self, response: Response, now: float) -> None:
        """An answer."""
        if self._status >= 200:
            return
        self._status = response.status
        if not response.final:
            self._waiting(now)
        else:
            self._stop()
            self._linger(now, T4)
        self._user.received(response, now)

    def lost(self, now: float) -> None:
        """The connection is gone."""
        if self._status < 200:
            self._fail(503, now)

    def _send(self, now: float, pause: float) -> None:
        self._owner.out.append(Send(bytes(self.request), self.flow))
        if not self.flow.reliable:
            self._again = self._owner.timers.at(now + pause, lambda then: self._send(then, self._longer(pause)))

    def _longer(self, pause: float) -> float:
        return T2 if self._status else min(2 * pause, T2)

    def _waiting(self, now: float) -> None:
        """Somebody is there, and says that it takes time."""

    def _linger(self, now: float, seconds: float) -> None:
        """To absorb copies of the answer."""
        self._owner.timers.at(now + (0.0 if self.flow.reliable else seconds), self._forget)

    def _fail(self, status: int, now: float) -> None:
        self._status = status
        self._stop()
        self._owner.forget(self.key)
        self._user.failed(status, now)

    def _forget(self, now: float) -> None:
        self._owner.forget(self.key)

    def _stop(self) -> None:
        for timer in (self._again, self._late):
            if timer is not None:
                timer.cancel()


class InviteClient(ClientTransaction):
    """An INVITE that waits for its answer, which takes as long as people take."""

    def __init__(self, owner: Owner, request: Request, flow: Flow, user: User) -> None:
        super().__init__(owner, request, flow, user)
        self._unwanted = False
        self._cancelled = False

    def received(self, response: Response, now: float) -> None:
        """A refusal is acknowledged here, and each time that it comes; a 2xx by whom it is for."""
        if self._status >= 300 and response.status >= 300:
            self._acknowledge(response)
        elif 200 <= self._status < 300 and 200 <= response.status < 300:
            self._user.received(response, now)
        elif self._status < 200:
            self._answer(response, now)

    def cancel(self, now: float) -> None:
        """It is not wanted any more. Before the first sign of life no CANCEL may be sent (RFC 3261, 9.1)."""
        self._unwanted = True
        if 100 <= self._status < 200 and not self._cancelled:
            self._cancelled = True
            headers = tuple(
                each for each in self.request.headers if each[0] in ("Via", "From", "To", "Call-ID", "Route")
            )
            number, _ = self.request.cseq
            headers = (*headers, ("CSeq", f"{number} CANCEL"), ("Max-Forwards", "70"))
            self._owner.ask(
                replace(self.request, method="CANCEL", headers=headers, body=b""), self.flow, _Nobody(), now
            )
            # A peer that answers the CANCEL and not the INVITE is not waited for any longer.
            self._late = self._owner.timers.at(now + GIVE_UP, lambda then: self._fail(408, then))

    def _answer(self, response: Response, now: float) -> None:
        self._status = response.status
        if response.final or not self._cancelled:
            self._stop()
        if response.final:
            self._linger(now, GIVE_UP)
            if response.status >= 300:
                self._acknowledge(response)
        elif self._unwanted:
            self.cancel(now)
        self._user.received(response, now)

    def _linger(self, now: float, seconds: float) -> None:
        """A 2xx may come again over any transport, from other phones too (RFC 6026, 8.4)."""
        wait = 0.0 if self.flow.reliable and self._status >= 300 else seconds
        self._owner.timers.at(now + wait, self._forget)

    def _longer(self, pause: float) -> float:
        return 2 * pause

    def _acknowledge(self, refusal: Response) -> None:
        """Part of the transaction (RFC 3261, 17.1.1.3)."""
        kept = tuple(each for each in self.request.headers if each[0] in ("Via", "From", "Call-ID", "Route"))
        number, _ = self.request.cseq
        headers = (*kept, ("To", refusal.get("to") or ""), ("CSeq", f"{number} ACK"), ("Max-Forwards", "70"))
        ack = replace(self.request, method="ACK", headers=headers, body=b"")
        self._owner.out.append(Send(bytes(ack), self.flow))


class _Nobody:
    """Asks, and does not care."""

    def received(self, response: Response, now: float) -> None:
        """The INVITE's own answer is what counts."""

    def failed(self, status: int, now: float) -> None:
        """So does its failure."""

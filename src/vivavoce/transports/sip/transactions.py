"""SIP transactions: a request, its answers, and what is sent again until it arrived (RFC 3261, 17; RFC 6026).

What asks is a `ServerTransaction`, what is asked a `ClientTransaction`; INVITE has its own of either. Here is the side
of the server, and the table of both; `clients.py` is the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from vivavoce.transports.sip.actions import Action, Flow, Send
from vivavoce.transports.sip.clients import ClientTransaction, InviteClient, User
from vivavoce.transports.sip.message import COOKIE, Request, Response, arrived, way_back
from vivavoce.transports.sip.timers import GIVE_UP, T1, T2, T4, Timer, Timers

Key = tuple[str, ...]


class ServerTransaction:
    """A request that is being answered. A copy of it gets the last answer again."""

    def __init__(self, table: Transactions, key: Key, request: Request, flow: Flow) -> None:
        self.request = request
        self.flow = flow
        self.status = 0  # of the last answer; 0: none yet
        self._table = table
        self._key = key
        self._back = way_back(request, flow)
        self._last: Send | None = None

    def respond(self, response: Response, now: float) -> None:
        """Provisional answers, and then a final one."""
        self.status = response.status
        self._last = Send(bytes(response), self._back)
        self._table.out.append(self._last)
        if response.final:
            self._answered(now)

    def repeated(self) -> None:
        """The request came again."""
        if self._last is not None:
            self._table.out.append(self._last)

    def _answered(self, now: float) -> None:
        self._forget_at(now + (0.0 if self.flow.reliable else GIVE_UP))

    def _forget_at(self, when: float) -> None:
        self._table.timers.at(when, lambda now: self._table.forget(self._key))


class InviteServer(ServerTransaction):
    """An INVITE that is being answered. `unheard` is called when nobody acknowledges its 2xx (RFC 3261, 13.3.1.4)."""

    def __init__(self, table: Transactions, key: Key, request: Request, flow: Flow) -> None:
        super().__init__(table, key, request, flow)
        self.unheard: Callable[[float], None] = lambda now: None
        self._again: Timer | None = None
        self._lost: Timer | None = None

    @property
    def acknowledged(self) -> bool:
        """Nothing of it is waited for."""
        return self.status >= 200 and self._lost is None

    def acknowledge(self, now: float) -> None:
        """The ACK came."""
        if self._lost is None:
            return
        self._stop()
        if self.status >= 300:
            self._forget_at(now + (0.0 if self.flow.reliable else T4))

    def repeated(self) -> None:
        """Nothing is sent again once it was acknowledged."""
        if not self.acknowledged:
            super().repeated()

    def _answered(self, now: float) -> None:
        if self.status < 300 or not self.flow.reliable:
            self._set(now, T1)
        self._lost = self._table.timers.at(now + GIVE_UP, self._give_up)
        if self.status < 300:
            self._forget_at(now + GIVE_UP)

    def _set(self, now: float, pause: float) -> None:
        def again(then: float) -> None:
            self.repeated()
            self._set(then, min(2 * pause, T2))

        self._again = self._table.timers.at(now + pause, again)

    def _give_up(self, now: float) -> None:
        self._stop()
        if self.status >= 300:
            self._table.forget(self._key)
        else:
            self.unheard(now)

    def _stop(self) -> None:
        for timer in (self._again, self._lost):
            if timer is not None:
                timer.cancel()
        self._lost = None


class Transactions:
    """All that are under way. What is to be sent goes to `out`."""

    def __init__(self, out: list[Action], timers: Timers) -> None:
        self.out = out
        self.timers = timers
        self._servers: dict[Key, ServerTransaction] = {}
        self._clients: dict[Key, ClientTransaction] = {}

    def __len__(self) -> int:
        return len(self._servers) + len(self._clients)

    @property
    def ending(self) -> bool:
        """A BYE or CANCEL waits for its answer, or the refusal of a call for its ACK."""
        asked = any(each.waits for each in self._clients.values() if each.request.method in ("BYE", "CANCEL"))
        calls = (each for each in self._servers.values() if isinstance(each, InviteServer) and not each.request.to.tag)
        return asked or any(each.status >= 300 and not each.acknowledged for each in calls)

    def known(self, request: Request, now: float) -> bool:
        """Whether it was a copy, or the ACK to a refusal: both are done with."""
        found = self._servers.get(_server_key(request))
        if found is None:
            return False
        if request.method != "ACK":
            found.repeated()
        elif isinstance(found, InviteServer) and found.status >= 300:
            found.acknowledge(now)
        else:
            return False  # the ACK to a 2xx is its dialog's
        return True

    def serve(self, request: Request, flow: Flow) -> ServerTransaction:
        """Begin to answer a request that is not `known`."""
        key = _server_key(request)
        kind = InviteServer if request.method == "INVITE" else ServerTransaction
        found = self._servers[key] = kind(self, key, arrived(request, flow), flow)
        return found

    def invited(self, cancel: Request, flow: Flow) -> InviteServer | None:
        """The INVITE that a CANCEL is about; it must come from where that came from."""
        found = self._servers.get(_server_key(replace(cancel, method="INVITE")))
        same = isinstance(found, InviteServer) and found.flow.remote[0] == flow.remote[0]
        return found if same and isinstance(found, InviteServer) else None

    def ask(self, request: Request, flow: Flow, user: User, now: float) -> ClientTransaction:
        """Send a request, until somebody answers."""
        kind = InviteClient if request.method == "INVITE" else ClientTransaction
        found = kind(self, request, flow, user)
        self._clients[found.key] = found
        found.start(now)
        return found

    def answered(self, response: Response, now: float) -> None:
        """An answer; those that nobody waits for are dropped."""
        found = self._clients.get((response.vias[0].branch, response.cseq[1]))
        if found is not None and len(response.vias) == 1 and response.call_id == found.request.call_id:
            found.received(response, now)

    def lost(self, flow: Flow, now: float) -> None:
        """The connection is gone: what was asked on it is answered by nobody."""
        for each in [each for each in self._clients.values() if each.flow == flow]:
            each.lost(now)

    def forget(self, key: Key) -> None:
        """It is over, in silence too."""
        self._servers.pop(key, None)
        self._clients.pop(key, None)


def _server_key(request: Request) -> Key:
    """What makes a request the same as another (RFC 3261, 17.2.3)."""
    via = request.vias[0]
    method = "INVITE" if request.method == "ACK" else request.method
    if via.branch.startswith(COOKIE):
        return via.branch, f"{via.host.lower()}:{via.port or ''}", method
    number, _ = request.cseq
    return via.text, request.call_id, request.from_.tag or "", str(number), method

"""Keeps a session from expiring, and notices when nobody else does (RFC 4028, 7 to 10)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from vivavoce.transports.sip.actions import Answered, Flow, Headers, Login, Send
from vivavoce.transports.sip.asking import Ask
from vivavoce.transports.sip.dialog import Dialog
from vivavoce.transports.sip.intervals import SHORTEST_S, Interval, seconds_of, settled, wished
from vivavoce.transports.sip.message import SDP, Request, Response
from vivavoce.transports.sip.office import Office
from vivavoce.transports.sip.timers import Timer

GLARE_S = (3.0, 1.0)
"""Seconds before it is tried again when both sides asked at once: who made the call waits longer (RFC 3261, 14.1)."""

Over = Callable[[Literal["session expired", "unreachable"], float], None]


class Keeper:
    """The session timer of one call. `caller`: the call was made here. `sdp`: this side's last description."""

    def __init__(self, office: Office, dialog: Dialog, sdp: str, over: Over, caller: bool, login: Login | None) -> None:
        self.sdp = sdp
        self.update = False
        """The peer takes UPDATE; otherwise it is refreshed with an INVITE that changes nothing."""
        self.heard = ""
        """The peer's last description."""
        self._office = office
        self._dialog = dialog
        self._over = over
        self._pause = GLARE_S[0 if caller else 1]
        self._login = login
        self._seconds = 0
        self._timers: list[Timer] = []
        self._stopped = False
        self._asking: Ask | None = None
        self._acks: list[Send] = []  # the last one, for when it is lost

    @property
    def asking(self) -> bool:
        """An INVITE or UPDATE of this side waits for its answer."""
        return self._asking is not None

    def settle(self, interval: Interval | None, ours: Literal["uac", "uas"], now: float) -> None:
        """It counts from now. `ours`: the side of this server in the exchange that settled it."""
        self._cancel()
        if interval is None:
            return
        self._seconds = interval.seconds
        end = now + interval.seconds - min(32.0, interval.seconds / 3)
        self._timers = [self._office.timers.at(end, lambda then: self._over("session expired", then))]
        if interval.refresher == ours:
            self._timers.append(self._office.timers.at(now + interval.seconds / 2, self._refresh))

    def stop(self) -> None:
        """The call is over: what still comes is acknowledged where it must be, and nothing more is asked."""
        self._stopped = True
        self._cancel()
        if self._asking is not None:
            self._asking.stop()

    def _cancel(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers = []

    def _refresh(self, now: float) -> None:
        self._asking = Ask(self._office, self._request, self._answer, self._login)
        self._asking.start(now)

    def _request(self, headers: Headers) -> tuple[Request, Flow]:
        said = (self._dialog.contact(), *self._office.identity.about(), *wished(self._seconds, "uac"), *headers)
        flow = self._dialog.next_hop()
        if self.update:
            return self._dialog.request("UPDATE", said), flow
        return self._dialog.request("INVITE", (*said, ("Content-Type", SDP)), self.sdp.encode()), flow

    def _answer(self, response: Response, now: float) -> None:
        asked = self._asking
        if not response.final:
            return
        if asked is None:
            self._office.out += self._acks  # the same 2xx again
            return
        self._asking = None
        if response.status < 300:
            self._acknowledge(response, asked.request)
        if self._stopped:
            return
        if response.status < 300:
            self._kept(response, asked.request, now)
        elif response.status == 422:
            self._seconds = max(seconds_of(response.get("min-se")) or 0, SHORTEST_S, self._seconds)
            self._again(now)
        elif response.status in (491, 500, 503):
            self._again(now)
        elif response.status in (408, 481):
            self._over("unreachable", now)
        # Whatever else is said against it, the session goes on until it expires.

    def _again(self, now: float) -> None:
        self._timers.append(self._office.timers.at(now + self._pause, self._refresh))

    def _acknowledge(self, response: Response, request: Request) -> None:
        self._dialog.moved(response.every("contact"))
        if request.method == "INVITE":
            number, _ = request.cseq
            self._acks = [Send(bytes(self._dialog.request("ACK", number=number)), self._dialog.next_hop())]
            self._office.out += self._acks

    def _kept(self, response: Response, request: Request, now: float) -> None:
        if request.method == "INVITE" and response.sdp is not None and response.sdp != self.heard:
            self.heard = response.sdp
            self._office.out.append(Answered(self._dialog.local_tag, response.sdp))
        self.settle(settled(response), "uac", now)

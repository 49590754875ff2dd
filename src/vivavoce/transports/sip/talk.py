"""A call that has been answered: what both sides ask of each other until one of them says BYE."""

from __future__ import annotations

from typing import Literal

from vivavoce.transports.sip.actions import Confirmed, Ended, Flow, Headers, Login, NoSuchCall
from vivavoce.transports.sip.asking import Ask
from vivavoce.transports.sip.dialog import Dialog
from vivavoce.transports.sip.keeper import Keeper
from vivavoce.transports.sip.message import Request, Response, reply
from vivavoce.transports.sip.offers import Offers
from vivavoce.transports.sip.office import Office
from vivavoce.transports.sip.transactions import ServerTransaction
from vivavoce.transports.sip.transfer import Handover

LAST_WORD_S = 1.0
"""How long the ACK to an answer is waited for when the server stops."""


class Talk:
    """`sdp`: this side's description. `caller`: the call was made here. `login`: how this side made itself known."""

    def __init__(self, office: Office, dialog: Dialog, sdp: str, caller: bool, login: Login | None = None) -> None:
        self.id = dialog.local_tag
        self.dialog = dialog
        self.handover = Handover(office, dialog, login)
        self._keeper = Keeper(office, dialog, sdp, self._over, caller, login)
        self.offers = Offers(office, dialog, self._keeper, self._unheard)
        self._office = office
        self._login = login
        self._leaving = False  # this side has ended it
        office.calls[self.id] = self

    def bye(self, now: float) -> None:
        """End it. Nothing more is told of it."""
        if self._leaving:
            raise NoSuchCall(self.id)
        self._leave(now)
        # No BYE may overtake an answer that the caller has not heard of yet (RFC 3261, 15).
        if self.offers.acknowledged:
            self._say_bye(now)

    def close(self, now: float) -> None:
        """The server stops. A caller who does not say soon that it has heard of the answer is told BYE all the same."""
        if not self._leaving:
            self.bye(now)
        if not self.offers.acknowledged:
            self._office.timers.at(now + LAST_WORD_S, self._last_word)

    def acknowledged(self, ack: Request, now: float) -> None:
        """The caller has our 2xx."""
        invite = self.offers.heard(ack, now)
        if invite is None:
            return
        first = invite.request.to.tag is None
        if self._leaving:
            self._say_bye(now)
        elif self.offers.owed and ack.sdp is None:
            self._over("no SDP", now)
        elif first or self.offers.owed:
            self._office.out.append(Confirmed(self.id, ack.sdp if self.offers.owed else None))

    def requested(self, transaction: ServerTransaction, now: float) -> None:
        """A request within the call."""
        request = transaction.request
        if not self.dialog.next_in_order(request):
            transaction.respond(reply(request, 500, "Out of order"), now)
        elif request.method == "BYE":
            transaction.respond(reply(request, 200), now)
            self._end(now)
        elif self._leaving:
            transaction.respond(reply(request, 481), now)
        elif request.method in ("INVITE", "UPDATE"):
            if request.method == "INVITE" and self.offers.overtaken(now):
                self._office.out.append(Confirmed(self.id, None))
            self.offers.offered(transaction, now)
        elif request.method == "NOTIFY":
            self.handover.notified(transaction, now)
        else:  # INFO, OPTIONS: the desk lets nothing else in
            transaction.respond(reply(request, 200, headers=self._office.identity.about()), now)

    def withdrawn(self, transaction: ServerTransaction, now: float) -> None:
        """The peer has cancelled its offer of new media."""
        self.offers.withdrawn()

    def _unheard(self, now: float) -> None:
        """Our 2xx was acknowledged by nobody (RFC 3261, 13.3.1.4)."""
        if self._leaving:
            self._say_bye(now)
        self._over("no ACK", now)

    def _last_word(self, now: float) -> None:
        if not self.offers.acknowledged:
            self.offers.stop(now)
            self._say_bye(now)

    def _over(self, reason: Literal["no ACK", "no SDP", "session expired", "unreachable"], now: float) -> None:
        """This side ends it, and its user did not ask for that."""
        if self._leaving:
            return  # a refresh that was under way has failed too
        self._leave(now)
        self._office.out.append(Ended(self.id, reason))
        self._say_bye(now)

    def _say_bye(self, now: float) -> None:
        def make(headers: Headers) -> tuple[Request, Flow]:
            return self.dialog.request("BYE", headers), self.dialog.next_hop()

        Ask(self._office, make, self._gone, self._login).start(now)

    def _gone(self, response: Response, now: float) -> None:
        if response.final:
            self._office.calls.pop(self.id, None)

    def _end(self, now: float) -> None:
        """The peer has ended it."""
        told = self._leaving
        self._leave(now)
        self.offers.stop(now)
        self._office.calls.pop(self.id, None)
        if not told:
            self._office.out.append(Ended(self.id, "bye"))

    def _leave(self, now: float) -> None:
        self._leaving = True
        self.offers.refuse(487, now)
        self._keeper.stop()
        self.handover.stop()

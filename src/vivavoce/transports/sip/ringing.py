"""A call that has come and waits for an answer."""

from __future__ import annotations

from vivavoce.transports.sip.actions import Cancelled, Headers
from vivavoce.transports.sip.dialog import Dialog
from vivavoce.transports.sip.intervals import agreed, seconds_of
from vivavoce.transports.sip.message import Request, reply
from vivavoce.transports.sip.offers import RETRY_AFTER
from vivavoce.transports.sip.office import Office
from vivavoce.transports.sip.talk import Talk
from vivavoce.transports.sip.timers import Timer
from vivavoce.transports.sip.transactions import InviteServer, ServerTransaction

REMINDER_S = 60.0
"""Proxies give up a call of which nothing is heard for three minutes (RFC 3261, 13.3.1.1)."""


class Ringing:
    """Answered it becomes a `Talk`, by the same name."""

    def __init__(self, office: Office, dialog: Dialog, invite: InviteServer, now: float) -> None:
        self.id = dialog.local_tag
        self._office = office
        self.dialog = dialog
        self._invite = invite
        self._reminder: Timer | None = None
        self._expiry: Timer | None = None
        request = invite.request
        self._key = (request.call_id, request.from_.tag or "", request.cseq[0])
        office.ringing[self._key] = self.id
        office.calls[self.id] = self
        if seconds := seconds_of(request.get("expires")):
            self._expiry = office.timers.at(now + seconds, self._expired)

    def ring(self, now: float) -> None:
        """Let the caller hear that it rings, and remind what lies between of it."""
        said = (self.dialog.contact(), *self._office.identity.about(), *self._recorded())
        self._invite.respond(reply(self._invite.request, 180, tag=self.id, headers=said), now)
        if self._reminder is not None:
            self._reminder.cancel()
        self._reminder = self._office.timers.at(now + REMINDER_S, self.ring)

    def answer(self, sdp: str, now: float) -> None:
        """Take it, with this description: the answer to the caller's offer, or the offer that it wanted."""
        self._stop()
        interval = agreed(self._invite.request, self._office.options.session_expires_s)
        Talk(self._office, self.dialog, sdp, caller=False).offers.accept(self._invite, sdp, interval, now)

    def reject(self, status: int, reason: str, headers: Headers, now: float) -> None:
        """Refuse it, with any status from 300 on."""
        self._leave()
        self._invite.respond(reply(self._invite.request, status, reason, tag=self.id, headers=headers), now)

    def acknowledged(self, ack: Request, now: float) -> None:
        """Nothing has been answered yet."""

    def requested(self, transaction: ServerTransaction, now: float) -> None:
        """The caller may do little while it rings."""
        request = transaction.request
        if not self.dialog.next_in_order(request):
            transaction.respond(reply(request, 500, "Out of order"), now)
        elif request.method == "BYE":
            transaction.respond(reply(request, 200), now)
            self._cancelled(now)
        elif request.method in ("INFO", "OPTIONS"):
            transaction.respond(reply(request, 200, headers=self._office.identity.about()), now)
        elif request.method in ("INVITE", "UPDATE"):
            transaction.respond(reply(request, 500, headers=RETRY_AFTER), now)
        else:  # NOTIFY: the desk lets nothing else in
            transaction.respond(reply(request, 481), now)

    def withdrawn(self, transaction: ServerTransaction, now: float) -> None:
        """The caller gave up."""
        self._leave()
        self._office.out.append(Cancelled(self.id))

    def close(self, now: float) -> None:
        """The server stops."""
        self.reject(503, "", (), now)

    def _expired(self, now: float) -> None:
        """It was to ring so long and no longer (RFC 3261, 13.3.1)."""
        self._cancelled(now)

    def _cancelled(self, now: float) -> None:
        self._invite.respond(reply(self._invite.request, 487, tag=self.id), now)
        self.withdrawn(self._invite, now)

    def _recorded(self) -> Headers:
        return tuple(("Record-Route", each) for each in self._invite.request.every("record-route"))

    def _leave(self) -> None:
        self._stop()
        self._office.calls.pop(self.id, None)

    def _stop(self) -> None:
        self._office.ringing.pop(self._key, None)
        for timer in (self._reminder, self._expiry):
            if timer is not None:
                timer.cancel()

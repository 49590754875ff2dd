"""New media within a call: what the peer offers, and what is answered (RFC 3264, RFC 3311; RFC 3261, 14)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from vivavoce.transports.sip.actions import Headers, Offered
from vivavoce.transports.sip.dialog import Dialog
from vivavoce.transports.sip.intervals import SHORTEST_S, Interval, agreed, too_short
from vivavoce.transports.sip.keeper import Keeper
from vivavoce.transports.sip.message import SDP, Request, Response, reply
from vivavoce.transports.sip.office import Office
from vivavoce.transports.sip.transactions import InviteServer, ServerTransaction

RETRY_AFTER: Headers = (("Retry-After", "2"),)


class Offers:
    """Of one answered call. `unheard` is called when nobody acknowledges a 2xx."""

    def __init__(self, office: Office, dialog: Dialog, keeper: Keeper, unheard: Callable[[float], None]) -> None:
        self.owed = False
        """This side made the last offer; the answer comes in the ACK."""
        self._office = office
        self._dialog = dialog
        self._keeper = keeper
        self._unheard = unheard
        self._invite: InviteServer | None = None  # answered with a 2xx last
        self._pending: ServerTransaction | None = None  # the peer's offer that waits for `answer`

    @property
    def acknowledged(self) -> bool:
        """The peer knows all that was answered."""
        return self._invite is None or self._invite.acknowledged

    def accept(self, invite: InviteServer, sdp: str, interval: Interval | None, now: float) -> None:
        """Send the 2xx to an INVITE, the first or a later one."""
        self._invite, self.owed = invite, invite.request.sdp is None
        invite.unheard = self._unheard
        self._accept(invite, sdp, interval, now)

    def settle(
        self, said: Request | Response, interval: Interval | None, ours: Literal["uac", "uas"], now: float
    ) -> None:
        """What the peer has said about its media, the session and what it can do."""
        self._keeper.update = said.option("allow", "UPDATE")
        self._keeper.heard = said.sdp or self._keeper.heard
        self._keeper.settle(interval, ours, now)

    def offered(self, transaction: ServerTransaction, now: float) -> None:
        """A re-INVITE or an UPDATE."""
        request = transaction.request
        if self._pending is not None:
            transaction.respond(reply(request, 500, headers=RETRY_AFTER), now)
        elif self._keeper.asking or (self.owed and not self.acknowledged):
            # An offer of this side waits for its answer (RFC 3261, 14.2; RFC 3311, 5.2).
            transaction.respond(reply(request, 491), now)
        elif too_short(request):
            transaction.respond(reply(request, 422, headers=(("Min-SE", str(SHORTEST_S)),)), now)
        else:
            self._pending = transaction
            if request.method == "UPDATE" and request.sdp is None:
                self.answer("", now)
            else:
                self._office.out.append(Offered(self._dialog.local_tag, request.sdp))

    def answer(self, sdp: str, now: float) -> None:
        """This side's description for the new media. Nothing happens if the peer has withdrawn its offer."""
        pending, self._pending = self._pending, None
        if pending is None:
            return
        self._dialog.moved(pending.request.every("contact"), pending.flow)
        interval = agreed(pending.request, self._office.options.session_expires_s)
        if isinstance(pending, InviteServer):
            self.accept(pending, sdp, interval, now)
        else:
            self._accept(pending, sdp, interval, now)

    def refuse(self, status: int, now: float) -> None:
        """Everything stays as it was."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.respond(reply(pending.request, status), now)

    def withdrawn(self) -> None:
        """The peer has cancelled its offer."""
        self._pending = None

    def heard(self, ack: Request, now: float) -> InviteServer | None:
        """The INVITE that this ACK is for, if it was waited for."""
        invite = self._invite
        if invite is None or invite.acknowledged or ack.cseq[0] != invite.request.cseq[0]:
            return None
        invite.acknowledge(now)
        if self.owed:
            self._keeper.heard = ack.sdp or ""
        return invite

    def overtaken(self, now: float) -> bool:
        """The peer's next INVITE has come, so it has heard the answer to the one before: that ACK is lost, or late.

        Not where the ACK must bring an answer. True when it was of the INVITE that began the call.
        """
        invite = self._invite
        if invite is None or invite.acknowledged or self.owed:
            return False
        invite.acknowledge(now)
        return invite.request.to.tag is None

    def stop(self, now: float) -> None:
        """The call is over, for the peer too: it has heard of the answer, or does not care."""
        self.refuse(487, now)
        if self._invite is not None:
            self._invite.acknowledge(now)

    def _accept(self, transaction: ServerTransaction, sdp: str, interval: Interval | None, now: float) -> None:
        request = transaction.request
        recorded = (("Record-Route", each) for each in request.every("record-route"))
        kind: Headers = (("Content-Type", SDP),) if sdp else ()
        settled = interval.headers() if interval else ()
        said = (*recorded, self._dialog.contact(), *self._office.identity.about(), *settled, *kind)
        answer = reply(request, 200, tag=self._dialog.local_tag, headers=said, body=sdp.encode())
        transaction.respond(answer, now)
        self._keeper.sdp = sdp or self._keeper.sdp
        self.settle(request, interval, "uas", now)

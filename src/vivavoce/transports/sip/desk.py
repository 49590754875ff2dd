"""What becomes of every request that comes: it finds its call, begins one, or is told why not.

Whoever is refused is refused without a memory of it (RFC 3261, 8.2.7): a flood of strangers leaves nothing behind.
"""

from __future__ import annotations

import hashlib
import re

from vivavoce.transports.sip.actions import Flow, Headers, Invited
from vivavoce.transports.sip.dialog import Dialog
from vivavoce.transports.sip.fields import SipError
from vivavoce.transports.sip.gate import Admitted, Denial, Gate
from vivavoce.transports.sip.identity import ALLOW, SUPPORTED
from vivavoce.transports.sip.intervals import SHORTEST_S, too_short
from vivavoce.transports.sip.message import SDP, BadRequest, Request, Response, arrived, reply, way_back
from vivavoce.transports.sip.office import Office, Party
from vivavoce.transports.sip.ringing import Ringing
from vivavoce.transports.sip.transactions import InviteServer

CREDENTIALS = ("authorization", "proxy-authorization")
SCHEMES = ("sip", "sips", "tel")
METHODS = frozenset(ALLOW.split(", "))


class Desk:
    """Where requests arrive."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._gate = Gate(office)

    def broken(self, error: BadRequest, flow: Flow) -> None:
        """Tell who sent it, if it says where that is. Nobody may answer an ACK."""
        try:
            self._refuse(error.request, flow, Denial(error.status), str(error))
        except SipError:
            return

    def requested(self, request: Request, flow: Flow, now: float) -> None:
        """A request, the first time or again."""
        if self._office.transactions.known(request, now):
            return
        if request.method == "ACK":
            if (party := self._party(request)) is not None:
                party.acknowledged(request, now)
        elif request.method == "CANCEL":
            self._cancel(request, flow, now)
        elif denial := _unfit(request):
            self._refuse(request, flow, denial)
        elif request.to.tag is not None:
            self._within(request, flow, now)
        elif request.method == "INVITE":
            self._invite(request, flow, now)
        elif request.method == "OPTIONS":
            if self._gate.trusts(flow):
                self._known(flow)
            said = (("Accept", SDP), *self._office.identity.about())
            self._stateless(request, flow, 200, said)
        else:
            self._refuse(request, flow, Denial(481))

    def _cancel(self, request: Request, flow: Flow, now: float) -> None:
        invite = self._office.transactions.invited(request, flow)
        if invite is None:
            self._refuse(request, flow, Denial(481))
            return
        tag = invite.request.to.tag
        party = self._office.calls.get(tag) if tag else self._waiting(invite.request)
        self._stateless(request, flow, 200)
        if invite.status < 200 and party is not None:
            named = self._office.ringing.get(_key(invite.request), "")
            invite.respond(reply(invite.request, 487, tag=named), now)
            party.withdrawn(invite, now)

    def _waiting(self, invite: Request) -> Party | None:
        return self._office.calls.get(self._office.ringing.get(_key(invite), ""))

    def _within(self, request: Request, flow: Flow, now: float) -> None:
        """A request with both tags: whoever knows them speaks for a call, from where it was heard before."""
        party = self._party(request)
        if party is None or party.dialog is None:
            self._refuse(request, flow, Denial(481))
            return
        if party.dialog.flow.remote[0] != flow.remote[0]:
            admitted = self._outsider(request, flow, now)
            if isinstance(admitted, Denial):
                self._refuse(request, flow, admitted)
                return
        self._known(flow)
        party.requested(self._office.transactions.serve(request, flow), now)

    def _party(self, request: Request) -> Party | None:
        party = self._office.calls.get(request.to.tag or "")
        here = party is not None and party.dialog is not None and party.dialog.belongs(request)
        return party if here else None

    def _outsider(self, request: Request, flow: Flow, now: float) -> Admitted | Denial:
        """From another address only somebody who could call anyway; where everybody can, nobody."""
        return Denial(403) if self._office.options.everybody else self._gate.admit(request, flow, now)

    def _invite(self, request: Request, flow: Flow, now: float) -> None:
        admitted = self._gate.admit(request, flow, now)
        if isinstance(admitted, Denial):
            self._refuse(request, flow, admitted)
            return
        self._known(flow)
        if _key(request) in self._office.ringing:
            self._refuse(request, flow, Denial(482), "Merged Request")
        elif too_short(request):
            self._refuse(request, flow, Denial(422, (("Min-SE", str(SHORTEST_S)),)))
        elif full := self._gate.room(len(self._office.ringing), now):
            self._refuse(request, flow, full)
        else:
            self._begin(request, flow, admitted.user, now)

    def _begin(self, request: Request, flow: Flow, user: str | None, now: float) -> None:
        try:
            dialog = Dialog.received(self._office.identity, request, flow, self._office.ids())
        except SipError as error:
            self._refuse(request, flow, Denial(400), str(error))
            return
        invite = self._office.transactions.serve(request, flow)
        assert isinstance(invite, InviteServer)
        invite.respond(reply(invite.request, 100), now)
        Ringing(self._office, dialog, invite, now)
        headers = tuple(each for each in request.headers if each[0].lower() not in CREDENTIALS)
        self._office.out.append(
            Invited(dialog.local_tag, headers, request.sdp, request.from_.uri, request.to.uri, flow, user)
        )

    def _known(self, flow: Flow) -> None:
        """Who speaks on this connection may: strangers give way to it."""
        if flow.reliable:
            self._office.known.add(flow)

    def _refuse(self, request: Request, flow: Flow, denial: Denial, reason: str = "") -> None:
        if request.method != "ACK":
            self._stateless(request, flow, denial.status, denial.headers, reason)

    def _stateless(self, request: Request, flow: Flow, status: int, headers: Headers = (), reason: str = "") -> None:
        """The same request gets the same tag each time that it comes."""
        tag = hashlib.sha256(f"{request.call_id} {request.vias[0].text}".encode()).hexdigest()[:16]
        answer: Response = reply(arrived(request, flow), status, reason, tag=tag, headers=headers)
        self._office.send(answer, way_back(request, flow))


def _unfit(request: Request) -> Denial | None:
    """What no call needs to be asked about (RFC 3261, 8.2)."""
    if request.method not in METHODS:
        return Denial(405, (("Allow", ALLOW),))
    if request.uri.partition(":")[0].lower() not in SCHEMES:
        return Denial(416)
    if not re.fullmatch("[0-9]{1,3}", request.get("max-forwards") or "70"):
        return Denial(400)
    unknown = [each for each in request.every("require") if each.lower() != SUPPORTED]
    if unknown:
        return Denial(420, (("Unsupported", ", ".join(unknown)),))
    if request.method in ("INVITE", "UPDATE") and request.body:
        encoded = (request.get("content-encoding") or "identity").lower() != "identity"
        if encoded or request.sdp is None:
            return Denial(415, (("Accept", SDP), ("Accept-Encoding", "identity")))
    return None


def _key(invite: Request) -> tuple[str, str, int]:
    return invite.call_id, invite.from_.tag or "", invite.cseq[0]

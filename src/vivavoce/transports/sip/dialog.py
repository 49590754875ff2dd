"""A dialog: what two sides have agreed to call each other, and how requests travel between them (RFC 3261, 12)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import ip_address

from vivavoce.transports.sip.actions import Flow, Headers
from vivavoce.transports.sip.fields import Party, SipError, Uri
from vivavoce.transports.sip.identity import Identity
from vivavoce.transports.sip.message import Request, Response, way_back


@dataclass
class Dialog:
    """One side's view. `local` and `remote` are the whole From and To of its own requests."""

    identity: Identity
    call_id: str
    local: str
    local_tag: str
    remote: str
    remote_tag: str
    target: str
    routes: tuple[str, ...]
    flow: Flow
    secure: bool
    natted: bool
    """The peer's own idea of its address is wrong: it is reached where its packets come from."""
    local_seq: int = 0
    remote_seq: int = 0
    connected: bool = True
    """The flow's connection still stands."""

    @classmethod
    def received(cls, identity: Identity, invite: Request, flow: Flow, tag: str) -> Dialog:
        """Of an INVITE as it came. Raises `SipError` when it says not where to answer, or by which way."""
        contacts = invite.every("contact")
        if len(contacts) != 1:
            raise SipError(f"{len(contacts)} Contacts in an INVITE")
        via = invite.vias[0]
        target = Party.parse(contacts[0]).uri
        Uri.parse(target)
        number, _ = invite.cseq
        return cls(
            identity=identity,
            call_id=invite.call_id,
            local=f"{invite.get('to')};tag={tag}",
            local_tag=tag,
            remote=invite.get("from") or "",
            remote_tag=invite.from_.tag or "",
            target=target,
            routes=_routes(invite),
            flow=way_back(invite, flow),
            secure=invite.uri.lower().startswith("sips:"),
            natted=(via.host, via.port or 5060) != flow.remote,
            remote_seq=number,
        )

    @classmethod
    def established(cls, identity: Identity, invite: Request, answer: Response, flow: Flow) -> Dialog:
        """Of an INVITE that was sent and answered with a 2xx. Raises `SipError`."""
        contacts = answer.every("contact")
        target = Party.parse(contacts[0]).uri if contacts else invite.uri
        Uri.parse(target)
        number, _ = invite.cseq
        return cls(
            identity=identity,
            call_id=invite.call_id,
            local=invite.get("from") or "",
            local_tag=invite.from_.tag or "",
            remote=answer.get("to") or "",
            remote_tag=answer.to.tag or "",
            target=target,
            routes=_routes(answer)[::-1],
            flow=flow,
            secure=invite.uri.lower().startswith("sips:"),
            natted=False,
            local_seq=number,
        )

    def belongs(self, request: Request) -> bool:
        """Whether it was sent within this dialog."""
        return request.call_id == self.call_id and request.from_.tag == self.remote_tag

    def lost(self, flow: Flow) -> None:
        """That connection is gone. If it was this one's, the next request opens another."""
        if flow == self.flow:
            self.connected = False

    def next_in_order(self, request: Request) -> bool:
        """Its number is higher than every one before (RFC 3261, 12.2.2)."""
        number, _ = request.cseq
        if number <= self.remote_seq:
            return False
        self.remote_seq = number
        return True

    def moved(self, contacts: list[str], flow: Flow | None = None) -> None:
        """The peer has said where it is now (a target refresh); nonsense is not believed."""
        try:
            target = Party.parse(contacts[0]).uri if contacts else self.target
            Uri.parse(target)
        except SipError:
            return
        self.target = target
        if flow is not None:
            self.flow, self.connected = flow, True

    def request(self, method: str, headers: Headers = (), body: bytes = b"", number: int | None = None) -> Request:
        """A new one within the dialog. `number`: of the INVITE that an ACK is for."""
        if number is None:
            self.local_seq += 1
            number = self.local_seq
        uri, routes = self._way()
        flow = self.next_hop()
        own: Headers = (
            self.identity.via(flow),
            ("From", self.local),
            ("To", self.remote),
            ("Call-ID", self.call_id),
            ("CSeq", f"{number} {method}"),
            ("Max-Forwards", "70"),
            *(("Route", route) for route in routes),
        )
        return Request((*own, *headers), body, method, uri)

    def contact(self) -> tuple[str, str]:
        """Where this side is."""
        return self.identity.contact(self.flow, self.secure)

    def next_hop(self) -> Flow:
        """Where its next request goes: over the connection while there is one, and past a NAT the way it came."""
        if self.flow.reliable and self.connected:
            return self.flow
        if self.natted and not self.flow.reliable:
            return self.flow
        first = Party.parse(self.routes[0]).uri if self.routes else self.target
        uri = Uri.parse(first)
        try:
            version = ip_address(uri.host).version
        except ValueError:
            return self.flow  # a name: it is where its packets come from
        if version != ip_address(self.flow.local[0]).version:
            return self.flow  # an address to which there is no way from here
        return replace(self.flow, remote=(uri.host, uri.port or (5061 if self.flow.transport == "tls" else 5060)))

    def _way(self) -> tuple[str, tuple[str, ...]]:
        """Request-URI and Routes; the first of them may be a strict router of old (RFC 3261, 12.2.1.1)."""
        if not self.routes:
            return self.target, ()
        first = Party.parse(self.routes[0]).uri
        if ";lr" in first.lower():
            return self.target, self.routes
        return first, (*self.routes[1:], f"<{self.target}>")


def _routes(message: Request | Response) -> tuple[str, ...]:
    """By which every request of the dialog goes, as the message has them. Raises `SipError` for what is none."""
    routes = tuple(message.every("record-route"))
    for each in routes:
        Uri.parse(Party.parse(each).uri)
    return routes

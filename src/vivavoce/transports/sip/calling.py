"""A call that is made here and waits for an answer (RFC 3261, 13.2)."""

from __future__ import annotations

from vivavoce.transports.sip.actions import Answered, Flow, Headers, Login, Progress, Refused, Send
from vivavoce.transports.sip.asking import Ask
from vivavoce.transports.sip.dialog import Dialog
from vivavoce.transports.sip.fields import SipError
from vivavoce.transports.sip.intervals import SHORTEST_S, seconds_of, settled, wished
from vivavoce.transports.sip.message import SDP, Request, Response
from vivavoce.transports.sip.office import Office
from vivavoce.transports.sip.talk import Talk
from vivavoce.transports.sip.timers import Timer
from vivavoce.transports.sip.transactions import ServerTransaction


class Calling:
    """Answered it becomes a `Talk`, by the same name."""

    def __init__(
        self, office: Office, flow: Flow, to_uri: str, sdp: str, from_uri: str, headers: Headers, login: Login | None
    ) -> None:
        self.id = office.ids()
        self.dialog: Dialog | None = None
        self._office = office
        self._flow = flow
        self._to = to_uri
        self._from = from_uri
        self._sdp = sdp
        self._headers = headers
        self._login = login
        self._call_id = office.ids()
        self._number = 0
        self._session_s = office.options.session_expires_s
        self._unwanted = False
        self._taken: str | None = None  # the tag of the phone that was taken
        self._acks: dict[str, Send] = {}  # by the tags of those that have answered
        self._late: Timer | None = None
        self._outcome: tuple[int, str] | None = None  # how it ended, whatever the peer says of it
        self._asking = Ask(office, self._make, self._heard, login)
        office.calls[self.id] = self

    def start(self, now: float) -> None:
        """Call, and give up when it has rung for too long (RFC 3261, 13.3.1.1: what answers late reminds of itself)."""
        self._late = self._office.timers.at(now + self._office.options.ring_s, self._rung_out)
        self._asking.start(now)

    def cancel(self, now: float) -> None:
        """Give up. `Refused` comes when the peer has heard of it, and an answer that crosses is hung up on."""
        self._unwanted = True
        self._stop()
        self._asking.cancel(now)

    def close(self, now: float) -> None:
        """The server stops."""
        self.cancel(now)

    def acknowledged(self, ack: Request, now: float) -> None:
        """There is no dialog yet, so nothing comes within it."""

    def requested(self, transaction: ServerTransaction, now: float) -> None:
        """Nor does this."""

    def withdrawn(self, transaction: ServerTransaction, now: float) -> None:
        """Nor this."""

    def _make(self, proofs: Headers) -> tuple[Request, Flow]:
        self._number += 1
        said: Headers = (
            self._office.identity.via(self._flow),
            ("From", f"<{self._from}>;tag={self.id}"),
            ("To", f"<{self._to}>"),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._number} INVITE"),
            ("Max-Forwards", "70"),
            self._office.identity.contact(self._flow, self._to.lower().startswith("sips:")),
            *self._office.identity.about(),
            *wished(self._session_s),
            *self._headers,
            *proofs,
            ("Content-Type", SDP),
        )
        return Request(said, self._sdp.encode(), "INVITE", self._to), self._flow

    def _heard(self, response: Response, now: float) -> None:
        if response.status < 200:
            if response.status > 100 and not self._unwanted:
                self._office.out.append(Progress(self.id, response.status))
        elif response.status < 300:
            self._answered(response, now)
        elif response.status == 422 and not self._unwanted and self._session_s:
            least = max(SHORTEST_S, seconds_of(response.get("min-se")) or 0)
            if least <= self._session_s:
                self._refused(response.status, response.reason)  # it asks for what it was given
                return
            self._session_s = least
            self._asking = Ask(self._office, self._make, self._heard, self._login)
            self._asking.start(now)
        else:
            self._refused(response.status, response.reason)

    def _rung_out(self, now: float) -> None:
        self._outcome = 408, f"Nobody answered within {self._office.options.ring_s:g} s"
        self.cancel(now)

    def _stop(self) -> None:
        if self._late is not None:
            self._late.cancel()

    def _refused(self, status: int, reason: str) -> None:
        self._stop()
        self._office.calls.pop(self.id, None)
        self._office.out.append(Refused(self.id, *(self._outcome or (status, reason))))

    def _answered(self, response: Response, now: float) -> None:
        """Of several phones the first is taken (RFC 3261, 13.2.2.4)."""
        tag = response.to.tag or ""
        if tag in self._acks:
            self._office.out.append(self._acks[tag])
            return
        invite = self._asking.request
        try:
            dialog = Dialog.established(self._office.identity, invite, response, self._flow)
            number, _ = invite.cseq
            ack = self._acks[tag] = Send(bytes(dialog.request("ACK", number=number)), dialog.next_hop())
        except SipError:
            if self._taken is None:
                self._taken = ""
                self._refused(500, "The answer makes no sense")
            return
        self._office.out.append(ack)
        if self._taken is not None or self._unwanted or response.sdp is None:
            self._hang_up(dialog, response, now)
            return
        self._taken = tag
        self._stop()
        talk = Talk(self._office, dialog, self._sdp, caller=True, login=self._login)
        talk.offers.settle(response, settled(response), "uac", now)
        self._office.out.append(Answered(self.id, response.sdp))

    def _hang_up(self, dialog: Dialog, response: Response, now: float) -> None:
        """It is not wanted, or has nothing to say."""

        def make(headers: Headers) -> tuple[Request, Flow]:
            return dialog.request("BYE", headers), dialog.next_hop()

        Ask(self._office, make, lambda response, now: None, self._login).start(now)
        if self._taken is None:
            self._taken = ""
            status, reason = (487, "Cancelled") if self._unwanted else (488, "The answer has no SDP")
            self._refused(status, reason)

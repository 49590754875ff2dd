"""A SIP user agent that never waits: messages and the time go in, messages and news of calls come out.

`message.py`, `fields.py` and `framing.py` are the wire. `transactions.py` and `clients.py` send again what was lost
and drop what came twice. `desk.py` finds the call of a request, with `gate.py`, `digest.py` and `guesses.py` at its
door. A call is `Ringing` or `Calling` until it is answered, then a `Talk`; `dialog.py` is what it knows of its peer,
`offers.py` its media, `keeper.py` its session timer, `transfer.py` its REFER. `office.py` is what all of them share;
`endpoint.py` gives it sockets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from typing import TypeVar

from vivavoce.transports.sip.actions import Action, Flow, Headers, Login, NoSuchCall
from vivavoce.transports.sip.calling import Calling
from vivavoce.transports.sip.desk import Desk
from vivavoce.transports.sip.fields import SipError
from vivavoce.transports.sip.message import BadRequest, Request, parse
from vivavoce.transports.sip.office import Office, Party
from vivavoce.transports.sip.options import Options
from vivavoce.transports.sip.registration import Account, Registration
from vivavoce.transports.sip.ringing import Ringing
from vivavoce.transports.sip.talk import Talk

_URI = re.compile(r"(?:sips?:[!-~]+@[!-~]+|sips?:[!-~]+|tel:[!-~]+)", re.IGNORECASE)
_LINE = re.compile(r"[^\x00-\x1f\x7f]*")
Kind = TypeVar("Kind", bound=Party)


class UserAgent:
    """All calls of one server. `now` is in monotonic seconds; every method returns what is to be done, in order.

    `ids` gives random tokens of letters and digits; who guesses one can speak for a call.
    """

    def __init__(self, options: Options, ids: Callable[[], str]) -> None:
        self._office = Office(options, ids)
        self._desk = Desk(self._office)
        self._registrations: dict[str, Registration] = {}
        self.known: Container[Flow] = self._office.known
        """Connections on which a request was let in."""
        self.ending = self._office.ending
        """Whether somebody has not heard yet of the end of a call, or has not said so."""

    def __len__(self) -> int:
        """Everything that it still remembers: calls and transactions."""
        return len(self._office.calls) + len(self._office.transactions)

    # --- what the network does ------------------------------------------------------------------------------------

    def receive(self, data: bytes, flow: Flow, now: float) -> list[Action]:
        """One message: a datagram, or what a `Framer` found. What is no SIP is answered if it can be, or dropped."""
        try:
            message = parse(data)
            if isinstance(message, Request):
                self._desk.requested(message, flow, now)
            else:
                self._office.transactions.answered(message, now)
        except BadRequest as error:
            self._desk.broken(error, flow)
        except SipError:
            pass
        return self._office.taken()

    def lost(self, flow: Flow, now: float) -> list[Action]:
        """A connection is gone, or could not be made."""
        self._office.known.discard(flow)
        self._office.transactions.lost(flow, now)
        for party in self._office.calls.values():
            if party.dialog is not None:
                party.dialog.lost(flow)
        for registration in self._registrations.values():
            registration.lost(flow, now)
        return self._office.taken()

    def deadline(self) -> float | None:
        """When it wants a `tick`."""
        return self._office.timers.deadline()

    def tick(self, now: float) -> list[Action]:
        """Time has passed."""
        self._office.timers.run(now)
        return self._office.taken()

    # --- what its user does; a dialog that is not in the state for it raises `NoSuchCall` -------------------------

    def ring(self, dialog: str, now: float) -> list[Action]:
        """180 to a call that came."""
        self._call(dialog, Ringing).ring(now)
        return self._office.taken()

    def answer(self, dialog: str, sdp: str, now: float) -> list[Action]:
        """Take a call that came. `sdp` answers its offer, or is the offer where it brought none."""
        self._call(dialog, Ringing).answer(sdp, now)
        return self._office.taken()

    def reject(self, dialog: str, status: int, now: float, reason: str = "", headers: Headers = ()) -> list[Action]:
        """Refuse a call that came, with a status of 300 to 699. Raises `ValueError` for another, or broken lines."""
        lines = (reason, *(text for header in headers for text in header))
        if not 300 <= status <= 699 or not all(_LINE.fullmatch(line) for line in lines):
            raise ValueError(f"a call cannot be refused with {status} {reason}")
        self._call(dialog, Ringing).reject(status, reason, headers, now)
        return self._office.taken()

    def bye(self, dialog: str, now: float) -> list[Action]:
        """End an answered call. Nothing more is told of it."""
        self._call(dialog, Talk).bye(now)
        return self._office.taken()

    def refer(self, dialog: str, target: str, now: float) -> list[Action]:
        """Ask the peer of an answered call to call `target`: `Transfer` tells. Raises `ValueError` if it is no URI."""
        if not _URI.fullmatch(target) or set('<>"') & set(target):
            raise ValueError(f"'{target}' is no sip: or tel: URI")
        self._call(dialog, Talk).handover.refer(target, now)
        return self._office.taken()

    def answer_offer(self, dialog: str, sdp: str, now: float) -> list[Action]:
        """Agree to `Offered`. Nothing happens if the peer has withdrawn it."""
        self._call(dialog, Talk).offers.answer(sdp, now)
        return self._office.taken()

    def refuse_offer(self, dialog: str, status: int, now: float) -> list[Action]:
        """Everything stays as it was. Nothing happens if the peer has withdrawn its offer."""
        self._call(dialog, Talk).offers.refuse(status, now)
        return self._office.taken()

    def invite(
        self,
        to_uri: str,
        sdp: str,
        flow: Flow,
        now: float,
        *,
        from_uri: str,
        headers: Headers = (),
        login: Login | None = None,
    ) -> tuple[str, list[Action]]:
        """Call somebody: the name of the dialog, and what is to be done. Raises `ValueError` for broken lines."""
        lines = [text for header in headers for text in header]
        uris = all(_URI.fullmatch(uri) and not set('<>"') & set(uri) for uri in (to_uri, from_uri))
        if not uris or not all(_LINE.fullmatch(line) for line in lines):
            raise ValueError(f"'{to_uri}' cannot be called from '{from_uri}'")
        calling = Calling(self._office, flow, to_uri, sdp, from_uri, headers, login)
        calling.start(now)
        return calling.id, self._office.taken()

    def cancel(self, dialog: str, now: float) -> list[Action]:
        """Give up a call that was made here and not answered: `Refused` follows."""
        self._call(dialog, Calling).cancel(now)
        return self._office.taken()

    def register(self, account: Account, flow: Flow, now: float) -> list[Action]:
        """Keep an account registered; what changes counts from the next request on. `expires_s` 0 ends it at once."""
        registration = self._registrations.get(account.name)
        if registration is None:
            registration = self._registrations[account.name] = Registration(self._office, account, flow)
            registration.start(now)
        else:
            registration.change(account, flow, now)
        return self._office.taken()

    def close(self, now: float) -> list[Action]:
        """The server stops: end every call and begin none. They are `ending` until all have heard of it."""
        self._office.closing = True
        for call in tuple(self._office.calls.values()):
            call.close(now)
        return self._office.taken()

    def _call(self, dialog: str, kind: type[Kind]) -> Kind:
        found = self._office.calls.get(dialog)
        if not isinstance(found, kind):
            raise NoSuchCall(dialog)
        return found

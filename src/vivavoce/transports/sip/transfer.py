"""Handing a call on: REFER, and the NOTIFYs that say how it fares (RFC 3515)."""

from __future__ import annotations

import re

from vivavoce.transports.sip.actions import Flow, Headers, Login, NoSuchCall, Transfer
from vivavoce.transports.sip.asking import Ask
from vivavoce.transports.sip.dialog import Dialog
from vivavoce.transports.sip.message import Request, Response, reply
from vivavoce.transports.sip.office import Office
from vivavoce.transports.sip.timers import Timer
from vivavoce.transports.sip.transactions import ServerTransaction

_FRAGMENT = re.compile(rb"\s*SIP/2\.0 ([1-6][0-9][0-9])", re.IGNORECASE)


class Handover:
    """The transfers of one call, one at a time."""

    def __init__(self, office: Office, dialog: Dialog, login: Login | None) -> None:
        self._office = office
        self._dialog = dialog
        self._login = login
        self._waiting = False
        self._late: Timer | None = None

    def refer(self, target: str, now: float) -> None:
        """`target`: a `sip:` or `tel:` URI. Raises `NoSuchCall` while another transfer is under way."""
        if self._waiting:
            raise NoSuchCall("the call is being transferred already")
        self._waiting = True

        def make(headers: Headers) -> tuple[Request, Flow]:
            said = (("Refer-To", f"<{target}>"), self._dialog.contact(), *self._office.identity.about(), *headers)
            return self._dialog.request("REFER", said), self._dialog.next_hop()

        Ask(self._office, make, self._heard, self._login).start(now)

    def notified(self, transaction: ServerTransaction, now: float) -> None:
        """A NOTIFY within the call."""
        notify = transaction.request
        if (notify.get("event") or "").partition(";")[0].strip().lower() != "refer":
            transaction.respond(reply(notify, 489, headers=(("Allow-Events", "refer"),)), now)
            return
        if not self._waiting:
            transaction.respond(reply(notify, 481), now)
            return
        found = _FRAGMENT.match(notify.body)
        if found is None:
            transaction.respond(reply(notify, 400, "No sipfrag"), now)
            return
        transaction.respond(reply(notify, 200), now)
        status = int(found[1])
        ended = (notify.get("subscription-state") or "").strip().lower().startswith("terminated")
        if ended and status < 200:
            status = 408  # nothing more will be heard, and it had not come to anything
        self._tell(status, ended or status >= 200)

    def stop(self) -> None:
        """The call is over, and with it whatever is said about it."""
        self._waiting = False
        if self._late is not None:
            self._late.cancel()

    def _heard(self, response: Response, now: float) -> None:
        if not response.final or not self._waiting:
            return
        silent = (response.get("refer-sub") or "").strip().lower().startswith("false")
        if response.status < 300 and not silent:
            self._late = self._office.timers.at(now + self._office.options.refer_s, lambda then: self._tell(408, True))
        self._tell(response.status, response.status >= 300 or silent)

    def _tell(self, status: int, final: bool) -> None:
        if final:
            self.stop()
        self._office.out.append(Transfer(self._dialog.local_tag, status, final))

"""A request, and the same with a password when that is asked for (RFC 3261, 22.2)."""

from __future__ import annotations

from collections.abc import Callable

from vivavoce.transports.sip.actions import Flow, Headers, Login
from vivavoce.transports.sip.clients import ClientTransaction, InviteClient
from vivavoce.transports.sip.digest import answer_to, is_stale
from vivavoce.transports.sip.message import REASONS, Request, Response
from vivavoce.transports.sip.office import Office

TRIES = 4
"""A proxy and the one behind it may both ask, and either question may be too old."""


class Ask:
    """`make` gives the request with these further header fields, each time with a number of its own.

    `heard` gets every answer; where none comes, a 408 or 503 that nobody sent.
    """

    def __init__(
        self,
        office: Office,
        make: Callable[[Headers], tuple[Request, Flow]],
        heard: Callable[[Response, float], None],
        login: Login | None = None,
    ) -> None:
        self._office = office
        self._make = make
        self._heard = heard
        self._login = login
        self._proofs: dict[int, Headers] = {}
        self._tries = 0
        self._unwanted = False
        self._transaction: ClientTransaction | None = None

    def start(self, now: float) -> None:
        """Ask."""
        self._tries += 1
        self.request, self.flow = self._make(tuple(each for proof in self._proofs.values() for each in proof))
        self._transaction = self._office.transactions.ask(self.request, self.flow, self, now)

    def cancel(self, now: float) -> None:
        """An INVITE is not wanted any more."""
        assert isinstance(self._transaction, InviteClient)
        self._unwanted = True
        self._transaction.cancel(now)

    def stop(self) -> None:
        """It is not asked again, with no password either."""
        self._unwanted = True

    def received(self, response: Response, now: float) -> None:
        """An answer to the request as it was asked last."""
        if response.status not in (401, 407) or self._unwanted or not self._proved(response):
            self._heard(response, now)
        else:
            self.start(now)

    def failed(self, status: int, now: float) -> None:
        """Nobody answers."""
        self._heard(Response((), b"", status, REASONS[status]), now)

    def _proved(self, refusal: Response) -> bool:
        if self._tries >= TRIES or (refusal.status in self._proofs and not is_stale(refusal)):
            return False
        host = self.flow.remote[0]
        proof = answer_to(refusal, self.request, host, self._office.logins, self._login)
        self._proofs[refusal.status] = proof
        return bool(proof)

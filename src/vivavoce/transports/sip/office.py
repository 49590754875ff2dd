"""What all calls of one user agent share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from vivavoce.transports.sip.actions import Action, Flow, Send
from vivavoce.transports.sip.dialog import Dialog
from vivavoce.transports.sip.digest import Logins
from vivavoce.transports.sip.identity import Identity
from vivavoce.transports.sip.message import Request, Response
from vivavoce.transports.sip.options import Options
from vivavoce.transports.sip.timers import Timers
from vivavoce.transports.sip.transactions import ServerTransaction, Transactions


class Party(Protocol):
    """A call in any state, as the table of calls sees it."""

    @property
    def dialog(self) -> Dialog | None:
        """With whom; None: nobody has answered yet."""

    def requested(self, transaction: ServerTransaction, now: float) -> None:
        """A request within its dialog."""

    def acknowledged(self, ack: Request, now: float) -> None:
        """The ACK to a 2xx."""

    def withdrawn(self, transaction: ServerTransaction, now: float) -> None:
        """The peer has cancelled this INVITE, and was told 487."""

    def close(self, now: float) -> None:
        """The server stops: end it. Nothing more is told of it but `Refused`."""


class Office:
    """Options, timers, transactions, and the calls by their dialogs. What is to be done goes to `out`."""

    def __init__(self, options: Options, ids: Callable[[], str]) -> None:
        self.options = options
        self.ids = ids
        self.identity = Identity(options, ids)
        self.out: list[Action] = []
        self.timers = Timers()
        self.transactions = Transactions(self.out, self.timers)
        self.calls: dict[str, Party] = {}
        self.ringing: dict[tuple[str, str, int], str] = {}  # Call-ID, tag and number of INVITEs that wait: their calls
        self.logins: Logins = {}
        self.registrars: dict[str, str] = {}  # hosts that send calls here, by the name of the registration
        self.known: set[Flow] = set()  # connections on which somebody has spoken who may call
        self.closing = False  # no call may begin any more

    def ending(self) -> bool:
        """Whether there is a call, or somebody who does not know yet that one is over."""
        return bool(self.calls) or self.transactions.ending

    def taken(self) -> list[Action]:
        """What has been decided since the last time."""
        taken = self.out[:]
        self.out.clear()
        return taken

    def send(self, message: Request | Response, flow: Flow) -> None:
        """Once, and nothing waits for an answer."""
        self.out.append(Send(bytes(message), flow))

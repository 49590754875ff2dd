"""What the user agent is told about the network, and what it answers: bytes to send, and news of its calls.

A dialog is named by the tag that this side chose for it, a string; it stays the same from the INVITE to the BYE.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Headers = tuple[tuple[str, str], ...]
"""Names and values, in the order of the wire, repeats included."""
Transport = Literal["udp", "tcp", "tls"]
Address = tuple[str, int]
"""An IP address without brackets, and a port."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Between which two addresses a message travels. `local` is where this server listens, also where it connected."""

    transport: Transport
    local: Address
    remote: Address

    @property
    def reliable(self) -> bool:
        """Nothing is lost on it, and nothing needs sending twice."""
        return self.transport != "udp"


class NoSuchCall(Exception):
    """The dialog is not there, or not in a state in which that can be done: cancelled, answered or over."""


@dataclass(frozen=True, slots=True)
class Login:
    """What this server says who it is with, when it is asked."""

    username: str
    password: str

    def __repr__(self) -> str:
        """The password reaches no log."""
        return f"Login({self.username!r}, '***')"


@dataclass(frozen=True, slots=True)
class Send:
    """These bytes are to go out."""

    data: bytes
    flow: Flow


@dataclass(frozen=True, slots=True)
class Invited:
    """Somebody calls: `ring`, `answer` or `reject` it.

    `headers` lack those with credentials. `offer` is SDP; None: the answer is to bring an offer. `user` has proved
    who it is with a password.
    """

    dialog: str
    headers: Headers
    offer: str | None
    from_uri: str
    to_uri: str
    flow: Flow
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The caller knows that it was answered. `sdp` is its answer, where the offer was made here."""

    dialog: str
    sdp: str | None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The caller gave up before it was answered."""

    dialog: str


@dataclass(frozen=True, slots=True)
class Offered:
    """Within a call, new media (hold, resume, a moved address): `answer_offer` or `refuse_offer`.

    None: the peer wants an offer from this side.
    """

    dialog: str
    sdp: str | None


@dataclass(frozen=True, slots=True)
class Ended:
    """An answered call is over, and not by `bye`."""

    dialog: str
    reason: Literal["bye", "no ACK", "no SDP", "session expired", "unreachable"]


@dataclass(frozen=True, slots=True)
class Transfer:
    """How a REFER fares: a SIP status; nothing more is said after the `final` one. Below 300 and final: it worked."""

    dialog: str
    status: int
    final: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """A provisional answer to a call made here: 180 is ringing."""

    dialog: str
    status: int


@dataclass(frozen=True, slots=True)
class Answered:
    """A call made here was answered with this SDP. Later in a call: its media has changed to this."""

    dialog: str
    sdp: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A call made here comes to nothing: 408 nobody answered, 487 cancelled, 503 no connection, or what was said."""

    dialog: str
    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class Registered:
    """The registrar sends calls here until then, in the seconds of `now`; it is asked again before that."""

    name: str
    until: float


@dataclass(frozen=True, slots=True)
class Unregistered:
    """It was asked to send no more calls, and has answered or is silent."""

    name: str


@dataclass(frozen=True, slots=True)
class RegistrationFailed:
    """It is tried again at `again`."""

    name: str
    status: int
    again: float


News = (
    Invited
    | Confirmed
    | Cancelled
    | Offered
    | Ended
    | Transfer
    | Progress
    | Answered
    | Refused
    | Registered
    | Unregistered
    | RegistrationFailed
)
"""What the user of the agent is told."""
Action = Send | News

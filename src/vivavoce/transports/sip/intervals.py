"""How long a session lasts unless it is refreshed, and who refreshes it (RFC 4028)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from vivavoce.transports.sip.actions import Headers
from vivavoce.transports.sip.message import Message, Request, Response

SHORTEST_S = 90
"""RFC 4028 allows no shorter one."""
_EXPIRES = re.compile(r"([0-9]{1,8})\s*(?:;(.*))?")


@dataclass(frozen=True, slots=True)
class Interval:
    """In seconds. `uac` refreshes: the side that sent the request which settled it; or `uas`."""

    seconds: int
    refresher: Literal["uac", "uas"]

    def headers(self) -> Headers:
        """Of the 2xx that settles it."""
        required: Headers = (("Require", "timer"),) if self.refresher == "uac" else ()
        return (("Session-Expires", f"{self.seconds};refresher={self.refresher}"), *required)


def agreed(request: Request, longest: int) -> Interval | None:
    """What to answer to an INVITE or UPDATE. `longest`: this side's wish, 0: none. See `too_short`."""
    supported = request.option("supported", "timer")
    asked, refresher = _expires(request)
    if asked is None and not longest:
        return None
    least = max(SHORTEST_S, seconds_of(request.get("min-se")) or 0)
    seconds = max(min(asked or longest, longest or 2**31), least)
    return Interval(seconds, refresher or "uac" if supported else "uas")


def too_short(request: Request) -> bool:
    """It must be refused with a 422 and `Min-SE`."""
    asked, _ = _expires(request)
    return asked is not None and asked < SHORTEST_S


def settled(answer: Response) -> Interval | None:
    """What the peer has answered; None: the session does not expire."""
    asked, refresher = _expires(answer)
    return None if asked is None else Interval(max(asked, SHORTEST_S), refresher or "uac")


def wished(seconds: int, refresher: Literal["uac", "uas"] | None = None) -> Headers:
    """Of a request that settles it anew."""
    if not seconds:
        return ()
    given = f";refresher={refresher}" if refresher else ""
    return ("Session-Expires", f"{seconds}{given}"), ("Min-SE", str(SHORTEST_S))


def seconds_of(text: str | None) -> int | None:
    """A number of seconds at the beginning of a header field."""
    found = _EXPIRES.fullmatch(text or "")
    return int(found[1]) if found else None


def _expires(message: Message) -> tuple[int | None, Literal["uac", "uas"] | None]:
    found = _EXPIRES.fullmatch(message.get("session-expires") or "")
    if found is None:
        return None, None
    said = re.search(r"refresher\s*=\s*(uac|uas)", found[2] or "", re.IGNORECASE)
    if said is None:
        return int(found[1]), None
    return int(found[1]), "uac" if said[1].lower() == "uac" else "uas"

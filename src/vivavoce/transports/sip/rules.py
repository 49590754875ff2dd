"""What happens to a call by itself: the configuration's rules, the first that fits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

from vivavoce.protocol.session import SessionObject

Header = tuple[str, str]
"""Name and value."""
_URI = re.compile(r"(?:sips?|tel):([^?]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rule:
    """What is done with the calls that fit. A condition that is None, or has no entries, fits every call."""

    then: Literal["accept", "reject", "webhook"]
    called: str | None = None
    caller: str | None = None
    headers: Sequence[Header] = ()
    """A header of this name must have this value; names ignore case, and so do values."""
    project: str | None = None
    """To whom the call belongs."""
    status: int = 603
    """Of a rejection."""
    session: SessionObject | None = field(default=None, repr=False)
    """Of an acceptance; None: the defaults."""
    greet: bool = False
    """The answer begins at once: nobody waits until the caller has said something."""

    def fits(self, called: str, caller: str, headers: Sequence[Header]) -> bool:
        """`called` and `caller` are URIs."""
        return (
            (self.called is None or matches(self.called, called))
            and (self.caller is None or matches(self.caller, caller))
            and all(_has(headers, name, pattern) for name, pattern in self.headers)
        )


def first(rules: Iterable[Rule], called: str, caller: str, headers: Sequence[Header]) -> Rule | None:
    """The rule that decides about a call."""
    return next((rule for rule in rules if rule.fits(called, caller, headers)), None)


def matches(pattern: str, uri: str) -> bool:
    """`*` stands for anything. A pattern without @ is compared with the number or user alone."""
    user, address = user_of(uri), address_of(uri)
    wanted = address_of(pattern) if pattern.lower().startswith(("sip:", "sips:", "tel:")) else pattern
    return _like(wanted, address if "@" in wanted else user)


def user_of(uri: str) -> str:
    """The number or name in a URI: `+4930123` of `sip:+4930123;cpc=ordinary@example.com:5060;transport=tls`."""
    user, at, _ = _bare(uri).rpartition("@")
    return (user if at else "" if _is_sip(uri) else _bare(uri)).partition(";")[0]


def address_of(uri: str) -> str:
    """The same with its host: `+4930123@example.com:5060`; of a `tel:` URI the number."""
    _, at, host = _bare(uri).rpartition("@")
    user = user_of(uri)
    return f"{user}@{host.partition(';')[0]}" if at else user or host.partition(";")[0]


def _bare(uri: str) -> str:
    found = _URI.match(uri)
    return found[1] if found else uri.partition("?")[0]


def _is_sip(uri: str) -> bool:
    return uri[:4].lower() in ("sip:", "sips")


def _has(headers: Sequence[Header], name: str, pattern: str) -> bool:
    return any(each.lower() == name.lower() and _like(pattern, value) for each, value in headers)


def _like(pattern: str, text: str) -> bool:
    # A bracket in an IPv6 address is no set of characters.
    return fnmatchcase(text.lower(), pattern.lower().replace("[", "[[]"))

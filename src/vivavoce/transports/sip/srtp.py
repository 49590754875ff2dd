"""SRTP with keys that travel in the session description (SDES: RFC 4568), by libsrtp (RFC 3711)."""

from __future__ import annotations

import base64
import re
import secrets
from dataclasses import dataclass
from typing import Literal, get_args

from pylibsrtp import Error, Policy, Session

Suite = Literal["AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"]
SUITES: tuple[Suite, ...] = get_args(Suite)
"""In the order of preference (RFC 4568 6.2)."""
KEY_BYTES = 30
"""Of a master key and its salt."""

_CRYPTO = re.compile(
    r"(?P<tag>[0-9]{1,9}) (?P<suite>[A-Za-z0-9_]+) inline:(?P<key>[A-Za-z0-9+/]{40})"
    r"(\|(2\^)?[0-9]{1,15})?( WSH=[0-9]+)?"
)
"""A lifetime may stand there: no call lasts 2^31 packets. With a name for the key, or with parameters that would change
what is encrypted, the line is one that we cannot serve (RFC 4568 6.3)."""


@dataclass(frozen=True, slots=True)
class Crypto:
    """One side's key for what it sends. `tag` names the line, and the answer to it."""

    tag: int
    suite: Suite
    key: bytes

    @staticmethod
    def parse(value: str) -> Crypto | None:
        """What stands behind `a=crypto:`; None when it is nothing that we can do."""
        found = _CRYPTO.fullmatch(" ".join(value.split()))
        suite = next((each for each in SUITES if found and each == found["suite"]), None)
        if found is None or suite is None:
            return None
        return Crypto(int(found["tag"]), suite, base64.b64decode(found["key"]))

    @staticmethod
    def fresh(tag: int, suite: Suite) -> Crypto:
        """With a key that nobody had before."""
        return Crypto(tag, suite, secrets.token_bytes(KEY_BYTES))

    def alike(self, other: Crypto) -> bool:
        """The same key, whatever its line is called."""
        return (self.suite, self.key) == (other.suite, other.key)

    def described(self) -> str:
        """The line."""
        return f"a=crypto:{self.tag} {self.suite} inline:{base64.b64encode(self.key).decode()}"

    def __repr__(self) -> str:
        """The key reaches no log."""
        return f"Crypto({self.tag}, {self.suite!r}, '***')"


class Srtp:
    """One call's encryption, both ways: `ours` for what leaves, `theirs` for what comes."""

    def __init__(self, ours: Crypto, theirs: Crypto) -> None:
        self.ours = ours
        self.theirs = theirs
        self._out = _session(ours, Policy.SSRC_ANY_OUTBOUND)
        self._in = _session(theirs, Policy.SSRC_ANY_INBOUND)

    def agreed(self, ours: Crypto, theirs: Crypto) -> None:
        """After a new agreement. A key that stays goes on where it is: its counters must not begin anew."""
        if not ours.alike(self.ours):
            self._out = _session(ours, Policy.SSRC_ANY_OUTBOUND)
        if not theirs.alike(self.theirs):
            self._in = _session(theirs, Policy.SSRC_ANY_INBOUND)
        self.ours, self.theirs = ours, theirs

    def seal(self, data: bytes, *, rtcp: bool) -> bytes:
        """A datagram as it travels."""
        return self._out.protect_rtcp(data) if rtcp else self._out.protect(data)

    def open(self, data: bytes, *, rtcp: bool) -> bytes | None:
        """What is in a datagram; None when it was not made with the other side's key, or came before."""
        try:
            return self._in.unprotect_rtcp(data) if rtcp else self._in.unprotect(data)
        except (Error, ValueError):  # forged or old, or longer than a datagram of ours can be
            return None


def _session(crypto: Crypto, direction: int) -> Session:
    short = crypto.suite == "AES_CM_128_HMAC_SHA1_32"
    profile = Policy.SRTP_PROFILE_AES128_CM_SHA1_32 if short else Policy.SRTP_PROFILE_AES128_CM_SHA1_80
    # Its reports have the long tag all the same (RFC 4568 6.2.2): so it is in libsrtp's profile.
    return Session(Policy(key=crypto.key, ssrc_type=direction, srtp_profile=profile))

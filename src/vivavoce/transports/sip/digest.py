"""Digest authentication, both ways (RFC 3261, 22; RFC 7616; RFC 8760). The arithmetic is aiosipua's."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Literal

from aiosipua.auth import SipDigestAuth, build_credentials
from aiosipua.headers import AuthChallenge, parse_auth, stringify_auth

from vivavoce.transports.sip.actions import Headers, Login
from vivavoce.transports.sip.message import Request, Response
from vivavoce.transports.sip.options import Options

STRENGTH = ("SHA-256", "MD5")
REMEMBERED = 10_000
"""Nonces in use, of which it is known how often; beyond them the longest unused are asked for anew."""

Verdict = Literal["right", "stale", "wrong", "absent"]


class Guard:
    """Asks callers for a password. What it asks with needs no memory until somebody answers it rightly."""

    def __init__(self, options: Options, ids: Callable[[], str], remembered: int = REMEMBERED) -> None:
        self._options = options
        self._ids = ids
        self._remembered = remembered
        self._used: dict[str, int] = {}  # how often each nonce has served, so that nobody can say it again
        self._forgotten = -1  # when the youngest of the nonces was made whose use is no longer known, in ms

    def check(self, request: Request, here: bytes, now: float) -> tuple[Verdict, str | None]:
        """Whether somebody has proved who it is, and who. `here`: where the request comes from, as for `challenges`."""
        for value in (value for name, value in request.headers if name.lower() == "authorization"):
            given = parse_auth(value, credentials=True)
            said = {name.lower(): text for name, text in given.params.items()}
            if given.scheme.lower() == "digest" and said.get("realm") == self._options.realm:
                return self._judge(said, request.method, here, now), said.get("username")
        return "absent", None

    def challenges(self, stale: bool, here: bytes, now: float) -> Headers:
        """The header fields of a 401. Only `here` can answer them, so that nobody seems to guess from elsewhere."""
        nonce = self._nonce(int(now * 1000), self._ids(), here)
        return tuple(("WWW-Authenticate", self._challenge(each, nonce, stale)) for each in self._options.digests)

    def _challenge(self, algorithm: str, nonce: str, stale: bool) -> str:
        params = {"realm": self._options.realm, "nonce": nonce, "qop": "auth", "algorithm": algorithm}
        return stringify_auth(AuthChallenge("Digest", params | ({"stale": "true"} if stale else {})))

    def _judge(self, said: dict[str, str], method: str, here: bytes, now: float) -> Verdict:
        nonce, uri = said.get("nonce", ""), said.get("uri", "")
        made = self._made(nonce, here)
        if made is None or now - made / 1000 > self._options.nonce_s:
            return "stale"  # too old, of another life of this server, or not asked of this place
        password = self._options.users.get(said.get("username", ""))
        algorithm = said.get("algorithm", "MD5").upper()
        digits = said.get("nc", "")
        complete = said.get("qop", "").lower() == "auth" and re.fullmatch("[0-9a-fA-F]{8}", digits)
        if password is None or not complete or algorithm not in self._options.digests or not said.get("cnonce"):
            return "wrong"
        count = int(digits, 16)
        if count <= self._used.get(nonce, 0) or (nonce not in self._used and made <= self._forgotten):
            return "stale"
        asked = AuthChallenge("Digest", {"realm": self._options.realm, "nonce": nonce, "qop": "auth"})
        asked.params["algorithm"] = algorithm
        login = SipDigestAuth(said["username"], password)
        right = build_credentials(login, asked, method, uri, nonce_count=count, cnonce=said["cnonce"])
        # A digest is over what the client wrote: `nc` in capitals would be another one, and nobody writes it so.
        expected = right.params["response"] if right else ""
        if not hmac.compare_digest(expected.encode(), said.get("response", "").lower().encode()):
            return "wrong"
        self._use(nonce, count)
        return "right"

    def _use(self, nonce: str, count: int) -> None:
        self._used.pop(nonce, None)
        self._used[nonce] = count
        if len(self._used) > self._remembered:
            oldest = next(iter(self._used))
            del self._used[oldest]
            self._forgotten = max(self._forgotten, int(oldest.partition(".")[0]))

    def _made(self, nonce: str, here: bytes) -> int | None:
        """When, in ms; None: it was not made here for whoever is there."""
        made, _, rest = nonce.partition(".")
        salt = rest.partition(".")[0]
        if not re.fullmatch("[0-9]{1,15}", made):
            return None
        ours = self._nonce(int(made), salt, here)
        return int(made) if hmac.compare_digest(ours.encode(), nonce.encode()) else None

    def _nonce(self, made: int, salt: str, here: bytes) -> str:
        text = f"{here.hex()}.{made}.{salt}"
        seal = hmac.new(self._options.secret, text.encode(), hashlib.sha256).hexdigest()[:32]
        return f"{made}.{salt}.{seal}"


Logins = dict[tuple[str, str], Login]
"""Those that have been asked for before, by realm and by the host that asked: another host gets none of them."""


def answer_to(refusal: Response, request: Request, host: str, logins: Logins, login: Login | None) -> Headers:
    """The header fields that answer a 401 or 407, the strongest that both know; empty: there is no answer.

    `login` is for whoever asks; without it what that realm of that host was told before.
    """
    answer = "Authorization" if refusal.status == 401 else "Proxy-Authorization"
    for algorithm in STRENGTH:
        for challenge in _challenges(refusal):
            key = (challenge.params.get("realm", ""), host)
            known = login or logins.get(key)
            if known is None or challenge.params.get("algorithm", "MD5").upper() != algorithm:
                continue
            secret = SipDigestAuth(known.username, known.password)
            credentials = build_credentials(secret, challenge, request.method, request.uri)
            if credentials is not None:
                logins[key] = known
                return ((answer, stringify_auth(credentials)),)
    return ()


def is_stale(refusal: Response) -> bool:
    """The password was right, and only the question too old."""
    return any(each.params.get("stale", "").lower() == "true" for each in _challenges(refusal))


def _challenges(refusal: Response) -> list[AuthChallenge]:
    asked = "www-authenticate" if refusal.status == 401 else "proxy-authenticate"
    found = [parse_auth(value) for name, value in refusal.headers if name.lower() == asked]
    for each in found:
        each.params = {name.lower(): value for name, value in each.params.items()}
    return found

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
"""Nonces in use, of which it is known how often; beyond them the oldest are asked for anew."""

Verdict = Literal["right", "stale", "wrong", "absent"]


class Guard:
    """Asks callers for a password. What it asks with needs no memory until somebody answers it rightly."""

    def __init__(self, options: Options, ids: Callable[[], str], remembered: int = REMEMBERED) -> None:
        self._options = options
        self._ids = ids
        self._remembered = remembered
        self._used: dict[str, int] = {}  # how often each nonce has served, so that nobody can say it again

    def check(self, request: Request, now: float) -> tuple[Verdict, str | None]:
        """Whether somebody has proved who it is, and who."""
        for value in (value for name, value in request.headers if name.lower() == "authorization"):
            given = parse_auth(value, credentials=True)
            said = {name.lower(): text for name, text in given.params.items()}
            if given.scheme.lower() == "digest" and said.get("realm") == self._options.realm:
                return self._judge(said, request.method, now), said.get("username")
        return "absent", None

    def challenges(self, stale: bool, now: float) -> Headers:
        """The header fields of a 401."""
        nonce = self._nonce(int(now * 1000), self._ids())
        return tuple(("WWW-Authenticate", self._challenge(each, nonce, stale)) for each in self._options.digests)

    def _challenge(self, algorithm: str, nonce: str, stale: bool) -> str:
        params = {"realm": self._options.realm, "nonce": nonce, "qop": "auth", "algorithm": algorithm}
        return stringify_auth(AuthChallenge("Digest", params | ({"stale": "true"} if stale else {})))

    def _judge(self, said: dict[str, str], method: str, now: float) -> Verdict:
        password = self._options.users.get(said.get("username", ""))
        algorithm = said.get("algorithm", "MD5").upper()
        count = said.get("nc", "")
        complete = said.get("qop", "").lower() == "auth" and re.fullmatch("[0-9a-fA-F]{8}", count)
        if password is None or not complete or algorithm not in self._options.digests or not said.get("cnonce"):
            return "wrong"
        nonce, uri = said.get("nonce", ""), said.get("uri", "")
        asked = AuthChallenge("Digest", {"realm": self._options.realm, "nonce": nonce, "qop": "auth"})
        asked.params["algorithm"] = algorithm
        login = SipDigestAuth(said["username"], password)
        right = build_credentials(login, asked, method, uri, nonce_count=int(count, 16), cnonce=said["cnonce"])
        # A digest is over what the client wrote: `nc` in capitals would be another one, and nobody writes it so.
        expected = right.params["response"] if right else ""
        if not hmac.compare_digest(expected.encode(), said.get("response", "").lower().encode()):
            return "wrong"
        return self._fresh(nonce, int(count, 16), now)

    def _fresh(self, nonce: str, count: int, now: float) -> Verdict:
        made, _, rest = nonce.partition(".")
        salt = rest.partition(".")[0]
        if not re.fullmatch("[0-9]{1,15}", made) or not hmac.compare_digest(
            self._nonce(int(made), salt).encode(), nonce.encode()
        ):
            return "stale"  # of another life of this server
        if now - int(made) / 1000 > self._options.nonce_s or count <= self._used.get(nonce, 0):
            return "stale"
        self._used.pop(nonce, None)
        self._used[nonce] = count
        if len(self._used) > self._remembered:
            del self._used[next(iter(self._used))]
        return "right"

    def _nonce(self, made: int, salt: str) -> str:
        text = f"{made}.{salt}"
        return f"{text}.{hmac.new(self._options.secret, text.encode(), hashlib.sha256).hexdigest()[:32]}"


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

"""How the user agent behaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network


@dataclass(frozen=True, kw_only=True)
class Options:
    """How the user agent behaves. Times in seconds.

    Calls are taken from the networks of `allow`, from registrars that this side is registered with, and from `users`.
    """

    public_address: str | None = None
    everybody: bool = False
    """Calls are taken from anybody: for a server that only its own machine can reach."""
    allow: tuple[IPv4Network | IPv6Network, ...] = ()
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Passwords by name."""
    realm: str = "vivavoce"
    digests: tuple[str, ...] = ("MD5",)
    nonce_s: float = 300.0
    secret: bytes = field(default=b"", repr=False)
    """What nonces are made with; random, and of nobody else."""
    max_ringing: int = 64
    calls_per_second: float = 20.0
    session_expires_s: int = 1800
    """0: no session timers unless the peer wants one."""
    user_agent: str = "vivavoce"
    ring_s: float = 180.0
    """How long a call made here may ring."""
    refer_s: float = 180.0
    """How long the news of a REFER is waited for."""

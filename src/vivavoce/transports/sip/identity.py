"""What this side says of itself: its address, and what it can do."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

from vivavoce.transports.sip.actions import Flow, Headers
from vivavoce.transports.sip.fields import bracketed, host_port
from vivavoce.transports.sip.message import COOKIE
from vivavoce.transports.sip.options import Options

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, NOTIFY"
SUPPORTED = "timer"


class Identity:
    """`ids` gives random tokens: whoever can guess one can speak for a call."""

    def __init__(self, options: Options, ids: Callable[[], str]) -> None:
        self.ids = ids
        self._public = options.public_address
        self._name = options.user_agent

    def host(self, flow: Flow) -> str:
        """By what address the peer reaches this side."""
        public = self._public
        same = public is not None and ip_address(public).version == ip_address(flow.local[0]).version
        loopback = ip_address(flow.remote[0]).is_loopback
        return public if public is not None and same and not loopback else flow.local[0]

    def via(self, flow: Flow) -> tuple[str, str]:
        """A new transaction's header field."""
        here = host_port((self.host(flow), flow.local[1]))
        return "Via", f"SIP/2.0/{flow.transport.upper()} {here};branch={COOKIE}{self.ids()};rport"

    def contact(self, flow: Flow, secure: bool = False) -> tuple[str, str]:
        """Where requests of the dialog reach this side; without its transport they would come over UDP."""
        scheme = "sips" if secure else "sip"
        transport = "" if flow.transport == "udp" else f";transport={flow.transport}"
        if secure:
            transport = ""
        return "Contact", f"<{scheme}:vivavoce@{bracketed(self.host(flow))}:{flow.local[1]}{transport}>"

    def about(self) -> Headers:
        """What this side can do."""
        return ("Allow", ALLOW), ("Supported", SUPPORTED), ("User-Agent", self._name)

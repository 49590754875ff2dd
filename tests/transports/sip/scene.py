"""One user agent and whoever writes to it, on a time that the test tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import TypeVar

from vivavoce.transports.sip.actions import Action, Flow, Headers, Send
from vivavoce.transports.sip.agent import UserAgent
from vivavoce.transports.sip.message import Request, Response, parse
from vivavoce.transports.sip.options import Options

PHONE = Flow("udp", ("192.0.2.1", 5060), ("192.0.2.9", 5060))
"""A phone, as this side sees it."""
STRANGER = replace(PHONE, remote=("203.0.113.66", 5060))
OFFER, ANSWER, OTHER = "v=0\r\ns=offer\r\n", "v=0\r\ns=answer\r\n", "v=0\r\ns=other\r\n"
OURS = "sip:vivavoce@192.0.2.1:5060"
Kind = TypeVar("Kind")


def request(
    method: str,
    *,
    uri: str = "sip:bot@192.0.2.1",
    branch: str = "z9hG4bK-1",
    host: str = "192.0.2.9",
    transport: str = "UDP",
    call: str = "call-1",
    tag: str = "phone",
    to: str = "",
    number: int = 1,
    sdp: str | bytes | None = None,
    headers: Headers = (),
) -> bytes:
    """What a phone writes. `to`: the tag in To; `headers` beside the usual ones."""
    body = sdp.encode() if isinstance(sdp, str) else sdp or b""
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/{transport} {host}:5060;branch={branch};rport",
        f'From: "Ann" <sip:ann@{host}>;tag={tag}',
        f"To: <sip:bot@192.0.2.1>{f';tag={to}' if to else ''}",
        f"Call-ID: {call}",
        f"CSeq: {number} {method}",
        "Max-Forwards: 70",
        *(f"{name}: {value}" for name, value in headers),
        *(["Content-Type: application/sdp"] if body and all(name != "Content-Type" for name, _ in headers) else []),
        f"Content-Length: {len(body)}",
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + body


CONTACT: Headers = (("Contact", "<sip:ann@192.0.2.9:5060>"),)


def invite(sdp: str | None = OFFER, headers: Headers = (), **changes: str) -> bytes:
    """An INVITE that begins a call."""
    return request("INVITE", sdp=sdp, headers=(*CONTACT, *headers), **changes)  # type: ignore[arg-type]


def show(actions: Sequence[Action]) -> list[str]:
    """A word or two for each: `180` or `BYE` for what is sent, the name for what is told."""
    return [_word(each) for each in actions]


def _word(action: Action) -> str:
    if not isinstance(action, Send):
        return type(action).__name__
    if not action.data.strip():
        return "keepalive"
    message = parse(action.data)
    return str(message.status) if isinstance(message, Response) else message.method


def requests(actions: Sequence[Action]) -> list[Request]:
    """Those that are sent."""
    found = [parse(each.data) for each in actions if isinstance(each, Send)]
    return [each for each in found if isinstance(each, Request)]


def responses(actions: Sequence[Action]) -> list[Response]:
    """Those that are sent."""
    found = [parse(each.data) for each in actions if isinstance(each, Send)]
    return [each for each in found if isinstance(each, Response)]


def told(actions: Sequence[Action], kind: type[Kind]) -> Kind:
    """The one piece of news of this kind."""
    (found,) = [each for each in actions if isinstance(each, kind)]
    return found


def answer(asked: Request, status: int, tag: str = "peer", headers: Headers = (), sdp: str = "") -> bytes:
    """What a peer writes back."""
    copied = [
        (name, f"{value};tag={tag}" if name == "To" and ";tag=" not in value and status > 100 else value)
        for name, value in asked.headers
        if name in ("Via", "From", "To", "Call-ID", "CSeq")
    ]
    kind: Headers = (("Content-Type", "application/sdp"),) if sdp else ()
    return bytes(Response((*copied, *headers, *kind), sdp.encode(), status, "Whatever"))


class Scene:
    """The agent's ids are `id-1`, `id-2` and so on: `id-1` is the first call that comes."""

    def __init__(self, **options: object) -> None:
        given: dict[str, object] = {"everybody": True, "session_expires_s": 0, "secret": b"known"} | options
        self.options = Options(**given)  # type: ignore[arg-type]
        numbers = count(1)
        self.agent = UserAgent(self.options, lambda: f"id-{next(numbers)}")
        self.now = 1000.0

    def hear(self, data: bytes, flow: Flow = PHONE) -> list[Action]:
        """A message arrives."""
        return self.agent.receive(data, flow, self.now)

    def wait(self, seconds: float) -> list[Action]:
        """Time passes, timer by timer."""
        end, done = self.now + seconds, []
        while (due := self.agent.deadline()) is not None and due <= end:
            self.now = max(self.now, due)
            done += self.agent.tick(self.now)
        self.now = end
        return done

    def called(self, sdp: str | None = OFFER, headers: Headers = (), flow: Flow = PHONE) -> str:
        """A call comes and rings."""
        self.hear(invite(sdp, headers), flow)
        self.agent.ring("id-1", self.now)
        return "id-1"

    def talking(self, headers: Headers = (), flow: Flow = PHONE) -> str:
        """A call is answered and acknowledged."""
        dialog = self.called(headers=headers, flow=flow)
        self.agent.answer(dialog, ANSWER, self.now)
        self.hear(request("ACK", branch="z9hG4bK-ack", to=dialog), flow)
        return dialog

    def within(self, method: str, number: int = 2, **changes: object) -> list[Action]:
        """The phone asks something within the call."""
        flow = changes.pop("flow", PHONE)
        assert isinstance(flow, Flow)
        given: dict[str, object] = {"branch": f"z9hG4bK-{method}-{number}", "to": "id-1", "number": number} | changes
        return self.hear(request(method, **given), flow)  # type: ignore[arg-type]

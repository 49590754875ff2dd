"""Broken SIP and broken session descriptions: only `SipError` and `SdpError` may come of them."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from random import Random

import msgspec

from vivavoce.transports.sip.actions import Action, Flow, Invited, NoSuchCall, Send
from vivavoce.transports.sip.agent import UserAgent
from vivavoce.transports.sip.agreement import Agreement
from vivavoce.transports.sip.fields import SipError
from vivavoce.transports.sip.framing import Framer
from vivavoce.transports.sip.message import Request, parse
from vivavoce.transports.sip.negotiation import Terms, choose
from vivavoce.transports.sip.options import Options
from vivavoce.transports.sip.sdp import SdpError

_HERE, _THERE = ("192.0.2.1", 5060), ("192.0.2.9", 5060)
_OURS, _THEIRS = Flow("udp", _HERE, _THERE), Flow("udp", _THERE, _HERE)
_BEGAN = 1000.0
"""Seconds, of a clock that nobody looks at."""
_REPAIRED = 0.8
_A_SCENE = 250
"""Inputs for one agent; the next ones meet another."""
_BODIES = (
    "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 96 0 8 13 101\r\n"
    "a=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
    "a=ptime:20\r\na=rtcp:4001 IN IP4 192.0.2.9\r\na=sendrecv\r\n",
    "v=0\r\no=- 1 1 IN IP6 2001:db8::9\r\ns=-\r\nc=IN IP6 2001:db8::9\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 0 101\r\n"
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\na=rtcp-mux\r\n"
    "a=rtpmap:101 telephone-event/8000\r\nm=video 4002 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\na=inactive\r\n",
)
_WITHIN = (
    ("INVITE", "application/sdp", _BODIES[1]),
    ("UPDATE", "application/sdp", _BODIES[0]),
    ("NOTIFY", "message/sipfrag", "SIP/2.0 100 Trying"),
    ("INFO", "application/dtmf-relay", "Signal=5\r\nDuration=160\r\n"),
    ("OPTIONS", "text/plain", ""),
    ("REFER", "text/plain", ""),
    ("BYE", "text/plain", ""),
)
_SPICE = (
    *("\r\n", "\n", "\r", "\0", '"', "<", ">", ";", ",", ":", "[", "]", "@", "=", " ", "\t", "%00", "-1", "0"),
    *(
        "99999999999999999999",
        "\u0660",
        "sip:",
        "SIP/2.0",
        ";tag=",
        "CSeq: 7 BYE\r\n",
        "Content-Length: 9\r\n",
        "a" * 3000,
    ),
    *("m=audio 1 RTP/AVP 0\r\n", "a=rtcp:", "c=IN IP4 ", "a=crypto:", "a=rtpmap:", "a=inactive\r\n"),
)


class FuzzReport(msgspec.Struct, frozen=True):
    """What became of the inputs."""

    sip: int
    """Messages ..."""
    sdp: int
    """... and descriptions that were tried."""
    outcomes: dict[str, int]
    escaped: dict[str, int]
    """Exceptions of other kinds, by their text: there must be none."""

    @property
    def good(self) -> bool:
        """Nothing else came out."""
        return not self.escaped


def fuzz(inputs: int, seed: int) -> FuzzReport:
    """So many, half of each kind. The same seed makes the same."""
    chance = Random(seed)
    outcomes: Counter[str] = Counter()
    escaped: Counter[str] = Counter()
    done = 0

    def attempt(trial: Callable[[], str]) -> None:
        try:
            outcomes[trial()] += 1
        except Exception as bug:
            escaped[f"{type(bug).__name__}: {bug}"[:200]] += 1

    while done < inputs // 2:
        here, seeds = scene()
        for _ in range(min(_A_SCENE, inputs // 2 - done)):
            data = mutated(chance.choice(seeds), chance)
            data = _repaired(data) if chance.random() < _REPAIRED else data
            attempt(partial(_message, here, data, _BEGAN + done % _A_SCENE / 4))
            done += 1
    for _ in range(inputs - done):
        text = mutated(chance.choice(_BODIES).encode(), chance).decode(errors="replace")
        attempt(partial(_description, text))
    return FuzzReport(done, inputs - done, dict(sorted(outcomes.items())), dict(escaped))


def _message(here: UserAgent, data: bytes, now: float) -> str:
    """It is read, framed as on a connection, and given to an agent in a call, which never raises anything."""
    actions = [*here.tick(now), *here.receive(data, _OURS, _BEGAN)]
    with suppress(SipError):
        Framer().feed(data)
    try:
        parse(data)
    except SipError:
        return "SIP: SipError"
    return "SIP: answered or told" if actions else "SIP: read and left alone"


def _description(text: str) -> str:
    """It is an offer, one within a call, and an answer."""
    terms = Terms()
    call = Agreement(_HERE[0], 4000, terms)
    call.answer(choose(_BODIES[0], terms))
    with suppress(SdpError):
        call.reoffered(text)
    asked = Agreement(_HERE[0], 4000, terms)
    asked.offer()
    with suppress(SdpError):
        asked.accept(text)
    try:
        Agreement(_HERE[0], 4000, terms).answer(choose(text, terms))
    except SdpError as error:
        return f"SDP: SdpError {error.status}"
    return "SDP: answered"


def scene() -> tuple[UserAgent, list[bytes]]:
    """An agent in a call, and everything that its peer has written to it in calls that went well and badly."""
    numbers = count(1)
    here, there = (UserAgent(Options(everybody=True, secret=b"known"), lambda: f"id{next(numbers)}") for _ in range(2))
    written: list[bytes] = []

    def exchange(actions: Sequence[Action], at: UserAgent) -> list[Action]:
        """Both talk until nothing more is said; what `here` is told."""
        told: list[Action] = []
        todo = deque((each, at) for each in actions)
        while todo:
            action, of = todo.popleft()
            if isinstance(action, Send):
                if of is there:
                    written.append(action.data)
                other, flow = (here, _OURS) if of is there else (there, _THEIRS)
                todo.extend((each, other) for each in other.receive(action.data, flow, _BEGAN))
            elif of is here:
                told.append(action)
        return told

    def called() -> tuple[str, str]:
        """Both names of a call that rings."""
        dialog, actions = there.invite("sip:bot@192.0.2.1", _BODIES[0], _THEIRS, _BEGAN, from_uri="sip:ann@192.0.2.9")
        (invited,) = (each for each in exchange(actions, there) if isinstance(each, Invited))
        exchange(here.ring(invited.dialog, _BEGAN), here)
        return dialog, invited.dialog

    for index in range(4):
        dialog, ours = called()
        if index == 0:
            exchange(there.cancel(dialog, _BEGAN), there)
        elif index == 1:
            exchange(here.reject(ours, 486, _BEGAN), here)
        else:
            exchange(here.answer(ours, _BODIES[0], _BEGAN), here)
            with suppress(NoSuchCall):
                exchange(here.refer(ours, "sip:carol@192.0.2.5", _BEGAN), here)
            if index == 2:
                exchange(there.bye(dialog, _BEGAN), there)
    return here, [*written, *_within(written)]


def _within(written: Sequence[bytes]) -> Iterator[bytes]:
    """What else a phone may ask in the call of the last ACK."""
    ack = next(each for each in reversed(written) if each.startswith(b"ACK "))
    asked = parse(ack)
    assert isinstance(asked, Request)
    kept = [each for each in asked.headers if each[0].lower() not in ("cseq", "content-length", "content-type")]
    for number, (method, kind, body) in enumerate(_WITHIN, start=20):
        headers = [*kept, ("CSeq", f"{number} {method}"), ("Content-Type", kind), ("Event", "refer")]
        yield bytes(Request((*headers, ("Subscription-State", "active")), body.encode(), method, asked.uri))


def _repaired(data: bytes) -> bytes:
    """With the length that its body has now: otherwise little gets further than that."""
    length = len(data.partition(b"\r\n\r\n")[2])
    return re.sub(rb"Content-Length: *[0-9]+", b"Content-Length: %d" % length, data, count=1)


def mutated(data: bytes, chance: Random) -> bytes:
    """One to four changes: a byte, a part cut out, doubled or moved, something strange put in, lines swapped."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        here, there = sorted(chance.randrange(len(changed) + 1) for _ in range(2))
        there = min(there, here + 80)
        match chance.randrange(7):
            case 0 if changed:
                changed[here - 1] = chance.randrange(32, 127) if chance.random() < 0.9 else chance.randrange(256)
            case 1:
                del changed[here:there]
            case 2:
                changed[here:here] = changed[here:there]
            case 3 | 4:
                changed[here : there if chance.random() < 0.5 else here] = chance.choice(_SPICE).encode()
            case 5:
                lines = bytes(changed).split(b"\r\n")
                one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
                lines[one], lines[other] = lines[other], lines[one]
                changed = bytearray(b"\r\n".join(lines))
            case _:
                part = changed[here:there]
                del changed[here:there]
                at = chance.randrange(len(changed) + 1)
                changed[at:at] = part
    return bytes(changed)

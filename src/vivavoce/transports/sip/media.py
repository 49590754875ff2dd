"""The audio of a telephone call: two UDP ports, and what both sides have agreed on about them."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Literal

from vivavoce.audio import rtcp
from vivavoce.audio.dtmf import ToneDetector
from vivavoce.audio.pcm import Pcm
from vivavoce.audio.receiver import COMFORT_NOISE
from vivavoce.audio.rtp import RtpPacket
from vivavoce.transports.rtp.codecs import Codec
from vivavoce.transports.rtp.line import RtpLine
from vivavoce.transports.rtp.stream import RtpStream
from vivavoce.transports.sip import negotiation
from vivavoce.transports.sip.agreement import Agreement
from vivavoce.transports.sip.dtmf import Presses, as_silence
from vivavoce.transports.sip.negotiation import Agreed, Keys, Terms
from vivavoce.transports.sip.ports import Pair, Ports, reachable_from
from vivavoce.transports.sip.sdp import SdpError
from vivavoce.transports.sip.srtp import Srtp
from vivavoce.transports.sip.wire import Wire

_ANYWHERE = {4: "192.0.2.1", 6: "2001:db8::1"}
"""Addresses that nobody has (RFC 5737, RFC 3849): the way there is the one that most packets go."""
_WILDCARD = {4: "0.0.0.0", 6: "::"}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """How the media of one server's calls travels.

    `host` is the address of ours that is used, None any; `public_address` is what callers are told instead of it.
    After `timeout_s` seconds of nothing a caller is gone. `tones`: keys are also looked for in the audio of those
    phones that send them no other way.
    """

    ports: Ports = field(default_factory=Ports)
    terms: Terms = field(default_factory=Terms)
    host: str | None = None
    public_address: str | None = None
    timeout_s: float = 30.0
    tones: bool = False


class Studio:
    """Where the media of a server's calls is made."""

    def __init__(self, options: Options) -> None:
        self._options = options

    def security(self, offer: str) -> Literal["rtp", "srtp"]:
        """How a call with this offer would travel. Raises `SdpError` for one that cannot be answered."""
        return "rtp" if negotiation.choose(offer, self._options.terms).crypto is None else "srtp"

    async def answering(self, offer: str, signalled: str = "") -> tuple[Media, str]:
        """Media, and the answer. `signalled` is the address that the offer came from.

        Raises `SdpError`, and `OSError` when no port is free.
        """
        agreed = negotiation.choose(offer, self._options.terms)
        there = agreed.to[0] if agreed.to else signalled
        media = Media(self._options, *_place(self._options, agreed.version, there), signalled)
        return media, media.answer(agreed)

    async def offering(self, towards: str = "") -> tuple[Media, str]:
        """Media, and an offer; its `accept` is to follow. `towards` is the address that signalling goes to.

        Raises `OSError` when no port is free.
        """
        version = 6 if ":" in towards or ":" in (self._options.host or "") else 4
        media = Media(self._options, *_place(self._options, version, towards), towards)
        return media, media.offer()


class Media:
    """One call's. `Studio` makes it; nothing is sent or heard before `start`."""

    def __init__(self, options: Options, pair: Pair, host: str, signalled: str) -> None:
        self.gone = asyncio.Event()
        """Nothing has come from the caller for too long, or what moves the audio has failed."""
        self.line = RtpLine(RtpStream(options.terms.codecs[0], 0), continuous=True, tap=self._overhear)
        self._options = options
        self._agreement = Agreement(host, pair.port, options.terms)
        self._patience = _Patience(options.timeout_s, self.gone)
        self._wire = Wire(pair, signalled, self._sound, self._report, self._patience.seen)
        self._codec: tuple[Codec, int, int] | None = None
        self._keys: Keys | None = None
        self._presses: Presses | None = None
        self._tones: ToneDetector | None = None
        self._srtp: Srtp | None = None
        self._listens = False
        self._two_way = False
        """Both sides have spoken: who only sends after that has put us on hold."""
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False

    @property
    def agreed(self) -> Agreed | None:
        """What holds; None before an offer of ours was answered."""
        return self._agreement.agreed

    # --- what is agreed on ---

    def answer(self, agreed: Agreed) -> str:
        """Take the first offer as `choose` understood it; the answer to it."""
        text = self._agreement.answer(agreed)
        self._apply(agreed)
        return text

    def offer(self) -> str:
        """An offer of ours: everything, or within a call what holds. `accept` is to follow."""
        return self._agreement.offer()

    def accept(self, answer: str) -> None:
        """The other side's answer to what it was told last. Raises `SdpError`; then all is as it was."""
        self._agreement.accept(answer)
        assert self.agreed is not None, "that is what was accepted"
        self._apply(self.agreed)

    def reoffered(self, offer: str) -> str:
        """The answer to another offer: hold, resume, a moved address. Raises `SdpError`; then all is as it was."""
        text = self._agreement.reoffered(offer)
        assert self.agreed is not None, "that is what was answered"
        self._apply(self.agreed)
        return text

    def _apply(self, agreed: Agreed) -> None:
        ours = self._agreement.ours
        if ours is None or agreed.crypto is None:
            self._srtp = None
        elif self._srtp is None:
            self._srtp = Srtp(ours, agreed.crypto)
        else:
            self._srtp.agreed(ours, agreed.crypto)
        self._wire.agreed(agreed, self._srtp)
        codec = agreed.codec, agreed.payload_type, agreed.sends_as
        self.line.change(None if codec == self._codec else RtpStream(*codec), held=not agreed.sends)
        self._codec = codec
        if agreed.keys is None:
            self._presses = None
            self._tones = self._tones or (ToneDetector() if self._options.tones else None)
        elif self._presses is None or agreed.keys != self._keys:
            self._presses, self._tones = Presses(agreed.keys), None
        self._keys = agreed.keys
        self._two_way = self._two_way or (agreed.sends and agreed.hears)
        # Of one who has put us on hold the music is no speech, and silence is no sign.
        self._listens = agreed.hears and (agreed.sends or not self._two_way)
        self._patience.expect(self._listens)

    # --- what travels ---

    def start(self) -> None:
        """Audio flows, both ways, until `aclose`."""
        if self._tasks or self._closed:
            return
        self._patience.seen()
        self._wire.start()
        self._tasks = [*self.line.start(self._wire.send), asyncio.create_task(self._patience.run())]
        for task in self._tasks:
            task.add_done_callback(self._ended)

    async def aclose(self) -> None:
        """The ports are free again, and nothing of it is left."""
        self._closed = True
        self.line.stop()
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._wire.close()

    def _sound(self, data: bytes) -> bool:
        """A datagram with audio or with a key."""
        agreed = self.agreed
        try:
            packet = RtpPacket.parse(data)
        except ValueError:
            return False
        if agreed is None:
            return False
        if agreed.keys is not None and packet.payload_type == agreed.keys.payload_type:
            return self._event(packet, agreed.keys, agreed.clock)
        if packet.payload_type not in (agreed.payload_type, COMFORT_NOISE):
            return False
        if self._listens:
            self.line.sound(packet)
        return True

    def _event(self, packet: RtpPacket, keys: Keys, clock: int) -> bool:
        silence = as_silence(packet, keys)
        if silence is None or self._presses is None:
            return False
        if self._listens:
            # On another clock than the audio's its time says nothing about when the audio is silent.
            if keys.clock == clock:
                self.line.sound(silence)
            if key := self._presses.take(packet):
                self.line.press(key)
        return True

    def _report(self, data: bytes) -> bool:
        try:
            rtcp.parse(data)
        except ValueError:
            return False
        self.line.rtcp(data)
        return bool(data)

    def _overhear(self, pcm: Pcm) -> None:
        for key in self._tones.push(pcm) if self._tones else ():
            self.line.press(key)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (bug := task.exception()):
            _log.error("the media of a call failed", exc_info=bug)
            self.gone.set()


class _Patience:
    """How long a caller is waited for who should be heard."""

    def __init__(self, timeout_s: float, gone: asyncio.Event) -> None:
        self._timeout_s = timeout_s
        self._gone = gone
        self._now = asyncio.get_running_loop().time
        self._seen_at = self._now()
        self._expects = True

    def seen(self) -> None:
        """A sign of life."""
        self._seen_at = self._now()

    def expect(self, expects: bool) -> None:
        """Whether there should be any from now on."""
        self._expects = expects
        self.seen()

    async def run(self) -> None:
        """Until nothing has come for too long."""
        while True:
            left = self._seen_at + self._timeout_s - self._now()
            if not self._expects:
                left = self._timeout_s
            elif left <= 0:
                self._gone.set()
                return
            await asyncio.sleep(left)


def _place(options: Options, version: int, there: str) -> tuple[Pair, str]:
    """Two ports, and the address that the other side is told. Raises `SdpError` and `OSError`."""
    ours = options.host or _WILDCARD[version]
    if (":" in ours) != (version == 6):
        raise SdpError(f"Media travels over IPv{10 - version} here.")
    public = options.public_address
    if public is not None and (":" in public) == (version == 6):
        told = public
    elif ours not in _WILDCARD.values():
        told = ours
    else:
        told = reachable_from(there if there and (":" in there) == (version == 6) else _ANYWHERE[version])
    return options.ports.open(ours), told

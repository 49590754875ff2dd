"""A caller's packets to one unbroken stream of 24 kHz mono, whatever the network does to them."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio.jitter import Frame, Gap, JitterBuffer
from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.audio.rtp import RtpPacket

COMFORT_NOISE = 13
"""The static payload type by which a telephone says that silence follows (RFC 3389 4)."""

_HOLD, _FADED = WIRE_RATE * 40 // 1000, WIRE_RATE * 120 // 1000
"""Samples of made-up audio before it begins to fade, and after which it is silence."""
_RETURN = WIRE_RATE * 5 // 1000
"""Samples over which real audio comes back."""
_SILENT_BYTES = 2
"""An Opus packet of so few bytes carries no sound: its encoder begins a pause (RFC 6716 2.1.9)."""


class Decoder(Protocol):
    """A codec's receiving half: `OpusDecoder`, `G711Decoder`. Every result is as long as its ticks, at 24 kHz."""

    clock: int
    """Ticks per second; a multiple or a divisor of 24 kHz."""

    def ticks(self, payload: bytes) -> int:
        """How long `payload` lasts; 0 when it is nothing of this codec's."""
        ...

    def decode(self, payload: bytes) -> Pcm:
        """Its audio. Raises `ValueError` when it turns out to be broken."""
        ...

    def recover(self, following: bytes, ticks: int) -> Pcm | None:
        """The lost packet of `ticks` before `following`, if that holds a copy of it."""
        ...

    def conceal(self, ticks: int) -> Pcm:
        """Audio in place of what was lost, going on from what was heard."""
        ...


class Receiver:
    """One call's packets of `payload_type`, decoded on the sender's own clock.

    What it gives, all together, is as long as the time that passed on that clock: a lost packet is made up for, from
    its copy in the next one or by concealment that fades to silence, and a pause is silence.
    """

    def __init__(self, decoder: Decoder, payload_type: int) -> None:
        self._decoder = decoder
        self._type = payload_type
        self._buffer = JitterBuffer(decoder.clock)
        self._made_up = 0
        """Samples of concealment since real audio was heard; it stops counting when all is silence."""
        self._gain = 1.0
        self.concealed = 0
        """Samples given so far that were made up."""

    @property
    def dropped(self) -> int:
        """Packets that came too late, twice or from nowhere."""
        return self._buffer.dropped

    @property
    def wait(self) -> float:
        """Seconds for which a missing packet is waited for at present."""
        return self._buffer.wait

    def put(self, packet: RtpPacket, now: float) -> bool:
        """Take a packet that came at `now`; False when it is of another type, or no packet of this codec."""
        if packet.payload_type == COMFORT_NOISE != self._type:
            self._buffer.put(_without_payload(packet), self._decoder.clock // 50, now, falls_silent=True)
            return True
        ticks = self._decoder.ticks(packet.payload) if packet.payload_type == self._type else 0
        if not ticks:
            return False
        self._buffer.put(packet, ticks, now, falls_silent=len(packet.payload) <= _SILENT_BYTES)
        return True

    def take(self, now: float) -> Pcm:
        """The audio that is ready by `now`; call it after `put`, and when `deadline` comes."""
        pieces = []
        while (step := self._buffer.get(now)) is not None:
            pieces.append(self._frame(step) if isinstance(step, Frame) else self._gap(step))
        return Pcm.join(pieces)

    def deadline(self) -> float | None:
        """When `take` has audio even if no packet comes; None before the first one."""
        return self._buffer.deadline()

    def _frame(self, frame: Frame) -> Pcm:
        if not frame.payload:
            return self._silence(self._decoder.clock // 50 - frame.skip)
        ticks = self._decoder.ticks(frame.payload)
        try:
            audio = self._decoder.decode(frame.payload)
        except ValueError:  # broken inside; its length was still true
            return self._conceal(ticks - frame.skip)
        return self._real(Pcm(audio.samples[self._samples(frame.skip) :], WIRE_RATE))

    def _gap(self, gap: Gap) -> Pcm:
        copy = None if gap.following is None else self._decoder.recover(gap.following, gap.ticks)
        return self._conceal(gap.ticks) if copy is None else self._real(copy)

    def _real(self, audio: Pcm) -> Pcm:
        """Real audio, which after silence returns by degrees."""
        self._made_up = 0
        if self._gain == 1.0:
            return audio
        gains = np.ones(len(audio.samples))
        ramp = np.linspace(self._gain, 1.0, _RETURN)[: len(gains)]
        gains[: len(ramp)] = ramp
        self._gain = float(gains[-1]) if len(gains) else self._gain
        return _scaled(audio, gains)

    def _conceal(self, ticks: int) -> Pcm:
        """Made-up audio, whole for 40 ms and gone after 120: longer, it would be a voice that nobody has."""
        count = self._samples(ticks)
        self.concealed += count
        if self._gain == 0.0:
            return Pcm(np.zeros(count, np.int16), WIRE_RATE)
        at = self._made_up + np.arange(count)
        gains = np.minimum(self._gain, np.clip((_FADED - at) / (_FADED - _HOLD), 0.0, 1.0))
        self._made_up += count
        self._gain = float(gains[-1]) if count else self._gain
        return _scaled(self._decoder.conceal(ticks), gains)

    def _silence(self, ticks: int) -> Pcm:
        """The sender said that nothing is to be heard: what was heard before fades at once."""
        count = self._samples(ticks)
        self.concealed += count
        gains = np.zeros(count)
        if self._gain:
            fading = min(_RETURN, count)
            gains[:fading] = np.linspace(self._gain, 0.0, fading)
            made_up = _scaled(self._decoder.conceal(ticks), gains)
            self._gain = 0.0
            return made_up
        return Pcm(gains.astype(np.int16), WIRE_RATE)

    def _samples(self, ticks: int) -> int:
        return ticks * WIRE_RATE // self._decoder.clock


def _scaled(audio: Pcm, gains: NDArray[np.float64]) -> Pcm:
    return Pcm(np.rint(audio.samples * gains).astype(np.int16), audio.rate)


def _without_payload(packet: RtpPacket) -> RtpPacket:
    return RtpPacket(packet.payload_type, packet.sequence, packet.timestamp, packet.ssrc, b"")

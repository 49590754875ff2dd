"""Pressed keys, as telephones send them beside the voice: events in RTP packets of their own (RFC 4733)."""

from __future__ import annotations

import struct

from vivavoce.audio.receiver import COMFORT_NOISE
from vivavoce.audio.rtp import RtpPacket, extend
from vivavoce.transports.sip.negotiation import Keys

KEYS = "0123456789*#ABCD"
"""By the number of their event (RFC 4733 3.2)."""
_EVENT = struct.Struct("!BBH")
_LONGEST = 0xFFFF
"""Ticks: a key that is held for longer is told in parts, each with a time of its own (RFC 4733 2.5.1.3)."""
_ANEW_S = 10
"""Seconds: no network holds a packet for so long, so one that much older belongs to a clock that began anew."""


class Presses:
    """The keys of one call. Every packet of a key says when it was pressed, so one that gets here is enough."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._ssrc: int | None = None
        self._pressed: tuple[int, int] | None = None
        """When the newest key was pressed, in ticks made whole, and its event."""
        self._ticks = 0
        """For how long it is held, as far as is known."""

    def take(self, packet: RtpPacket) -> str | None:
        """The key that `packet` is the first to tell of; None for more of the same, a late one, and other events."""
        if len(packet.payload) < _EVENT.size:
            return None
        event, _, ticks = _EVENT.unpack_from(packet.payload)
        if packet.ssrc != self._ssrc:
            self._ssrc, self._pressed = packet.ssrc, None
        last = self._pressed
        at = packet.timestamp if last is None else extend(packet.timestamp, last[0], 32)
        if last is not None:
            anew = at < last[0] - _ANEW_S * self._keys.clock
            if (at, event) == last:
                self._ticks = max(self._ticks, ticks)
                return None
            if at < last[0] and not anew:
                return None
        goes_on = last is not None and self._ticks == _LONGEST and (at - _LONGEST, event) == last
        self._pressed, self._ticks = (at, event), ticks
        return None if goes_on or event >= len(KEYS) else KEYS[event]


def as_silence(packet: RtpPacket, keys: Keys) -> RtpPacket | None:
    """What the audio is meanwhile, as a packet of that: its last 20 ms up to where the key has got; None for no event.

    Without it a key would leave a gap in the audio, and that would be taken for a loss and made up for.
    """
    if len(packet.payload) < _EVENT.size:
        return None
    _, _, ticks = _EVENT.unpack_from(packet.payload)
    timestamp = (packet.timestamp + max(0, ticks - keys.clock // 50)) & 0xFFFFFFFF
    return RtpPacket(COMFORT_NOISE, packet.sequence, timestamp, packet.ssrc, b"")

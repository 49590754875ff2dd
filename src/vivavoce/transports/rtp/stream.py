"""One call's RTP, both ways: packets and reports in and out, and the codec between them and 24 kHz audio.

No clock and no network of its own: times come from outside, datagrams go in and come out (RFC 3550, RFC 7587).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace

from vivavoce.audio.opus import OpusDecoder, OpusEncoder
from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.audio.playout import OutFrame
from vivavoce.audio.receiver import Receiver
from vivavoce.audio.reports import Reception, Sending
from vivavoce.audio.rtcp import ReceiverReport, ReportBlock, SenderReport, SourceDescription, build, parse
from vivavoce.audio.rtp import RtpPacket
from vivavoce.audio.telephone import G711Decoder, G711Encoder
from vivavoce.transports.rtp.codecs import Codec

LEAST_LOSS = 10
"""Percent. Less is not believed: the next burst must find copies on the way."""

_CODECS: Mapping[Codec, tuple[Callable[[], OpusDecoder | G711Decoder], Callable[[], OpusEncoder | G711Encoder]]] = {
    "opus": (OpusDecoder, OpusEncoder),
    "pcmu": (lambda: G711Decoder("pcmu"), lambda: G711Encoder("pcmu")),
    "pcma": (lambda: G711Decoder("pcma"), lambda: G711Encoder("pcma")),
}


class RtpStream:
    """Both directions. `now` is in monotonic seconds everywhere; `codec` says what is spoken.

    `payload_type` is on what comes, `sends_as` on what leaves where the other side has another number for it.
    """

    def __init__(self, codec: Codec, payload_type: int, sends_as: int | None = None) -> None:
        self.codec = codec
        self.ssrc = secrets.randbits(32)
        self.cname = secrets.token_hex(8)
        """How we name ourselves in reports (RFC 7022)."""
        make_decoder, make_encoder = _CODECS[codec]
        self._decoder = make_decoder()
        self._encoder = make_encoder()
        self._hears = payload_type
        self._receiver = Receiver(self._decoder, payload_type)
        self._reception = Reception(self._decoder.clock)
        self._sending = Sending(self.ssrc, self._encoder.clock)
        self._payload_type = payload_type if sends_as is None else sends_as
        self._sequence = secrets.randbits(16)
        self._base = secrets.randbits(32)
        """The RTP timestamp of the first frame."""

    def anew(self) -> None:
        """What comes next need not follow what came: the other side may have stopped its clock for a while."""
        self._receiver = Receiver(self._decoder, self._hears)

    def arrived(self, packet: RtpPacket, now: float) -> bool:
        """Take a packet with sound; False when it is of no kind that was agreed on."""
        if not self._receiver.put(packet, now):
            return False
        self._reception.arrived(packet, now)
        return True

    def take(self, now: float) -> Pcm:
        """The caller's audio that is ready by now."""
        return self._receiver.take(now)

    def deadline(self) -> float | None:
        """When there is audio even if nothing arrives; None before anything has."""
        return self._receiver.deadline()

    def packet(self, frame: OutFrame, now: float) -> bytes | None:
        """The datagram of 20 ms that are said now; None when the codec has nothing to send for them."""
        payload = self._encoder.encode(frame.pcm)
        if not payload:
            return None
        timestamp = (self._base + frame.position * self._encoder.clock // WIRE_RATE) & 0xFFFFFFFF
        packet = RtpPacket(self._payload_type, self._sequence, timestamp, self.ssrc, payload, marker=frame.first)
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._sending.sent(packet, now)
        return packet.serialise()

    def report(self, now: float, unix: float) -> bytes:
        """The datagram that says what was sent and what arrived; `unix` by the clock on the wall."""
        block = self._reception.report(now)
        blocks = () if block is None else (block,)
        sent = self._sending.report(now, unix)
        report = ReceiverReport(self.ssrc, blocks) if sent is None else replace(sent, blocks=blocks)
        return build([report, SourceDescription(self.ssrc, self.cname)])

    def reported(self, data: bytes, now: float) -> None:
        """Take a datagram with the other side's reports."""
        try:
            packets = parse(data)
        except ValueError:
            return
        for packet in packets:
            if isinstance(packet, SenderReport):
                self._reception.sender_report(packet, now)
            if isinstance(packet, SenderReport | ReceiverReport):
                for block in packet.blocks:
                    self._expect(block)

    def _expect(self, block: ReportBlock) -> None:
        """What was lost will be lost again."""
        if block.ssrc == self.ssrc and isinstance(self._encoder, OpusEncoder):
            self._encoder.expect_loss(max(LEAST_LOSS, round(block.fraction_lost * 100 / 256)))

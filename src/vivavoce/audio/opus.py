"""Opus by libopus itself (RFC 6716), for the sake of what FFmpeg's wrapper of it does not reach.

That is concealment of lost packets, the copy of the packet before (in-band FEC, RFC 7587 3.3), and decoding at 24 kHz.
The library is the one that PyAV's wheels carry on every platform, or else the system's; nothing more is installed.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import weakref
from functools import cache
from pathlib import Path

import av
import numpy as np

from vivavoce.audio.pcm import WIRE_RATE, Pcm

OPUS_CLOCK = 48_000
"""Ticks per second of an Opus stream's RTP timestamps, whatever rate it is decoded at (RFC 7587 4.1)."""

_TICKS = OPUS_CLOCK // WIRE_RATE
_STEP = OPUS_CLOCK // 400
"""Ticks of 2.5 ms: concealment comes in multiples of it."""
_MOST = OPUS_CLOCK * 120 // 1000
"""The longest packet, in ticks."""
_FRAME = WIRE_RATE // 50
_VOIP, _SIGNAL_VOICE = 2048, 3001
_SET_BITRATE, _SET_VBR, _SET_COMPLEXITY, _SET_FEC = 4002, 4006, 4010, 4012
_SET_LOSS, _SET_DTX, _SET_SIGNAL, _RESET = 4014, 4016, 4024, 4028


class OpusDecoder:
    """One stream, decoded to 24 kHz mono whatever was sent; about 40 us for 20 ms."""

    clock = OPUS_CLOCK

    def __init__(self) -> None:
        self._opus = _library()
        failed = ctypes.c_int()
        self._state = self._opus.opus_decoder_create(WIRE_RATE, 1, ctypes.byref(failed))
        _check(self._opus, failed.value)
        weakref.finalize(self, self._opus.opus_decoder_destroy, self._state)
        self._out = np.zeros(_MOST // _TICKS, np.int16)
        self._to = self._out.ctypes.data

    def ticks(self, payload: bytes) -> int:
        """How long `payload` lasts, by its own account; 0 when it is not an Opus packet."""
        return max(0, int(self._opus.opus_packet_get_nb_samples(payload, len(payload), OPUS_CLOCK)))

    def decode(self, payload: bytes) -> Pcm:
        """The audio of a packet, `ticks` of it. Raises `ValueError` when it is broken."""
        if not payload:  # which libopus takes for a lost one
            raise ValueError("Opus: an empty packet")
        return self._decode(payload, _MOST, fec=False)

    def recover(self, following: bytes, ticks: int) -> Pcm | None:
        """The lost packet before `following`, from the copy in it; None when `following` carries none."""
        if ticks % _STEP or ticks > _MOST or self._opus.opus_packet_has_lbrr(following, len(following)) != 1:
            return None
        return self._decode(following, ticks, fec=True)

    def conceal(self, ticks: int) -> Pcm:
        """What may have been in `ticks` that were lost: the voice goes on for a moment, then noise."""
        pieces = []
        for at in range(0, ticks, _MOST):
            wanted = min(_MOST, ticks - at)
            audio = self._decode(None, -(-wanted // _STEP) * _STEP, fec=False)
            pieces.append(Pcm(audio.samples[: wanted // _TICKS], WIRE_RATE))
        return Pcm.join(pieces)

    def _decode(self, payload: bytes | None, ticks: int, *, fec: bool) -> Pcm:
        count = self._opus.opus_decode(self._state, payload, len(payload or b""), self._to, ticks // _TICKS, fec)
        _check(self._opus, count)
        return Pcm(self._out[:count].copy(), WIRE_RATE)


class OpusEncoder:
    """One stream of 20 ms packets of a voice, each with a copy of the one before in case that is lost; 190 us each.

    `bitrate` is in bit/s, variable around it; `loss` is what is expected to be lost, in percent, and decides how much
    of the bitrate the copies get; `complexity` is 0 to 10, and 0 costs 70 us; with `dtx` silence is not sent.
    """

    clock = OPUS_CLOCK

    def __init__(self, *, bitrate: int = 32_000, loss: int = 10, complexity: int = 5, dtx: bool = False) -> None:
        self._opus = _library()
        failed = ctypes.c_int()
        self._state = self._opus.opus_encoder_create(WIRE_RATE, 1, _VOIP, ctypes.byref(failed))
        _check(self._opus, failed.value)
        weakref.finalize(self, self._opus.opus_encoder_destroy, self._state)
        self._out = ctypes.create_string_buffer(1275)
        self._set(_SET_BITRATE, bitrate)
        self._set(_SET_VBR, 1)
        self._set(_SET_COMPLEXITY, complexity)
        self._set(_SET_SIGNAL, _SIGNAL_VOICE)
        self._set(_SET_FEC, 1)
        self._set(_SET_DTX, dtx)
        self.expect_loss(loss)

    def encode(self, frame: Pcm) -> bytes:
        """The packet of 20 ms at 24 kHz, or nothing when silence need not be sent. `ValueError` at another length."""
        if frame.rate != WIRE_RATE or len(frame.samples) != _FRAME:
            raise ValueError(f"a frame is {_FRAME} samples at {WIRE_RATE} Hz")
        samples = np.ascontiguousarray(frame.samples)
        size = self._opus.opus_encode(self._state, samples.ctypes.data, _FRAME, self._out, len(self._out))
        _check(self._opus, size)
        return ctypes.string_at(self._out, size) if size > 2 else b""  # up to 2 bytes: DTX, "need not be transmitted"

    def expect_loss(self, percent: int) -> None:
        """What the other end's reports say is lost. Raises `ValueError` outside 0 to 100."""
        self._set(_SET_LOSS, percent)

    def reset(self) -> None:
        """Forget what was said: what comes next does not follow it."""
        _check(self._opus, self._opus.opus_encoder_ctl(self._state, _RESET))

    def _set(self, request: int, value: int) -> None:
        _check(self._opus, self._opus.opus_encoder_ctl(self._state, request, ctypes.c_int(value)))


@cache
def _library() -> ctypes.CDLL:
    return load(_candidates())


def load(paths: list[str]) -> ctypes.CDLL:
    """The first of `paths` that is a libopus new enough. Raises `OSError` when none is."""
    for path in paths:
        try:
            return _declared(ctypes.CDLL(path))
        except (OSError, AttributeError):  # not loadable, or older than opus_packet_has_lbrr
            continue
    raise OSError("there is no libopus 1.5 or newer here: install PyAV from a wheel, or libopus itself")


def _candidates() -> list[str]:
    """PyAV's own copy, where the wheels of Linux and Windows (`av.libs`) and of macOS (`.dylibs`) put it."""
    package = Path(av.__file__).parent
    carried = [*package.parent.glob("av.libs/libopus*"), *package.glob(".dylibs/libopus*")]
    system = ctypes.util.find_library("opus")
    return [*map(str, carried), *([system] if system else [])]


def _declared(opus: ctypes.CDLL) -> ctypes.CDLL:
    """The functions used here, with their types as in opus.h: a pointer that ctypes took for an int would be cut."""
    state, data, size, pointer = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32, ctypes.c_void_p
    integer, failed = ctypes.c_int, ctypes.POINTER(ctypes.c_int)
    opus.opus_decoder_create.argtypes = [size, integer, failed]
    opus.opus_decoder_create.restype = state
    opus.opus_decoder_destroy.argtypes = [state]
    opus.opus_decoder_destroy.restype = None
    opus.opus_decode.argtypes = [state, data, size, pointer, integer, integer]
    opus.opus_encoder_create.argtypes = [size, integer, integer, failed]
    opus.opus_encoder_create.restype = state
    opus.opus_encoder_destroy.argtypes = [state]
    opus.opus_encoder_destroy.restype = None
    opus.opus_encode.argtypes = [state, pointer, integer, ctypes.c_char_p, size]
    opus.opus_encoder_ctl.argtypes = [state, integer]  # what varies is left out, as ARM on macOS wants it
    opus.opus_packet_get_nb_samples.argtypes = [data, size, size]
    opus.opus_packet_has_lbrr.argtypes = [data, size]
    opus.opus_strerror.argtypes = [integer]
    opus.opus_strerror.restype = ctypes.c_char_p
    return opus


def _check(opus: ctypes.CDLL, result: int) -> None:
    if result < 0:
        raise ValueError(f"Opus: {opus.opus_strerror(result).decode()}")

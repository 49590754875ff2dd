"""Change of sample rate for streams and for whole pieces, on FFmpeg's swresample.

Its polyphase filter of 32 taps adds 0.7 to 2 ms of delay and no audible alias; pushing 20 ms costs 12 us.
"""

from __future__ import annotations

from contextlib import suppress

import numpy as np
from av import AudioFormat, AudioFrame, AudioLayout
from av.error import BlockingIOError as NothingYet
from av.error import EOFError as Ended
from av.filter import Graph
from numpy.typing import NDArray

from vivavoce.audio.pcm import Pcm

_S16 = AudioFormat("s16")
_MONO = AudioLayout("mono")


class Resampler:
    """One stream from `source` Hz to `target` Hz; it carries that stream's filter state.

    What comes out does not depend on how the input was cut, and after `flush` it is as long as the input to
    within half a sample. At equal rates it hands its input through.
    """

    def __init__(self, source: int, target: int) -> None:
        if source <= 0 or target <= 0:
            raise ValueError(f"sample rates are positive, not {source} and {target} Hz")
        self.source = source
        self.target = target
        self._begin()

    def push(self, pcm: Pcm) -> Pcm:
        """What `pcm` completes: up to 2 ms less than it holds, or nothing. `ValueError` at another rate."""
        if pcm.rate != self.source:
            raise ValueError(f"this stream is {self.source} Hz, the audio {pcm.rate} Hz")
        if self.source == self.target:
            return pcm
        if not len(pcm.samples):
            return Pcm.silence(0, self.target)
        self._taken += len(pcm.samples)
        out = self._convert(self._frame(pcm.samples))
        self._given += len(out)
        return Pcm(out, self.target)

    def flush(self) -> Pcm:
        """The end of the stream, which the filter still held. The next `push` begins a new stream."""
        left = _rounded(self._taken * self.target, self.source) - self._given
        tail = self._convert(None)[: max(left, 0)]
        if len(tail) < left:  # the filter rounds down
            tail = np.concatenate((tail, np.zeros(left - len(tail), np.int16)))
        self._begin()
        return Pcm(tail, self.target)

    def _begin(self) -> None:
        # Not `av.AudioResampler`: its graph starts a thread for each core, and every session has a graph or two.
        self._graph = Graph()
        self._graph.threads = 1
        source = self._graph.add_abuffer(sample_rate=self.source, format=_S16, layout=_MONO)
        convert = self._graph.add("aformat", f"sample_rates={self.target}:sample_fmts=s16:channel_layouts=mono")
        self._graph.link_nodes(source, convert, self._graph.add("abuffersink")).configure()
        self._taken = 0
        self._given = 0

    def _frame(self, samples: NDArray[np.int16]) -> AudioFrame:
        frame = AudioFrame(_S16, _MONO, len(samples))
        frame.sample_rate = self.source
        frame.planes[0].update(samples.tobytes())
        return frame

    def _convert(self, frame: AudioFrame | None) -> NDArray[np.int16]:
        self._graph.push(frame)
        frames: list[AudioFrame] = []
        with suppress(NothingYet, Ended):
            while isinstance(converted := self._graph.pull(), AudioFrame):
                frames.append(converted)
        pieces = [np.frombuffer(bytes(f.planes[0]), np.int16, f.samples) for f in frames]
        if len(pieces) == 1:
            return pieces[0]
        return np.concatenate(pieces) if pieces else np.zeros(0, np.int16)


def resample(pcm: Pcm, rate: int) -> Pcm:
    """All of `pcm` at `rate` Hz, its length kept to within half a sample."""
    if pcm.rate == rate:
        return pcm
    stream = Resampler(pcm.rate, rate)
    return Pcm.join([stream.push(pcm), stream.flush()])


def _rounded(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)

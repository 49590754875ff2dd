"""An interpreter's hearing: speech without end, cut into passages that can be translated while the caller goes on.

A passage ends in a pause; after a while in the shortest of pauses; and in speech without any, at the quietest place
of the last seconds, which is likely to lie between two words. Positions are samples, as everywhere in the core.
"""

from __future__ import annotations

from collections import deque

from msgspec import Struct

from vivavoce.core import turns
from vivavoce.core.effects import SAMPLES_PER_MS, Listen, SpeechLikelihood
from vivavoce.core.input_buffer import MAX_BUFFER_MS, InputBuffer
from vivavoce.protocol.errors import ProtocolError
from vivavoce.protocol.session import ServerVad

PAUSE_MS = 400
"""A silence of this length ends a passage, however short it is."""
BREATH_AFTER_MS = 5000
"""From this length on the shortest pause that the turns tell (`turns.PAUSE_MS`) ends a passage."""
LONGEST_MS = 10_000
"""And from this one on nothing is waited for."""
SEARCHED_MS = 4000
"""How much of the end of such a passage is searched for the quietest place."""
KEPT_MS = 1000
"""What is kept of silence: more than the padding before speech, and the time it takes to notice it."""
DETECTION = ServerVad(silence_duration_ms=PAUSE_MS)
_STEP = 20 * SAMPLES_PER_MS
_STEPS = 3  # 60 ms: longer than the closure of a consonant like p or t
_EACH = 4  # every fourth sample tells the level as well as all of them


class Passage(Struct, frozen=True):
    """Speech from `start` to `end`; the voice ended at `voice_end`."""

    start: int
    end: int
    voice_end: int


class Passages:
    """One caller. Passages wait here, with their audio, until they are taken."""

    def __init__(self) -> None:
        self._buffer = InputBuffer()
        self._turns = turns.Turns()
        self._waiting: deque[Passage] = deque()
        self._cut = 0
        """Where the last passage ended: the next begins here or later."""

    def audio(self, pcm: bytes) -> Listen:
        """More of the caller. Raises `ProtocolError` when too much is waiting."""
        start = self._buffer.end
        try:
            self._buffer.append(pcm)
        except ProtocolError as full:
            message = f"Translation is {MAX_BUFFER_MS // 60_000} minutes behind. Append more when it has caught up."
            raise ProtocolError(full.code, message) from None
        if not self._waiting and not self._turns.speaking:
            self._buffer.trim_to(KEPT_MS)
        return Listen(pcm=pcm, start=start)

    def hear(self, frame: SpeechLikelihood) -> Passage | None:
        """The VAD's view of a frame. A pause in which the passage may end gives it as it would then be."""
        supposed = None
        for event in self._turns.hear(frame, DETECTION, self._cut):
            match event:
                case turns.Stopped(voice_end=voice_end, end=end):
                    self._end(end, voice_end)
                case turns.Paused(voice_end=voice_end) if self._length(frame.end) >= BREATH_AFTER_MS:
                    self._end(frame.end, voice_end)
                case turns.Paused(voice_end=voice_end) if not self._waiting:
                    supposed = Passage(self._turns.start, frame.end, voice_end)
                case _:
                    pass
        if self._turns.speaking and self._length(frame.end) >= LONGEST_MS:
            searched = frame.end - SEARCHED_MS * SAMPLES_PER_MS
            end = searched + quietest(self._buffer.slice(searched, frame.end))
            self._end(end, end)
        return supposed

    def pcm(self, passage: Passage) -> bytes:
        """Its audio, for one that was not taken."""
        return self._buffer.slice(passage.start, passage.end)

    def take(self) -> tuple[Passage, bytes] | None:
        """The next passage and its audio, which is forgotten; None when none waits."""
        if not self._waiting:
            return None
        passage = self._waiting.popleft()
        pcm = self.pcm(passage)
        self._buffer.forget_before(self._waiting[0].start if self._waiting else self._cut)
        return passage, pcm

    def finish(self) -> None:
        """Nothing follows: what is being said ends here."""
        if self._turns.speaking:
            self._end(self._buffer.end, self._buffer.end)
            self._turns.reset()

    @property
    def empty(self) -> bool:
        """No passage waits."""
        return not self._waiting

    def _length(self, end: int) -> float:
        return (end - self._turns.start) / SAMPLES_PER_MS

    def _end(self, end: int, voice_end: int) -> None:
        start = self._turns.start
        self._cut = end
        self._turns.cut(end)
        if voice_end > start:  # else only the silence after a passage that was cut
            self._waiting.append(Passage(start, end, voice_end))


def quietest(pcm: bytes) -> int:
    """The middle of the quietest 60 ms of 24 kHz PCM16, in samples."""
    samples = memoryview(pcm).cast("h")
    levels = [sum(map(abs, samples[at : at + _STEP : _EACH])) for at in range(0, len(samples) - _STEP + 1, _STEP)]
    at = min(range(len(levels) - _STEPS + 1), key=lambda i: sum(levels[i : i + _STEPS]))
    return at * _STEP + _STEPS * _STEP // 2

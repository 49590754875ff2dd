"""The input audio buffer: what the caller has said and nobody has committed yet, on the session's sample clock."""

from __future__ import annotations

from vivavoce.core.effects import SAMPLES_PER_MS
from vivavoce.protocol.errors import ProtocolError

BYTES_PER_SAMPLE = 2
MIN_COMMIT_MS = 100
"""Shorter commits are refused (PROTOCOL.md 2.1)."""
MAX_BUFFER_MS = 12 * 60 * 1000
"""Room for two of the largest appends; more means that nobody will ever commit."""
MAX_BUFFER_BYTES = MAX_BUFFER_MS * SAMPLES_PER_MS * BYTES_PER_SAMPLE
_SLACK = 24_000 * BYTES_PER_SAMPLE


class InputBuffer:
    """24 kHz mono PCM16. `end` counts every sample ever appended and never goes back, not even on `clear`."""

    def __init__(self) -> None:
        self.end = 0
        self._bytes = bytearray()

    @property
    def start(self) -> int:
        """The position of the first sample still here."""
        return self.end - len(self._bytes) // BYTES_PER_SAMPLE

    def append(self, pcm: bytes) -> None:
        """Add audio. Raises `ProtocolError` when the buffer is full; then nothing is added."""
        if len(self._bytes) + len(pcm) > MAX_BUFFER_BYTES:
            raise ProtocolError(
                "input_audio_buffer_full",
                f"Error appending input audio: the buffer holds at most {MAX_BUFFER_MS // 60_000} minutes. "
                "Commit or clear it first.",
            )
        self._bytes += pcm
        self.end += len(pcm) // BYTES_PER_SAMPLE

    def slice(self, start: int, end: int) -> bytes:
        """The audio between two positions, as far as it is still here."""
        first = max(0, start - self.start) * BYTES_PER_SAMPLE
        last = max(0, end - self.start) * BYTES_PER_SAMPLE
        return bytes(self._bytes[first:last])

    def forget_before(self, position: int) -> None:
        """Drop what lies before a position."""
        surplus = (position - self.start) * BYTES_PER_SAMPLE
        if surplus > 0:
            del self._bytes[:surplus]

    def trim_to(self, ms: int) -> None:
        """Keep the last `ms` milliseconds. It works in steps of a second, so as not to move memory at each frame."""
        surplus = len(self._bytes) - ms * SAMPLES_PER_MS * BYTES_PER_SAMPLE
        if surplus > _SLACK:
            del self._bytes[:surplus]

    def take(self, start: int) -> bytes:
        """All since `start`, for a manual commit. Raises `ProtocolError` when it is too short; then it stays."""
        taken = self.slice(start, self.end)
        ms = len(taken) / BYTES_PER_SAMPLE / SAMPLES_PER_MS
        if ms < MIN_COMMIT_MS:
            raise ProtocolError(
                "input_audio_buffer_commit_empty",
                "Error committing input audio buffer: buffer too small. "
                f"Expected at least {MIN_COMMIT_MS}ms of audio, but buffer only has {ms:.2f}ms of audio.",
            )
        self.clear()
        return taken

    def clear(self) -> None:
        """Forget everything; the clock goes on."""
        self._bytes.clear()

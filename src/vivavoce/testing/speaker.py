"""A listener without a sound card: lays the answers out as they would be heard, and knows how much was."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vivavoce.audio.pcm import Pcm


@dataclass(frozen=True, slots=True)
class Cut:
    """An item whose audio was stopped, and how much of it had been heard by then."""

    item_id: str
    content_index: int
    heard_ms: int


@dataclass(slots=True)
class _Piece:
    item_id: str
    content_index: int
    start: int
    """Position in samples since the beginning."""
    pcm: Pcm

    @property
    def end(self) -> int:
        return self.start + len(self.pcm.samples)


class Speaker:
    """Plays each piece at its arrival or after the one before it, whichever is later; times in seconds."""

    def __init__(self, rate: int, began: float) -> None:
        self.late = 0
        """Pieces that arrived for an item after it had been stopped, which a listener must not hear."""
        self.stalls: list[float] = []
        """Silences in ms within an item, because its next piece was late."""
        self._rate = rate
        self._began = began
        self._pieces: list[_Piece] = []
        self._stopped: set[tuple[str, int]] = set()

    def play(self, item_id: str, content_index: int, pcm: Pcm, now: float) -> None:
        """A piece of an item's audio, at the speaker's rate."""
        if (item_id, content_index) in self._stopped:
            self.late += 1
            return
        last = self._pieces[-1] if self._pieces else None
        start = self._position(now)
        if last and start <= last.end:
            start = last.end
        elif last and last.item_id == item_id:
            self.stalls.append((start - last.end) * 1000 / self._rate)
        self._pieces.append(_Piece(item_id, content_index, start, pcm))

    def stop(self, now: float) -> list[Cut]:
        """Silence at once; the items that had not been heard to their end."""
        position = self._position(now)
        unheard = list(dict.fromkeys((p.item_id, p.content_index) for p in self._pieces if p.end > position))
        kept = [piece for piece in self._pieces if piece.start < position]
        for piece in kept:
            piece.pcm = Pcm(piece.pcm.samples[: position - piece.start], self._rate)
        self._pieces = kept
        self._stopped.update(unheard)
        return [Cut(*which, self._heard_ms(which)) for which in unheard]

    @property
    def ends_at(self) -> float:
        """When the last piece will have been heard; the beginning when there is none."""
        return self._began + (self._pieces[-1].end if self._pieces else 0) / self._rate

    def heard(self) -> Pcm:
        """Everything from the beginning to the end of the last piece, with the silences between."""
        end = self._pieces[-1].end if self._pieces else 0
        samples = np.zeros(end, np.int16)
        for piece in self._pieces:
            samples[piece.start : piece.end] = piece.pcm.samples
        return Pcm(samples, self._rate)

    def _position(self, now: float) -> int:
        return round((now - self._began) * self._rate)

    def _heard_ms(self, which: tuple[str, int]) -> int:
        """Rounded down: more than there is would be refused (PROTOCOL.md 2.1, `conversation.item.truncate`)."""
        samples = sum(len(p.pcm.samples) for p in self._pieces if (p.item_id, p.content_index) == which)
        return samples * 1000 // self._rate

"""What that server holds of one conversation, and the steps that bring it in line with what it should hold.

What it holds already stays, with its own voice in its own answers. What differs is deleted there and made anew as
words, so that what was not heard is not remembered by any server, whatever it makes of a truncation. Nothing here
waits, so a change is whole or not begun.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import count

import numpy as np

from vivavoce.audio.pcm import Pcm
from vivavoce.engines.realtime.events import Event, Item
from vivavoce.engines.realtime.history import Key, Wanted, answered, called
from vivavoce.engines.realtime.link import Json

LEAST_MS = 100
"""Less than this no server takes for a turn (PROTOCOL.md 2.1)."""
PIECE_MS = 2000
"""The longest append."""

Post = Callable[[str, Json], None]
"""What sends an event; its kind, which comes back when it is refused, and the event."""


@dataclass(eq=False, slots=True)
class Held:
    """Something in that server's conversation; an answer may be several items there. No id: it has not told it yet."""

    key: Key
    ids: list[str] = field(default_factory=list)
    text: str = ""
    call_id: str = ""


class Mirror:
    """Of one connection."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._held: list[Held] = []
        self._commits: deque[Held] = deque()
        """Turns of the caller's whose ids have not come."""
        self._buffer: Pcm | None = None
        """What lies in that server's input buffer."""
        self._speaking: dict[str, Held] = {}
        """For each answer in progress, what is held of its words."""
        self._numbers = count(1)

    @property
    def known(self) -> set[object]:
        """The keys of all items, and of all their parts."""
        return {part for held in self._held for part in (held.key, *held.key)}

    @property
    def settled(self) -> bool:
        """Every item has its id."""
        return not self._commits

    def align(self, items: Sequence[Wanted]) -> None:
        """Have it hold exactly these."""
        self.adopt(items)
        held, self._held = self._held, []
        keys = [each.key for each in held], [each.key for each in items]
        for what, first, last, begin, end in SequenceMatcher(None, *keys, autojunk=False).get_opcodes():
            if what == "equal":
                self._held += held[first:last]
                continue
            for item_id in (each for gone in held[first:last] for each in gone.ids):
                self._post("delete", {"type": "conversation.item.delete", "item_id": item_id})
            for item in items[begin:end]:
                self._held.append(self._create(item, at_the_end=last == len(held)))

    def hear(self, voice: Pcm) -> None:
        """Have exactly this in the input buffer."""
        begun = len(self._buffer.samples) if self._buffer is not None else 0
        if self._buffer is not None and not np.array_equal(self._buffer.samples, voice.samples[:begun]):
            self._post("clear", {"type": "input_audio_buffer.clear"})
            begun = 0
        self._buffer = voice
        for piece in Pcm(voice.samples[begun:], voice.rate).chunks(PIECE_MS):
            self._post("append", {"type": "input_audio_buffer.append", "audio": piece.to_bytes()})

    def references(self, items: Sequence[Wanted]) -> list[Json]:
        """These for one answer alone: what it holds by its ids, the others as they are."""
        self.adopt(items)
        found = {held.key: held.ids for held in self._held}
        given: list[Json] = []
        for item in items:
            ids = found.get(item.key)
            given += [{"type": "item_reference", "id": each} for each in ids] if ids else [item.item(self._ids)]
        return given

    def adopt(self, items: Sequence[Wanted]) -> None:
        """Calls that it made itself go by our ids from now on."""
        known = {held.key for held in self._held}
        for item in items:
            if item.key[0] == "call" and item.key not in known:
                same = called(None, str(item.key[2]), str(item.key[3]))
                if held := next((each for each in self._held if each.key == same), None):
                    held.key = item.key

    def committed(self, item_id: str) -> None:
        """A turn of the caller's has its id."""
        if self._commits:
            self._commits.popleft().ids.append(item_id)

    def answering(self, response_id: str, event: Event) -> None:
        """An answer that belongs to the conversation goes on."""
        item, message = event.item, self._speaking.get(response_id)
        match event.type:
            case "response.output_item.added" if item is not None and item.type == "message":
                if message is None:
                    message = self._speaking[response_id] = Held(answered(""))
                    self._held.append(message)
                message.ids.append(item.id)
            case "response.output_item.added" if item is not None and item.type == "function_call":
                self._held.append(Held(_made(item), [item.id], call_id=item.call_id or ""))
            case "response.output_item.done" if item is not None and item.type == "function_call":
                for held in self._held:
                    held.key = _made(item) if item.id in held.ids else held.key
            case "response.output_text.delta" | "response.output_audio_transcript.delta" if message is not None:
                message.text += event.delta or ""
                message.key = answered(message.text)
            case "response.done":
                self._speaking.pop(response_id, None)
            case _:
                pass

    def _create(self, item: Wanted, at_the_end: bool) -> Held:
        if at_the_end and item.voice is not None and item.voice.ms >= LEAST_MS:
            self.hear(item.voice)
            self._buffer = None
            self._post("commit", {"type": "input_audio_buffer.commit"})
            self._commits.append(Held(item.key))
            return self._commits[-1]
        item_id = f"vv{next(self._numbers)}"
        event: dict[str, object] = {"type": "conversation.item.create", "item": {"id": item_id, **item.item(self._ids)}}
        if not at_the_end:
            event["previous_item_id"] = self._held[-1].ids[-1] if self._held else "root"
        self._post("create", event)
        return Held(item.key, [item_id])

    @property
    def _ids(self) -> dict[str, str]:
        """What it calls the calls that it made itself, by our ids."""
        calls = (held for held in self._held if held.key[0] == "call" and held.call_id)
        return {str(held.key[1]): held.call_id for held in calls}


def _made(item: Item) -> Key:
    return called(None, item.name or "", item.arguments or "")

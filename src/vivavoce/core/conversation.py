"""The conversation: an ordered list of items, and how much of each answer was really said (PROTOCOL.md 3.10, 4.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec import UNSET, Struct
from msgspec.structs import replace

from vivavoce.core.images import is_fetched
from vivavoce.core.input_buffer import MAX_BUFFER_BYTES, MAX_BUFFER_MS
from vivavoce.core.recordings import recorded_ms
from vivavoce.core.spoken import Spoken
from vivavoce.protocol.errors import ProtocolError, invalid_value, unsupported
from vivavoce.protocol.items import (
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputImage,
    InputText,
    Item,
    Message,
    OutputAudio,
    OutputText,
    Part,
    Role,
)

ROOT = "root"
"""`previous_item_id` of an item that shall come first."""
RETAINED_AUDIO_BYTES = 30 * 1024 * 1024
"""Audio that a conversation keeps for `conversation.item.retrieve`; beyond it the oldest is dropped, words stay."""


class Conversation:
    """Items in order. Items are values: a change replaces one by its new version."""

    def __init__(self, conversation_id: str) -> None:
        self.id = conversation_id
        self._items: dict[str, Item] = {}
        self._spoken: dict[str, Spoken] = {}
        self._audio_ms: dict[str, int] = {}

    @property
    def tail(self) -> str | None:
        """The id of the last item."""
        return next(reversed(self._items), None)

    @property
    def has_spoken(self) -> bool:
        """The assistant has been heard: its voice is fixed (PROTOCOL.md 2.1)."""
        return bool(self._spoken)

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._items

    def get(self, item_id: str) -> Item | None:
        """The item, or None."""
        return self._items.get(item_id)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items.values())

    def audio_ms(self, items: Iterable[Item]) -> int:
        """Milliseconds of the caller's audio in these items."""
        return sum(self._audio_ms.get(item.id) or recorded_ms(item) for item in items)

    def _check_place(self, item_id: str, previous: str | None) -> None:
        if item_id in self._items:
            raise duplicate_id(item_id)
        if previous is not None and previous != ROOT and previous not in self._items:
            raise ProtocolError(
                "item_create_invalid_previous_item_id",
                f"Error adding item: the previous item with id '{previous}' does not exist.",
                param="previous_item_id",
            )

    def add(self, item: Item, previous: str | None = None) -> str | None:
        """Put an item at the end, first (`ROOT`), or after another; returns the id of the one before it.

        Raises `ProtocolError` when there is no such place, or the id is taken.
        """
        self._check_place(item.id, previous)
        before = self.tail if previous is None else None if previous == ROOT else previous
        order = list(self._items.values())
        place = 0 if before is None else [each.id for each in order].index(before) + 1
        if place == len(order):
            self._items[item.id] = item
        else:
            order.insert(place, item)
            self._items = {each.id: each for each in order}
        if heard_ms := recorded_ms(item):
            self._audio_ms[item.id] = heard_ms
            self._drop_old_audio()
        return before

    def hear(self, item_id: str, spoken: Spoken) -> None:
        """The caller hears this answer, from its first audio on."""
        if self._is_open(item_id):
            self._spoken[item_id] = spoken

    def finish(self, item: Item) -> bool:
        """The final version of an answer. False: it was deleted meanwhile, and nothing has happened."""
        if not self._is_open(item.id):
            return False
        self._items[item.id] = item
        self._drop_old_audio()
        return True

    def _is_open(self, item_id: str) -> bool:
        # A client may delete an answer in progress, and even give its id to an item of its own.
        item = self._items.get(item_id)
        return item is not None and item.status == "in_progress"

    def set_transcript(self, item: Message, text: str) -> None:
        """The words of a caller's item are known."""
        parts: list[Part] = [
            replace(part, transcript=text) if isinstance(part, InputAudio) else part for part in item.content
        ]
        self._items[item.id] = replace(item, content=tuple(parts))

    def retrieve(self, item_id: str) -> Item:
        """An item with its audio. Raises `ProtocolError` for an unknown id."""
        item = self._known(item_id, "retriev")
        if isinstance(item, Message) and (spoken := self._spoken.get(item_id)):
            audio = bytes(spoken.data) if spoken.data else UNSET
            return replace(item, content=(OutputAudio(transcript=spoken.text, audio=audio),))
        return item

    def delete(self, item_id: str) -> None:
        """Forget an item. Raises `ProtocolError` for an unknown id."""
        self._known(item_id, "delet")
        for table in (self._items, self._spoken, self._audio_ms):
            table.pop(item_id, None)

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Forget what lies behind `audio_end_ms` of a spoken answer. Raises `ProtocolError`."""
        item = self._known(item_id, "truncat")
        spoken = self._spoken.get(item_id)
        if spoken is None or not isinstance(item, Message) or item.status == "in_progress":
            raise ProtocolError(None, "Only model output audio messages can be truncated")
        if content_index:
            raise ProtocolError(
                "invalid_value", f"Content index {content_index} does not exist.", param="content_index"
            )
        if audio_end_ms > spoken.ms:
            raise ProtocolError(
                "invalid_value",
                f"Audio content of {spoken.ms}ms is already shorter than {audio_end_ms}ms",
                param="audio_end_ms",
            )
        spoken.cut(audio_end_ms)
        self._items[item_id] = replace(item, content=(OutputAudio(transcript=spoken.text),))

    def _known(self, item_id: str, verb: str) -> Item:
        if item := self._items.get(item_id):
            return item
        code = {"retriev": "item_retrieve", "delet": "item_delete", "truncat": "item_truncate"}[verb]
        raise ProtocolError(
            f"{code}_invalid_item_id",
            f"Error {verb}ing item: the item with id '{item_id}' does not exist.",
            param="item_id",
        )

    def _drop_old_audio(self) -> None:
        room = RETAINED_AUDIO_BYTES
        for item_id in reversed(list(self._items)):
            spoken = self._spoken.get(item_id)
            item = self._items[item_id]
            room -= len(spoken.data) if spoken else sum(len(audio) for audio in _voices(item))
            if room >= 0:
                continue
            if spoken:
                spoken.data.clear()
            else:
                self._items[item_id] = _changed(item, _silent)


def duplicate_id(item_id: str) -> ProtocolError:
    """The id of a new item is taken (PROTOCOL.md 2.1)."""
    return ProtocolError(
        "item_create_duplicate_item_id",
        f"Error adding item: an item with id '{item_id}' already exists.",
        param="item.id",
    )


def check_output(items: Iterable[Item], call_id: str, where: str) -> None:
    """Raises `ProtocolError` unless there is exactly this call, and no output of it yet (PROTOCOL.md 4.7)."""
    known = False
    for item in items:
        known = known or (isinstance(item, FunctionCall) and item.call_id == call_id and item.status == "completed")
        if isinstance(item, FunctionCallOutput) and item.call_id == call_id:
            message = f"Function call '{call_id}' has an output already: one call has one output."
            raise ProtocolError("invalid_value", message, param=f"{where}.call_id")
    if not known:
        message = f"There is no completed function call with call_id '{call_id}' in the conversation."
        raise ProtocolError("invalid_value", message, param=f"{where}.call_id")


def _voices(item: Item) -> list[bytes]:
    if not isinstance(item, Message):
        return []
    parts = (part for part in item.content if isinstance(part, InputAudio | OutputAudio))
    return [part.audio for part in parts if isinstance(part.audio, bytes)]


def silent(item: Item) -> Item:
    """The item as every event but `conversation.item.retrieved` shows it: without audio bytes, and without pictures,
    which may be longer than what a call's data channel or a client that joined can be sent."""
    return _changed(item, lambda part: _unseen(_silent(part)))


def _changed(item: Item, change: Callable[[Part], Part]) -> Item:
    return replace(item, content=tuple(map(change, item.content))) if isinstance(item, Message) else item


def _silent(part: Part) -> Part:
    return replace(part, audio=UNSET) if isinstance(part, InputAudio | OutputAudio) else part


def _unseen(part: Part) -> Part:
    inside = isinstance(part, InputImage) and isinstance(part.image_url, str) and not is_fetched(part.image_url)
    return replace(part, image_url=UNSET) if inside else part


_PARTS_OF_ROLE: dict[str, tuple[type[Struct], ...]] = {
    "system": (InputText,),
    "user": (InputText, InputAudio, InputImage),
    "assistant": (OutputText,),
}


def check_parts(role: Role, content: Sequence[Part], where: str) -> None:
    """Raises `ProtocolError` for content that does not belong to the role (PROTOCOL.md 3.10)."""
    allowed = _PARTS_OF_ROLE[role]
    voices = 0
    for index, part in enumerate(content):
        param = f"{where}.content[{index}]"
        if not isinstance(part, allowed):
            raise invalid_value(f"{param}.type", _tag(type(part)), tuple(_tag(kind) for kind in allowed))
        if isinstance(part, InputAudio):
            voices += 1
            _check_recording(part, f"{param}.audio")
    if voices > 1:
        raise unsupported(f"{where}.content", "An item may hold one 'input_audio' part.")


def _check_recording(part: InputAudio, param: str) -> None:
    if part.transcript is None and not part.audio:
        raise ProtocolError("missing_required_parameter", f"Missing required parameter: '{param}'.", param=param)
    if isinstance(part.audio, bytes) and len(part.audio) > MAX_BUFFER_BYTES:
        minutes = MAX_BUFFER_MS // 60_000
        raise ProtocolError("invalid_value", f"Invalid '{param}': longer than {minutes} minutes.", param=param)


def _tag(kind: type[Struct]) -> str:
    return str(kind.__struct_config__.tag)

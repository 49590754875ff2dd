"""How the sound of answers leaves, and what of it has been played (PROTOCOL.md 4.6, 4.8).

There are two ways, chosen once for a session. As events: deltas that the client plays as it likes, and the client alone
knows what was heard. As media: a line that the server paces itself, so the server knows. The choice is made here and
nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from vivavoce.core import effects as fx
from vivavoce.core.conversation import Conversation
from vivavoce.protocol import server as wire
from vivavoce.protocol.errors import ProtocolError


class Place(Struct, frozen=True):
    """Which part of which answer a sound belongs to."""

    response_id: str
    item_id: str
    output_index: int = 0
    content_index: int = 0


class OutputBuffer:
    """The answers of one session on their way to the caller's ear. `media`: on a line of their own."""

    def __init__(self, conversation: Conversation, media: bool) -> None:
        self._conversation = conversation
        self._media = media
        self._waiting: dict[str, str] = {}
        """Answers on the line that were not played to their end: the item of each."""

    def sound(self, place: Place, data: bytes) -> fx.Output:
        """More of an answer."""
        if self._media:
            self._waiting[place.response_id] = place.item_id
            return fx.Play(response_id=place.response_id, pcm=data)
        return wire.OutputAudioDelta(
            response_id=place.response_id,
            item_id=place.item_id,
            output_index=place.output_index,
            content_index=place.content_index,
            delta=data,
        )

    def end(self, response_id: str) -> list[fx.Output]:
        """Nothing more of an answer will come."""
        return [fx.PlayEnd(response_id=response_id)] if response_id in self._waiting else []

    def sounding(self, response_id: str) -> bool:
        """The caller has not heard all of it yet, as far as the server can know."""
        return response_id in self._waiting

    def started(self, response_id: str) -> list[fx.Output]:
        """The line plays the first of an answer."""
        if response_id not in self._waiting:
            return []
        return [wire.OutputAudioBufferStarted(response_id=response_id)]

    def stopped(self, response_id: str) -> list[fx.Output]:
        """The line has played the last of an answer."""
        if self._waiting.pop(response_id, None) is None:
            return []
        return [wire.OutputAudioBufferStopped(response_id=response_id)]

    def clear(self) -> list[fx.Output]:
        """Silence, at once; what had been played until then comes back as `PlayoutCleared`."""
        return [fx.ClearPlayout()] if self._waiting else []

    def cleared(self, played: Mapping[str, int]) -> list[fx.Output]:
        """The line is silent: what was not heard is not remembered."""
        outputs: list[fx.Output] = []
        for response_id, item_id in self._waiting.items():
            outputs.append(wire.OutputAudioBufferCleared(response_id=response_id))
            ms = played.get(response_id, 0) // fx.SAMPLES_PER_MS
            try:
                self._conversation.truncate(item_id, 0, ms)
            except ProtocolError:
                continue  # out of band, deleted meanwhile, or longer than what was sent: nothing to forget
            outputs.append(wire.ConversationItemTruncated(item_id=item_id, content_index=0, audio_end_ms=ms))
        self._waiting.clear()
        return outputs

    def check_clear(self) -> None:
        """Raises `ProtocolError` where the client plays the sound itself."""
        if not self._media:
            message = "'output_audio_buffer.clear' is for calls over WebRTC and SIP: here the client plays the audio."
            raise ProtocolError("invalid_value", message, param="type")

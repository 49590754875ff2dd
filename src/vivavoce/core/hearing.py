"""The caller's side: audio into the buffer, turns out of it, and the words that were said (PROTOCOL.md 4.2, 4.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from vivavoce.core import effects as fx
from vivavoce.core import turns
from vivavoce.core.capabilities import Capabilities
from vivavoce.core.captioning import Captioner, pace
from vivavoce.core.conversation import Conversation, silent
from vivavoce.core.duplex import meets
from vivavoce.core.ids import Ids
from vivavoce.core.input_buffer import InputBuffer
from vivavoce.core.recordings import heeded, transcribe, voice_index
from vivavoce.core.responding import Responding
from vivavoce.protocol import server as wire
from vivavoce.protocol.items import InputAudio, InputText, Message
from vivavoce.protocol.session import ServerVad, SessionObject
from vivavoce.protocol.transcripts import TranscriptionError

KEPT_WHILE_SILENT_MS = 10_000
"""What a buffer under VAD keeps of the silence before a turn, if the prefix padding does not ask for more: enough for a
client that commits by hand what the VAD did not take for speech."""
ESTIMATED_MS = 8000
"""How much of a turn the turn detector is given."""
READ_AHEAD_MS = 20_000
"""How much of a turn the language model reads ahead: it costs too much to hear a longer one again and again."""


class Hearing:
    """One caller."""

    def __init__(self, conversation: Conversation, responding: Responding, ids: Ids, can: Capabilities) -> None:
        self._conversation = conversation
        self._responding = responding
        self._ids = ids
        self._can = can
        self._buffer = InputBuffer()
        self._turns = turns.Turns()
        self._captioner = Captioner(self._buffer)
        self._ahead = False
        """The language model should read the words of the turn ahead, as soon as they are known."""
        self.heard = 0
        """Samples of the caller so far."""
        self.announced: str | None = None
        """The id that `speech_started` announced and no commit has used: nobody else may take it."""

    def audio(self, pcm: bytes, settings: SessionObject) -> list[fx.Output]:
        """More of the caller. Raises `ProtocolError` when the buffer is full."""
        start = self._buffer.end
        self._buffer.append(pcm)
        self.heard = self._buffer.end
        detection = settings.audio.input.turn_detection
        if detection is None:
            return self._captioner.look(self._next_id, self._buffer.start, None, settings)
        if not self._turns.speaking:
            padding = detection.prefix_padding_ms if isinstance(detection, ServerVad) else 0
            self._buffer.trim_to(max(KEPT_WHILE_SILENT_MS, padding))
        return [*([] if start else meets(settings, self._can)), fx.Listen(pcm=pcm, start=start)]

    def likelihood(self, event: fx.SpeechLikelihood, settings: SessionObject) -> list[fx.Output]:
        """The VAD's view of a frame."""
        detection = settings.audio.input.turn_detection
        if detection is None or event.end <= self._buffer.start:
            return []  # nobody asks any more, or the audio was committed or cleared meanwhile
        found = self._follow(self._turns.hear(event, detection, self._buffer.start), settings)
        if not self._turns.speaking:
            return found
        return [*found, *self._captioner.look(self._next_id, self._turns.start, self._turns.voice_end, settings)]

    def estimate(self, event: fx.TurnEstimate, settings: SessionObject) -> list[fx.Output]:
        """The turn detector's view of a pause."""
        detection = settings.audio.input.turn_detection
        if detection is None:
            return []
        found = self._turns.estimated(event.at, event.probability, self._buffer.end, detection)
        return self._follow(found, settings)

    def detection_changed(self, settings: SessionObject) -> None:
        """New turn detection. An utterance in progress goes on; without detection it waits for a manual commit."""
        if settings.audio.input.turn_detection is None:
            self._buffer.forget_before(self._speech_start())
            self._turns.reset()

    def commit(self, settings: SessionObject) -> list[fx.Output]:
        """`input_audio_buffer.commit`. Raises `ProtocolError` when there is too little."""
        pcm = self._buffer.take(self._speech_start())
        self._turns.reset()
        return self._commit(pcm, self._buffer.end, settings)

    def clear(self) -> list[fx.Output]:
        """`input_audio_buffer.clear`: an utterance in progress is forgotten with it."""
        self._buffer.clear()
        self._turns.reset()
        self._captioner.forget(self.announced)
        self.announced = None
        return [wire.InputAudioBufferCleared()]

    @property
    def speaking(self) -> bool:
        """The caller is in the middle of a turn."""
        return self._turns.speaking

    def timed_out(self, settings: SessionObject) -> list[fx.Output]:
        """Nobody has spoken for the idle timeout: the silence becomes an item, and the assistant asks (4.3)."""
        detection = settings.audio.input.turn_detection
        assert isinstance(detection, ServerVad)
        assert detection.idle_timeout_ms is not None
        end = self._buffer.end
        start = max(self._buffer.start, end - detection.idle_timeout_ms * fx.SAMPLES_PER_MS)
        pcm = self._buffer.slice(start, end)
        self._buffer.forget_before(end)
        triggered = wire.TimeoutTriggered(
            item_id=self._next_id(),
            audio_start_ms=start // fx.SAMPLES_PER_MS,
            audio_end_ms=end // fx.SAMPLES_PER_MS,
        )
        answer = detection.create_response
        return [
            triggered,
            *self._commit(pcm, None, settings),
            *(self._responding.after_silence(detection.idle_timeout_ms / 1000, settings) if answer else []),
        ]

    def hypothesis(self, event: fx.Hypothesis, settings: SessionObject) -> list[fx.Output]:
        """The words so far of an utterance that goes on: captions for the client, and for the model to read ahead."""
        if event.item_id != self.announced:
            return []
        told = self._captioner.heard(event, self._speech_start(), settings)
        pause = event.voice_end is not None and not self._can.hears
        ahead = pause or (self._ahead and event.start == self._turns.start)
        if not (ahead and self._turns.speaking and event.text and settings.type == "realtime"):
            return told
        self._ahead = False
        return [*told, self._responding.warm(settings, said=InputText(event.text))]

    def transcript(self, event: fx.TranscriptReady | fx.TranscriptMissing, settings: SessionObject) -> list[fx.Output]:
        """The ASR is done with an item. The client hears of it only if it asked for transcription."""
        item = self._conversation.get(event.item_id)
        index = voice_index(item) if isinstance(item, Message) else None
        wanted = settings.audio.input.transcription is not None
        if not isinstance(item, Message) or index is None or isinstance(event, fx.TranscriptMissing):
            self._captioner.forget(event.item_id)
            if index is None or isinstance(event, fx.TranscriptReady) or not wanted:
                return []  # deleted meanwhile, or never part of the conversation
            error = TranscriptionError(code=event.code, message=event.message)
            return [wire.TranscriptionFailed(item_id=event.item_id, content_index=index, error=error)]
        told, text = self._captioner.finish(event, index, settings)
        self._conversation.set_transcript(item, text)
        return told if wanted else []

    # --- inside ---------------------------------------------------------------------------------------------------

    def _follow(self, events: Sequence[turns.TurnEvent], settings: SessionObject) -> list[fx.Output]:
        outputs: list[fx.Output] = []
        for event in events:
            match event:
                case turns.Started():
                    outputs += self._started(event.start, settings)
                case turns.Ongoing():
                    outputs += self._tentative(None, settings)
                case turns.Paused():
                    outputs += self._tentative(event.voice_end, settings)
                case turns.Estimate():
                    start = max(self._turns.start, event.at - ESTIMATED_MS * fx.SAMPLES_PER_MS)
                    outputs.append(fx.EstimateTurn(at=event.at, pcm=self._buffer.slice(start, event.at)))
                case turns.Stopped():
                    outputs += self._stopped(event, settings)
                case _:
                    assert_never(event)
        return outputs

    def _started(self, start: int, settings: SessionObject) -> list[fx.Output]:
        self._captioner.forget(self.announced)  # of what was said while nobody listened for turns
        self.announced = self._ids("item")
        self._ahead = False
        began = wire.SpeechStarted(item_id=self.announced, audio_start_ms=start // fx.SAMPLES_PER_MS)
        if settings.type == "transcription":
            return [began]
        detection = settings.audio.input.turn_detection
        interrupt = detection is not None and detection.interrupt_response
        stopped = self._responding.interrupt(settings) if interrupt else []
        # An answer that was cut is about to be truncated: what would be prefilled now is not what will be said.
        return [began, *meets(settings, self._can), *(stopped or [self._responding.warm(settings)])]

    def _tentative(self, voice_end: int | None, settings: SessionObject) -> list[fx.Output]:
        """The words so far: in a pause they may be all, and while the voice goes on the model reads them ahead."""
        start, end = self._turns.start, self._buffer.end
        if voice_end is None:
            short = end - start <= READ_AHEAD_MS * fx.SAMPLES_PER_MS
            self._ahead = settings.type == "realtime" and short and not self._can.hears
            if not self._ahead or pace(settings):
                return []  # where captions look anyway, their words will do
        pcm = self._buffer.slice(start, end)
        heard: list[fx.Output] = []
        asked = self._can.hears and not self._can.duplex
        if asked and voice_end is not None and settings.type == "realtime":
            heard.append(self._responding.warm(settings, said=InputAudio(audio=pcm)))
        if not heeded(settings, self._can):
            return heard
        return [*heard, transcribe(self._next_id(), pcm, voice_end, settings, start=start, tentative=True)]

    def _stopped(self, event: turns.Stopped, settings: SessionObject) -> list[fx.Output]:
        pcm = self._buffer.slice(self._turns.start, event.end)
        self._buffer.forget_before(event.end)
        stopped = wire.SpeechStopped(item_id=self._next_id(), audio_end_ms=event.end // fx.SAMPLES_PER_MS)
        detection = settings.audio.input.turn_detection
        asked = detection is not None and detection.create_response and not self._can.duplex
        answer = settings.type == "realtime" and asked
        return [
            stopped,
            *self._commit(pcm, event.voice_end, settings),
            *(self._responding.after_turn(settings) if answer else []),
        ]

    def _commit(self, pcm: bytes, voice_end: int | None, settings: SessionObject) -> list[fx.Output]:
        item = Message(id=self._next_id(), status="completed", role="user", content=(InputAudio(audio=pcm),))
        self.announced = None
        before = self._conversation.add(item)
        return [
            wire.InputAudioBufferCommitted(item_id=item.id, previous_item_id=before),
            wire.ConversationItemAdded(previous_item_id=before, item=silent(item)),
            wire.ConversationItemDone(previous_item_id=before, item=silent(item)),
            *([transcribe(item.id, pcm, voice_end, settings)] if pcm and heeded(settings, self._can) else []),
        ]

    def _next_id(self) -> str:
        if self.announced is None:
            self.announced = self._ids("item")
        return self.announced

    def _speech_start(self) -> int:
        """Where the audio of the utterance in progress begins; without one, where the buffer does."""
        return self._turns.start if self._turns.speaking else self._buffer.start

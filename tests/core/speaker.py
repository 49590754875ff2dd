"""Drives an `Interpreter` as a speaker and its engines would; the views are those of `tests.core.caller`."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tests.core.caller import FRAME_MS, pcm, said

from vivavoce.core import effects as fx
from vivavoce.core.capabilities import Capabilities
from vivavoce.core.ids import CountingIds
from vivavoce.core.translation import Interpreter
from vivavoce.protocol import translation as wire
from vivavoce.protocol.errors import ProtocolError

CAN = Capabilities(
    models=("gpt-realtime",),
    voices=("alloy",),
    transcription_models=("whisper-1", "base"),
    translation_models=("gpt-realtime-translate",),
    output_languages=("en", "de"),
    noise_reduction=True,
)
SETTINGS = wire.TranslationSession(
    id="sess_1",
    model="gpt-realtime-translate",
    expires_at=0,
    audio=wire.Audio(output=wire.Output("en")),
)
Outputs = list[fx.TranslationOutput]


class Speaker:
    """One session with counted ids. Every call returns the outputs that it caused."""

    def __init__(self, *, can: Capabilities = CAN, expires_in: float | None = None, **audio: object) -> None:
        """`audio` is sent as a first `session.update`."""
        self.now = 100.0
        self.core = Interpreter(SETTINGS, "alloy", can, CountingIds(), self.now, expires_in)
        self.started = self.core.start()
        self._heard = 0
        if audio:
            self.update(**audio)

    def tell(self, event: fx.TranslationInput) -> Outputs:
        """An input, as it is."""
        return self.core.handle(event, self.now)

    def send(self, type_: str, **fields: object) -> Outputs:
        """A frame, through the wire's codec. What it refuses, and appends, reach the core as the runtime makes them."""
        try:
            event = wire.decode(json.dumps({"type": type_, **fields}))
        except ProtocolError as refused:
            return self.tell(
                fx.BadFrame(code=refused.code, message=refused.message, param=refused.param, event_id=refused.event_id)
            )
        if isinstance(event, wire.InputAudioBufferAppend):
            return self.tell(fx.AudioIn(pcm=event.audio, event_id=event.event_id))
        return self.tell(event)

    def update(self, **audio: object) -> Outputs:
        """`session.update` of `session.audio`."""
        return self.send("session.update", session={"audio": audio})

    def close(self) -> Outputs:
        """`session.close`."""
        return self.send("session.close")

    def hear(self, ms: float, probability: float, frame: bytes = pcm(FRAME_MS)) -> Outputs:
        """Audio in VAD frames, each with the same likelihood of speech; without the commands to listen."""
        outputs: Outputs = []
        for _ in range(round(ms / FRAME_MS)):
            outputs += self.tell(fx.AudioIn(pcm=frame))
            self._heard += FRAME_MS * fx.SAMPLES_PER_MS
            outputs += self.tell(
                fx.SpeechLikelihood(probability=probability, end=self._heard, samples=FRAME_MS * fx.SAMPLES_PER_MS)
            )
        return [output for output in outputs if not isinstance(output, fx.Listen)]

    def say(self, voice_ms: float = 640) -> Outputs:
        """A passage and the pause that ends it."""
        return [*self.hear(voice_ms, 0.9), *self.hear(416, 0.0)]

    @property
    def heard_ms(self) -> int:
        """All that `hear` has given."""
        return self._heard // fx.SAMPLES_PER_MS

    # --- engines ---

    def understood(self, text: str, item: str = "item_1", language: str | None = None) -> Outputs:
        """The words of a passage."""
        return self.tell(fx.TranscriptReady(item_id=item, text=text, seconds=1.0, language=language))

    def words(self, text: str, response: str = "resp_1") -> Outputs:
        """Words of a translation."""
        return self.tell(fx.AnswerText(response_id=response, text=text))

    def sound(self, ms: int, response: str = "resp_1") -> Outputs:
        """Audio of a translation."""
        return self.tell(fx.AnswerAudio(response_id=response, data=pcm(ms), samples=ms * fx.SAMPLES_PER_MS))

    def finish(self, response: str = "resp_1") -> Outputs:
        """The translation's end."""
        return self.tell(fx.AnswerFinished(response_id=response))

    def translated(self, text: str, ms: int = 400, response: str = "resp_1") -> Outputs:
        """All of a spoken translation."""
        return [*self.words(text, response), *self.sound(ms, response), *self.finish(response)]


def asked(outputs: Sequence[object]) -> list[str]:
    """What is to be translated, by each command that starts a translation."""
    commands = [output for output in outputs if isinstance(output, fx.StartResponse)]
    texts = [getattr(said(command.context.items[0]).content[0], "text", "") for command in commands]
    return [text.partition(": ")[2] for text in texts]


def passages(outputs: Sequence[object]) -> list[tuple[str, int]]:
    """Item and milliseconds of audio of each passage that is to be transcribed for good."""
    final = [output for output in outputs if isinstance(output, fx.Transcribe) and not output.tentative]
    return [(each.item_id, len(each.pcm) // 2 // fx.SAMPLES_PER_MS) for each in final]

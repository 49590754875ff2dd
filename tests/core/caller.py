"""Drives a `Session` as a client and its engines would, and shows what comes out, one line an output."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence

from msgspec import UNSET, Struct
from msgspec.structs import fields

from vivavoce.core import effects as fx
from vivavoce.core.capabilities import Capabilities
from vivavoce.core.ids import CountingIds
from vivavoce.core.session import Session
from vivavoce.protocol import server as wire
from vivavoce.protocol.client import InputAudioBufferAppend
from vivavoce.protocol.codec import decode
from vivavoce.protocol.errors import ProtocolError
from vivavoce.protocol.items import (
    FunctionCall,
    InputAudio,
    Item,
    McpApprovalRequest,
    McpApprovalResponse,
    McpCall,
    McpListTools,
    Message,
    OutputAudio,
)
from vivavoce.protocol.session import AudioOutput, SessionAudio, SessionObject
from vivavoce.protocol.tools import McpTool

FRAME_MS = 32
VOICES = ("alloy", "echo", "marin")
CAN = Capabilities(
    models=("gpt-realtime", "small"),
    voices=VOICES,
    min_speed=0.5,
    max_speed=1.5,
    transcription_models=("whisper-1", "base"),
    semantic_vad=True,
)
SETTINGS = SessionObject(
    id="sess_1",
    model="gpt-realtime",
    instructions="Be kind.",
    expires_at=0,
    audio=SessionAudio(output=AudioOutput(voice="alloy")),
)


def pcm(ms: float) -> bytes:
    """Silence at 24 kHz."""
    return bytes(round(ms * fx.SAMPLES_PER_MS) * 2)


class Caller:
    """One session with counted ids. Every call returns the outputs that it caused."""

    def __init__(
        self,
        *,
        can: Capabilities = CAN,
        settings: SessionObject = SETTINGS,
        expires_in: float | None = None,
        lag_ms: int = 0,
        **session: object,
    ) -> None:
        """`lag_ms` is that of the VAD; `session` is sent as a first `session.update`."""
        self.now = 100.0
        self.session = Session(settings, can, CountingIds(), self.now, expires_in)
        self.started = self.session.start()
        self._heard = 0
        self._lag = lag_ms * fx.SAMPLES_PER_MS
        if session:
            self.update(**session)

    def tell(self, event: fx.Input) -> list[fx.Output]:
        """An input, as it is."""
        return self.session.handle(event, self.now)

    def send(self, type_: str, **fields: object) -> list[fx.Output]:
        """A frame, through the wire's codec. What it refuses, and appends, reach the core as the runtime makes them."""
        try:
            event = decode(json.dumps({"type": type_, **fields}))
        except ProtocolError as refused:
            return self.tell(
                fx.BadFrame(code=refused.code, message=refused.message, param=refused.param, event_id=refused.event_id)
            )
        if isinstance(event, InputAudioBufferAppend):
            return self.tell(fx.AudioIn(pcm=event.audio, event_id=event.event_id))
        return self.tell(event)

    def update(self, **session: object) -> list[fx.Output]:
        """`session.update`."""
        return self.send("session.update", session={"type": "realtime", **session})

    def detect(self, **detection: object) -> list[fx.Output]:
        """`session.update` of the turn detection; without arguments it is switched off."""
        return self.update(audio={"input": {"turn_detection": detection or None}})

    def hear(self, ms: float, probability: float) -> list[fx.Output]:
        """Audio in VAD frames, each with the same likelihood of speech.

        The commands to listen, and those that only prepare for what may come, are left out.
        """
        outputs = [output for _ in range(round(ms / FRAME_MS)) for output in self.hear_raw(probability)]
        return [output for output in outputs if not is_routine(output)]

    def hear_raw(self, probability: float) -> list[fx.Output]:
        """One VAD frame, and everything that it causes."""
        outputs = self.tell(fx.AudioIn(pcm=pcm(FRAME_MS)))
        self._heard += FRAME_MS * fx.SAMPLES_PER_MS
        likelihood = fx.SpeechLikelihood(
            probability=probability, end=self._heard, samples=FRAME_MS * fx.SAMPLES_PER_MS, lag=self._lag
        )
        return [*outputs, *self.tell(likelihood)]

    def append(self, ms: float) -> list[fx.Output]:
        """Audio that no VAD looks at."""
        self._heard += round(ms * fx.SAMPLES_PER_MS)
        return self.tell(fx.AudioIn(pcm=pcm(ms)))

    def speak_turn(self, voice_ms: float = 640, silence_ms: float = 224) -> list[fx.Output]:
        """A spoken turn, long enough to end with the default silence."""
        return [*self.hear(voice_ms, 0.9), *self.hear(silence_ms, 0.0)]

    # --- engines ---

    def began(self, response: str = "resp_1") -> list[fx.Output]:
        """First token."""
        return self.tell(fx.AnswerBegan(response_id=response))

    def words(self, text: str, response: str = "resp_1") -> list[fx.Output]:
        """Words of an answer."""
        return self.tell(fx.AnswerText(response_id=response, text=text))

    def times(self, *ends: tuple[int, int], response: str = "resp_1") -> list[fx.Output]:
        """When words end: characters of the latest words, and milliseconds into their audio."""
        samples = tuple((chars, ms * fx.SAMPLES_PER_MS) for chars, ms in ends)
        return self.tell(fx.AnswerTimes(response_id=response, ends=samples))

    def sound(self, ms: int, response: str = "resp_1") -> list[fx.Output]:
        """Audio of an answer, PCM."""
        return self.tell(fx.AnswerAudio(response_id=response, data=pcm(ms), samples=ms * fx.SAMPLES_PER_MS))

    def call(self, name: str, *arguments: str, response: str = "resp_1") -> list[fx.Output]:
        """A whole call of a tool."""
        return [
            *self.tell(fx.AnswerCall(response_id=response, name=name)),
            *(event for each in arguments for event in self.tell(fx.AnswerArguments(response_id=response, delta=each))),
            *self.tell(fx.AnswerCalled(response_id=response)),
        ]

    def finish(
        self, response: str = "resp_1", *, input_tokens: int = 0, output_tokens: int = 0, cached_tokens: int = 0
    ) -> list[fx.Output]:
        """The answer's end."""
        return self.tell(
            fx.AnswerFinished(
                response_id=response,
                input_tokens=input_tokens,
                output_tokens=output_tokens,
                cached_tokens=cached_tokens,
            )
        )

    def answer(self, text: str = "Yes.", ms: int = 500, response: str = "resp_1") -> list[fx.Output]:
        """All of a spoken answer."""
        return [*self.words(text, response), *self.sound(ms, response), *self.finish(response)]

    # --- views ---

    def item(self, item_id: str) -> Item | None:
        """An item with its audio; None when there is none."""
        for output in self.send("conversation.item.retrieve", item_id=item_id):
            if isinstance(output, wire.ConversationItemRetrieved):
                return output.item
        return None


def is_routine(output: fx.Output) -> bool:
    """It listens, or it prepares for what may come: nobody would notice if it were not done."""
    look = isinstance(output, fx.Transcribe) and output.tentative and output.voice_end is None
    return look or isinstance(output, fx.Listen | fx.Warm)


def is_unlimited(output: Struct) -> bool:
    """It says after a response that nothing is limited; shown only where it says more."""
    return isinstance(output, wire.RateLimitsUpdated) and not output.rate_limits


def tag(output: Struct) -> str:
    """The type as it stands on the wire or in a trace."""
    return str(type(output).__struct_config__.tag)


def tags(outputs: Iterable[Struct]) -> list[str]:
    """The types alone."""
    return [tag(output) for output in outputs if not is_unlimited(output)]


def error(outputs: Sequence[Struct]) -> wire.ErrorBody:
    """The one error, which is all there is."""
    (output,) = outputs
    assert isinstance(output, wire.ErrorEvent), output
    return output.error


def refusal(outputs: Sequence[Struct]) -> tuple[str | None, str | None]:
    """Code and param of the one error."""
    body = error(outputs)
    return body.code, body.param


def done(outputs: list[fx.Output]) -> wire.ResponseObject:
    """The response of the one `response.done`."""
    (response,) = (output.response for output in outputs if isinstance(output, wire.ResponseDone))
    return response


def started(outputs: list[fx.Output]) -> fx.StartResponse:
    """The one command to answer."""
    (command,) = (output for output in outputs if isinstance(output, fx.StartResponse))
    return command


def b64(data: bytes) -> str:
    """As the wire carries bytes."""
    return base64.b64encode(data).decode()


def said(item: Item) -> Message:
    """An item that can only be a message."""
    assert isinstance(item, Message)
    return item


# --- one line an output ---


def show(outputs: Iterable[Struct]) -> list[str]:
    """Each output as `type key=value ...`, without its event id and without what is unset."""
    return [" ".join([tag(output), *_pairs(output)]) for output in outputs if not is_unlimited(output)]


def _pairs(output: Struct) -> list[str]:
    place: list[str] = []
    hidden = {"event_id"}
    if isinstance(output, wire.InContent):
        place = [f"at={output.response_id}/{output.item_id}/{output.output_index}/{output.content_index}"]
        hidden |= {"response_id", "item_id", "output_index", "content_index"}
    if isinstance(output, fx.Transcribe | fx.Warm):
        hidden |= {
            name for name in ("start", "captions", "settle", "logprobs", "guess") if not getattr(output, name, 0)
        }
    values = [(field.name, getattr(output, field.name)) for field in fields(output) if field.name not in hidden]
    return [*place, *(f"{name}={_value(value)}" for name, value in values if value is not UNSET)]


def _value(value: object) -> str:
    match value:
        case Message():
            return f"{value.id}:{value.role}:{value.status}[{' '.join(map(_part, value.content))}]"
        case FunctionCall():
            return f"{value.id}:{value.call_id}:{value.status}:{value.name}({value.arguments})"
        case McpListTools():
            why = "" if value.error is UNSET else f":{value.error}"
            return f"{value.id}:{value.server_label}:{value.status}[{' '.join(each.name for each in value.tools)}]{why}"
        case McpCall():
            came = value.output if value.error is None else f"{tag(value.error)}: {value.error.message}"
            call = f"{value.server_label}.{value.name}({value.arguments})"
            return f"{value.id}:{value.status}:{call}" + ("" if came is None else f"={came}")
        case McpApprovalRequest():
            return f"{value.id}:{value.status}:{value.server_label}.{value.name}({value.arguments})?"
        case McpApprovalResponse():
            return f"{value.id}:{value.approval_request_id}:{'yes' if value.approve else 'no'}"
        case McpTool():
            return value.server_label
        case wire.ResponseObject():
            return _response(value)
        case wire.ContentPart():
            return f"{value.type}:{(value.transcript if value.text is UNSET else value.text)!r}"
        case fx.Context():
            return f"[{' '.join(item.id for item in value.items)}]"
        case SessionObject():
            return value.id
        case bytes():
            return f"{len(value)}B"
        case str():
            return value if value.isidentifier() else repr(value)
        case Struct():
            return f"({' '.join(_pairs(value)) or tag(value)})"
    return str(value)


def _part(part: Struct) -> str:
    words = part.transcript if isinstance(part, InputAudio | OutputAudio) else getattr(part, "text", None)
    audio = getattr(part, "audio", UNSET)
    return f"{tag(part)}:{words!r}" + (f"+{len(audio)}B" if isinstance(audio, bytes) else "")


def _response(response: wire.ResponseObject) -> str:
    details = response.status_details
    why = "" if details is None else ":" + ":".join(_why(details))
    return f"{response.id}:{response.status}{why}[{' '.join(item.id for item in response.output)}]"


def _why(details: wire.StatusDetails) -> list[str]:
    reason = details.reason if isinstance(details.reason, str) else ""
    fault = details.error.code if isinstance(details.error, wire.ResponseErrorBody) else ""
    return [word for word in (reason, fault) if word]

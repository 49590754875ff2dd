"""What the core hears besides the client (`Input`), and what it asks for besides telling the client (`Command`).

All are plain tagged data, so that a session can be recorded as JSON lines and run again.
Positions are samples at 24 kHz since the session's first sample: the session's own clock (PROTOCOL.md 2.2).
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from vivavoce.core.context import CallableTool as CallableTool
from vivavoce.core.context import Context as Context
from vivavoce.core.tool_effects import CallTool as CallTool
from vivavoce.core.tool_effects import CancelTool as CancelTool
from vivavoce.core.tool_effects import ListTools as ListTools
from vivavoce.core.tool_effects import ToolFailed as ToolFailed
from vivavoce.core.tool_effects import ToolReturned as ToolReturned
from vivavoce.core.tool_effects import ToolsListed as ToolsListed
from vivavoce.core.tool_effects import ToolsMissing as ToolsMissing
from vivavoce.protocol import translation
from vivavoce.protocol.client import ClientRequest
from vivavoce.protocol.items import Detail
from vivavoce.protocol.server import AnyServerEvent
from vivavoce.protocol.session import AudioFormat, Transcription
from vivavoce.protocol.transcripts import TokenLogprob

SAMPLES_PER_MS = 24
"""The sample clock runs at 24 kHz whatever the wire's format is."""


class _Fact(Struct, frozen=True, kw_only=True, tag=True):
    """Anything that happened, or that should."""


# --- inputs ---


class AudioIn(_Fact, frozen=True, tag="audio_in"):
    """The caller's audio: 24 kHz mono PCM16, whatever way it came. `event_id` is that of the append, if it had one."""

    pcm: bytes
    event_id: str | None = None


class BadFrame(_Fact, frozen=True, tag="bad_frame"):
    """The client sent something that is no event; the fields are those of the `error` it gets."""

    code: str | None
    message: str
    param: str | None = None
    event_id: str | None = None


class NoiseReductionFailed(_Fact, frozen=True, tag="noise_reduction_failed"):
    """The noise reducer gave up: the audio goes on as it comes."""

    code: str
    message: str


class SpeechLikelihood(_Fact, frozen=True, tag="speech_likelihood"):
    """The VAD's view of the frame of `samples` samples that ends at `end`.

    `lag`: how long its probability stays high after the voice has ended, in samples.
    """

    probability: float
    end: int
    samples: int
    lag: int = 0


class TurnEstimate(_Fact, frozen=True, tag="turn_estimate"):
    """The turn detector's view of the turn as it stood when `EstimateTurn` with this `at` was asked."""

    at: int
    probability: float


class TranscriptReady(_Fact, frozen=True, tag="transcript_ready"):
    """The ASR has the words of an item, whose audio lasted `seconds`; `language` is the one that it detected."""

    item_id: str
    text: str
    seconds: float
    language: str | None = None
    logprobs: tuple[TokenLogprob, ...] = ()


class TranscriptMissing(_Fact, frozen=True, tag="transcript_missing"):
    """The ASR failed on an item."""

    item_id: str
    code: str
    message: str


class Hypothesis(_Fact, frozen=True, tag="hypothesis"):
    """What a tentative transcription of an item heard from `start` to `end`; the turn may go on.

    `voice_end` and `settle` are those of its command.
    """

    item_id: str
    text: str
    start: int = 0
    end: int = 0
    voice_end: int | None = None
    settle: bool = False
    logprobs: tuple[TokenLogprob, ...] = ()


class AnswerBegan(_Fact, frozen=True, tag="answer_began"):
    """The engine has the first token of a response."""

    response_id: str


class AnswerText(_Fact, frozen=True, tag="answer_text"):
    """Words of a response; if it is a spoken one, their audio follows."""

    response_id: str
    text: str


class AnswerTimes(_Fact, frozen=True, tag="answer_times"):
    """When words of the latest `AnswerText` end: pairs of characters of it, and samples into its audio."""

    response_id: str
    ends: tuple[tuple[int, int], ...]


class AnswerAudio(_Fact, frozen=True, tag="answer_audio"):
    """Audio of a spoken response in the response's own format; `samples` is its length on the 24 kHz clock."""

    response_id: str
    data: bytes
    samples: int


class AnswerCall(_Fact, frozen=True, tag="answer_call"):
    """The engine begins to call a tool, by the name that the context gave it; its arguments follow."""

    response_id: str
    name: str


class AnswerArguments(_Fact, frozen=True, tag="answer_arguments"):
    """A piece of the arguments of the latest `AnswerCall`: JSON."""

    response_id: str
    delta: str


class AnswerCalled(_Fact, frozen=True, tag="answer_called"):
    """The arguments of the latest `AnswerCall` are whole, and valid."""

    response_id: str


class AnswerFinished(_Fact, frozen=True, tag="answer_finished"):
    """The engine is done; tokens are the model's own count."""

    response_id: str
    reason: Literal["stop", "length", "content_filter"] = "stop"
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    image_tokens: int = 0
    audio_tokens: int | None = None
    """Of the input; None: no audio is among what the model counted."""
    spoken_tokens: int | None = None
    """The same of the output."""


class AnswerFailed(_Fact, frozen=True, tag="answer_failed"):
    """The engine gave up."""

    response_id: str
    code: str
    message: str


class LookFailed(_Fact, frozen=True, tag="look_failed"):
    """A picture could not be fetched or decoded; the fields are those of `Look`, and what was wrong."""

    item_id: str
    content_index: int
    code: str
    message: str


class Tick(_Fact, frozen=True, tag="tick"):
    """The time that `Session.deadline` named has come."""


class PlaybackStarted(_Fact, frozen=True, tag="playback_started"):
    """The line plays the first sound of an answer now."""

    response_id: str


class PlaybackStopped(_Fact, frozen=True, tag="playback_stopped"):
    """The line has played the last sound of an answer, after its `PlayEnd`."""

    response_id: str


class PlayoutCleared(_Fact, frozen=True, tag="playout_cleared"):
    """The line is silent. `played`: samples at 24 kHz of each answer that was not played to its end."""

    played: dict[str, int]


class KeyPressed(_Fact, frozen=True, tag="key_pressed"):
    """The caller has pressed a key of the telephone: 0 to 9, *, #, A to D. `at`: Unix seconds."""

    key: str
    at: int


class Speaks(_Fact, frozen=True, tag="speaks"):
    """A model that nobody asks has begun to speak by itself; what it says waits for `StartResponse`."""


class Joined(_Fact, frozen=True, tag="joined"):
    """One more client takes part in the session: it is shown the session as it is."""


AnswerEvent = (
    AnswerBegan
    | AnswerText
    | AnswerTimes
    | AnswerAudio
    | AnswerCall
    | AnswerArguments
    | AnswerCalled
    | AnswerFinished
    | AnswerFailed
)
ToolEvent = ToolsListed | ToolsMissing | ToolReturned | ToolFailed
"""What MCP servers say."""
EngineEvent = (
    NoiseReductionFailed
    | SpeechLikelihood
    | TurnEstimate
    | Hypothesis
    | TranscriptReady
    | TranscriptMissing
    | AnswerEvent
)
LineEvent = PlaybackStarted | PlaybackStopped | PlayoutCleared | KeyPressed
"""What the line of a call tells."""
Input = ClientRequest | AudioIn | BadFrame | EngineEvent | LookFailed | ToolEvent | LineEvent | Tick | Speaks | Joined
TranslationInput = translation.ClientRequest | AudioIn | BadFrame | EngineEvent | Tick | Joined
"""The same for a translation session."""


# --- commands ---


class Listen(_Fact, frozen=True, tag="listen"):
    """Let the VAD hear this audio, whose first sample has the position `start`."""

    pcm: bytes
    start: int


class EstimateTurn(_Fact, frozen=True, tag="estimate_turn"):
    """Ask the turn detector whether `pcm`, which ends in a pause, is a finished turn."""

    at: int
    pcm: bytes


class Transcribe(_Fact, frozen=True, tag="transcribe"):
    """Find out what was said in an item.

    `voice_end`: where on the stream the last of these words ended; None where that is not so, for a recording that
    the client brought, and while the caller goes on speaking.
    `tentative`: the turn may go on, so the result is only a `Hypothesis`, and none is due. If the turn did end at the
    same `voice_end`, the words are the same: the final result is already on the way.
    `start`: where on the stream the `pcm` of a tentative one begins.
    `captions`: the client waits for these words, tentative as they are; else they are only worth idle time.
    `settle`: there is too much to look at. The words up to a quiet place in it are wanted, for good.
    """

    item_id: str
    pcm: bytes
    voice_end: int | None
    start: int = 0
    tentative: bool = False
    captions: bool = False
    settle: bool = False
    logprobs: bool = False
    telephone: bool = False
    hint: Transcription | None = None


class Warm(_Fact, frozen=True, tag="warm"):
    """The next answer will start from this: prepare it. `guess`: the caller's words in it may turn out otherwise."""

    context: Context
    guess: bool = False


class Converse(_Fact, frozen=True, tag="converse"):
    """From now on a model that speaks by itself hears what is listened to; it goes on where it does so already."""

    voice: str
    instructions: str


class StartResponse(_Fact, frozen=True, tag="start_response"):
    """Answer; audio is wanted in `format`."""

    response_id: str
    context: Context
    format: AudioFormat


class CancelResponse(_Fact, frozen=True, tag="cancel_response"):
    """Stop all work on a response at once."""

    response_id: str


class Play(_Fact, frozen=True, tag="play"):
    """Play this, 24 kHz PCM16, behind what waits already."""

    response_id: str
    pcm: bytes


class PlayEnd(_Fact, frozen=True, tag="play_end"):
    """Nothing more of an answer comes: say when it has been played."""

    response_id: str


class ClearPlayout(_Fact, frozen=True, tag="clear_playout"):
    """Be silent at once, and say what was played until then (`PlayoutCleared`)."""


class Look(_Fact, frozen=True, tag="look"):
    """A picture came with an item: find out what is on it, for a model that cannot see."""

    item_id: str
    content_index: int
    image_url: str
    detail: Detail


class Close(_Fact, frozen=True, tag="close"):
    """End the connection once everything before this has been sent."""

    code: int
    reason: str


Command = (
    Listen
    | EstimateTurn
    | Transcribe
    | Look
    | Warm
    | Converse
    | StartResponse
    | CancelResponse
    | ListTools
    | CallTool
    | CancelTool
    | Play
    | PlayEnd
    | ClearPlayout
    | Close
)
Output = AnyServerEvent | Command
TranslationOutput = translation.AnyServerEvent | Command
AnyInput = Input | TranslationInput
AnyOutput = Output | TranslationOutput
"""Of a session of either kind."""

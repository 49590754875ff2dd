"""The settings, their types, ranges and defaults; the descriptions are what `vivavoce check` prints.

An engine's options are the keyword arguments of its factory in `vivavoce.engines`, by the same names.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from vivavoce.config.duplex import MoshiResponder
from vivavoce.config.mcp import Mcp
from vivavoce.config.observe import Log, Tracing
from vivavoce.config.prices import Prices
from vivavoce.config.remote import Chat, ChatAudioResponder, EngineOptions, Remote, Seconds
from vivavoce.config.section import Section, Variable
from vivavoce.config.sip import Sip
from vivavoce.config.tools import Tools
from vivavoce.config.upstream import RealtimeResponder
from vivavoce.config.webrtc import WebRtc

Language = Annotated[
    str, Meta(pattern="^(auto|[a-z]{2,3})$", description="ISO-639-1 where sessions name none; auto detects it.")
]
Threads = Annotated[int, Meta(ge=1, le=256)]

REALTIME_ALIASES = (
    "gpt-realtime",
    "gpt-realtime-1.5",
    "gpt-realtime-2",
    "gpt-realtime-2.1",
    "gpt-realtime-2.1-mini",
    "gpt-realtime-2025-08-28",
    "gpt-realtime-mini",
    "gpt-realtime-mini-2025-10-06",
    "gpt-realtime-mini-2025-12-15",
    "gpt-4o-realtime-preview",
    "gpt-4o-mini-realtime-preview",
)
"""The names that stock clients ask for (PROTOCOL.md 3.1)."""
TRANSCRIPTION_ALIASES = (
    "whisper-1",
    "gpt-4o-transcribe",
    "gpt-4o-mini-transcribe",
    "gpt-realtime-whisper",
    "gpt-transcribe",
    "gpt-live-transcribe",
)
"""The same for `audio.input.transcription.model` (PROTOCOL.md 0.4)."""
TRANSLATION_ALIASES = ("gpt-realtime-translate",)
"""The same for translation sessions (PROTOCOL.md 1.6)."""


class Server(Section, frozen=True, kw_only=True):
    """Where to listen, and who may call."""

    host: Annotated[str, Meta(description="Address to listen on. Beyond this machine only with keys.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535, description="TCP port; 0 takes any free one.")] = 8700
    keys: Annotated[
        tuple[Annotated[str, Meta(min_length=1)], ...],
        Meta(description="API keys that callers may use. None: any key, or no key, is accepted."),
    ] = ()
    keys_env: Annotated[
        Variable | None, Meta(description="Environment variable with more keys, separated by commas.")
    ] = None
    tls_cert: Annotated[
        str | None, Meta(description="PEM file with the certificate and its chain. With it: only https:// and wss://.")
    ] = None
    tls_key: Annotated[str | None, Meta(description="PEM file with the certificate's private key.")] = None
    cors_origins: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^(\*|https?://[^/]+)$")], ...],
        Meta(
            description='Web pages that may call from a browser, as https://app.example.com. "*": any; they need a key '
            "all the same, since there are no cookies here."
        ),
    ] = ("*",)
    playground: Annotated[bool, Meta(description="A page at / to talk to this server from a browser.")] = True


class Project(Section, frozen=True, kw_only=True):
    """Callers apart from all others: their keys reach only sessions and client secrets of this project."""

    keys: Annotated[
        tuple[Annotated[str, Meta(min_length=1)], ...], Meta(description="API keys that belong to it.")
    ] = ()
    keys_env: Annotated[
        Variable | None, Meta(description="Environment variable with more keys, separated by commas.")
    ] = None
    max_sessions: Annotated[
        Annotated[int, Meta(ge=1, le=100_000)] | None,
        Meta(description="Its sessions at once. Absent: the server's limit alone."),
    ] = None


class Model(Section, frozen=True, kw_only=True):
    """What callers see of the conversation model."""

    name: Annotated[str, Meta(min_length=1, description="Its name in sessions and in /v1/models.")] = "vivavoce"
    aliases: Annotated[
        tuple[str, ...], Meta(description="Other names it answers to: those that stock clients ask for.")
    ] = REALTIME_ALIASES
    transcription_aliases: Annotated[
        tuple[str, ...], Meta(description="Names that captions of the caller may be asked from.")
    ] = TRANSCRIPTION_ALIASES
    translation_aliases: Annotated[
        tuple[str, ...], Meta(description="Names that translation sessions may be asked from, beside its own.")
    ] = TRANSLATION_ALIASES
    instructions: Annotated[str, Meta(description="Instructions of a session that brings none.")] = (
        "You are a helpful, friendly voice assistant. You are heard, not read: answer in one or two short "
        "spoken sentences, in the language of the caller, and ask when something is unclear."
    )
    voice: Annotated[str, Meta(min_length=1, description="Voice of a session that chooses none.")] = "alloy"


class Limits(Section, frozen=True, kw_only=True):
    """How much one server takes on."""

    max_sessions: Annotated[int, Meta(ge=1, le=100_000, description="Sessions at once.")] = 64
    session_minutes: Annotated[int, Meta(ge=0, le=525_600, description="Longest session; 0: no limit.")] = 60
    tokens_per_minute: Annotated[
        int, Meta(ge=0, le=2**31 - 1, description="Tokens for answers in one session and minute; 0: no limit.")
    ] = 0


class Prompt(Section, frozen=True, kw_only=True):
    """Instructions that sessions may name instead of bringing their own: `prompt: {"id": ...}`."""

    instructions: Annotated[str, Meta(description="The text; {{name}} stands for a variable of the session's.")]
    version: Annotated[str, Meta(min_length=1, description="What this text is called.")] = "1"
    older: Annotated[dict[str, str], Meta(description="Earlier texts that may still be asked for, by version.")] = (
        field(default_factory=dict)
    )


class Timeouts(Section, frozen=True, kw_only=True):
    """How long an engine may keep a caller waiting before the response fails."""

    turn_s: Annotated[Seconds, Meta(description="The turn detector; late, the pause alone decides.")] = 1.0
    transcript_s: Annotated[Seconds, Meta(description="From the end of speech to its transcript.")] = 15.0
    first_part_s: Annotated[Seconds, Meta(description="From the prompt to the answer's first part.")] = 30.0
    next_part_s: Annotated[Seconds, Meta(description="Between two parts of an answer.")] = 15.0
    image_s: Annotated[Seconds, Meta(description="To fetch a picture, and again to read it.")] = 20.0


class Turns(Section, frozen=True, kw_only=True):
    """How turns are handled beyond what each session chooses."""

    speculate: Annotated[
        Literal["auto", "always", "never"],
        Meta(
            description="Transcribe and prefill while a turn may still go on: sooner answers for work that is "
            "sometimes in vain. auto: with a local recogniser, where it costs no requests."
        ),
    ] = "auto"


class Trace(Section, frozen=True, kw_only=True):
    """Recording of sessions for `vivavoce replay`. TRACES HOLD ALL AUDIO AND TEXT of the callers."""

    folder: Annotated[
        str | None,
        Meta(description="Folder for one JSONL file per session, WITH ALL AUDIO AND TEXT. Absent: nothing."),
    ] = None


# --- engines --------------------------------------------------------------------------------------------------


class SileroVad(EngineOptions, frozen=True, kw_only=True, tag="silero"):
    """Silero VAD, local."""

    model: Annotated[str, Meta(description="Name in the model catalogue.")] = "silero-vad"


class InstantVad(EngineOptions, frozen=True, kw_only=True, tag="instant"):
    """Voice activity by loudness alone, for benchmarks."""


class GtcrnNoise(EngineOptions, frozen=True, kw_only=True, tag="gtcrn"):
    """Noise reduction with GTCRN, local; for the sessions that ask for it."""

    model: Annotated[str, Meta(description="Name in the model catalogue.")] = "gtcrn"
    workers: Annotated[int, Meta(ge=1, le=64, description="Callers cleaned at the same moment, a core each.")] = 2


class NoNoise(EngineOptions, frozen=True, kw_only=True, tag="none"):
    """No noise reduction: noise_reduction is refused."""


class SmartTurn(EngineOptions, frozen=True, kw_only=True, tag="smart-turn"):
    """smart-turn v3, local."""

    model: Annotated[str, Meta(description="Name in the model catalogue.")] = "smart-turn"
    threads: Threads = 1


class InstantTurn(EngineOptions, frozen=True, kw_only=True, tag="instant"):
    """Every pause ends the turn, for benchmarks."""


class NoTurn(EngineOptions, frozen=True, kw_only=True, tag="none"):
    """No detector: semantic_vad is refused."""


class WhisperAsr(EngineOptions, frozen=True, kw_only=True, tag="whisper"):
    """Whisper on CTranslate2, local."""

    model: Annotated[str, Meta(description="Name in the model catalogue.")] = "whisper-base"
    language: Language = "en"
    threads: Annotated[Threads, Meta(description="Per call; a second one gains nothing.")] = 1
    workers: Annotated[int, Meta(ge=1, le=64, description="Turns transcribed at once.")] = 2


class OpenAiAsr(Remote, frozen=True, kw_only=True, tag="openai"):
    """POST /audio/transcriptions of an OpenAI-compatible server."""

    language: Language = "auto"
    logprobs: Annotated[bool, Meta(description="The server gives log probabilities when asked for them.")] = False
    delay: Annotated[
        bool,
        Meta(
            description="Sessions may ask for captions while the caller speaks. Up to six requests a second, each with "
            "the last seconds of speech."
        ),
    ] = False


class InstantAsr(EngineOptions, frozen=True, kw_only=True, tag="instant"):
    """Hears one fixed text, for benchmarks."""


class LlamaLlm(EngineOptions, frozen=True, kw_only=True, tag="llama"):
    """llama.cpp in this process."""

    model: Annotated[str, Meta(description="Name in the model catalogue.")] = "qwen2.5-coder-1.5b"
    slots: Annotated[int, Meta(ge=1, le=64, description="Answers generated at once.")] = 4
    context: Annotated[
        int, Meta(ge=512, le=1_048_576, description="Tokens of one conversation that the model sees; each slot has it.")
    ] = 4096
    longest_answer: Annotated[int, Meta(ge=1, le=1_048_576, description="Tokens of one answer, at most.")] = 1024
    threads: Threads = 2
    prompt_cache_mib: Annotated[
        int, Meta(ge=0, le=1_048_576, description="Memory for conversations that have lost their slot, in MiB.")
    ] = 512


class OpenAiLlm(Chat, frozen=True, kw_only=True, tag="openai"):
    """POST /chat/completions of an OpenAI-compatible server, streamed."""

    speech: Annotated[
        bool,
        Meta(description="The model hears: it is given the caller's voice, and only captions need a recogniser."),
    ] = False


class InstantLlm(EngineOptions, frozen=True, kw_only=True, tag="instant"):
    """Gives one fixed answer, for benchmarks."""


class HibariTts(EngineOptions, frozen=True, kw_only=True, tag="hibari"):
    """hibari, local."""

    workers: Annotated[int, Meta(ge=1, le=64, description="Sentences synthesised at once, a core each.")] = 1


class KokoroTts(EngineOptions, frozen=True, kw_only=True, tag="kokoro"):
    """Kokoro, local: more voices, and far more work."""

    model: Annotated[str, Meta(description="Name in the model catalogue.")] = "kokoro"
    threads: Threads = 2


class OpenAiTts(Remote, frozen=True, kw_only=True, tag="openai"):
    """POST /audio/speech of an OpenAI-compatible server, streamed."""

    voices: Annotated[tuple[str, ...], Meta(description="Voices of that server beyond OpenAI's ten.")] = ()
    voice_map: Annotated[
        dict[str, str], Meta(description="Names that callers use, and that server's names for them.")
    ] = field(default_factory=dict)
    min_speed: Annotated[float, Meta(ge=0.25, le=1, description="Slowest pace that server takes.")] = 0.25
    max_speed: Annotated[float, Meta(ge=1, le=1.5, description="Fastest pace that server takes.")] = 1.5
    languages: Annotated[
        tuple[Annotated[str, Meta(pattern="^[a-z]{2}$")], ...],
        Meta(min_length=1, description="Languages that server speaks, ISO-639-1: for answers and translations."),
    ] = ("en",)
    rate: Annotated[int, Meta(ge=8000, le=192_000, description="Hz of the PCM that server sends.")] = 24_000
    clones: Annotated[bool, Meta(description="That server has /audio/voices, where voices are made.")] = False


class InstantTts(EngineOptions, frozen=True, kw_only=True, tag="instant"):
    """Speaks in tones, for benchmarks."""


class CascadeResponder(EngineOptions, frozen=True, kw_only=True, tag="cascade"):
    """A language model and a voice: [engines.llm] and [engines.tts]."""


class OcrImages(EngineOptions, frozen=True, kw_only=True, tag="ocr"):
    """PP-OCR, local: text, places and colours of pictures, for a language model that cannot see."""

    model: Annotated[str, Meta(description="Name in the model catalogue.")] = "pp-ocr"
    threads: Threads = 2


class NoImages(EngineOptions, frozen=True, kw_only=True, tag="none"):
    """No reader: pictures are refused, unless the language model sees."""


class HttpsImageUrls(EngineOptions, frozen=True, kw_only=True, tag="https"):
    """Pictures are fetched from https addresses that callers name, public ones only."""

    allow: Annotated[
        tuple[Annotated[str, Meta(min_length=1)], ...],
        Meta(description='Other hosts and networks that they may name, such as "10.0.0.0/8".'),
    ] = ()


class NoImageUrls(EngineOptions, frozen=True, kw_only=True, tag="none"):
    """Pictures are data URIs; addresses are refused."""


class Engines(Section, frozen=True, kw_only=True):
    """Who hears, thinks and speaks. Several sessions share each of them."""

    vad: SileroVad | InstantVad = SileroVad()
    noise: GtcrnNoise | NoNoise = GtcrnNoise()
    turn: SmartTurn | InstantTurn | NoTurn = SmartTurn()
    asr: WhisperAsr | OpenAiAsr | InstantAsr = WhisperAsr()
    llm: LlamaLlm | OpenAiLlm | InstantLlm = LlamaLlm()
    tts: HibariTts | KokoroTts | OpenAiTts | InstantTts = HibariTts()
    responder: CascadeResponder | ChatAudioResponder | RealtimeResponder | MoshiResponder = CascadeResponder()
    images: OcrImages | NoImages = OcrImages()
    image_urls: HttpsImageUrls | NoImageUrls = NoImageUrls()


class Config(Section, frozen=True, kw_only=True):
    """Everything that can be set."""

    server: Server = field(default_factory=Server)
    webrtc: WebRtc = field(default_factory=WebRtc)
    sip: Sip = field(default_factory=Sip)
    model: Model = field(default_factory=Model)
    engines: Engines = field(default_factory=Engines)
    tools: Tools = field(default_factory=Tools)
    mcp: Mcp = field(default_factory=Mcp)
    limits: Limits = field(default_factory=Limits)
    prices: Prices = field(default_factory=Prices)
    timeouts: Timeouts = field(default_factory=Timeouts)
    turns: Turns = field(default_factory=Turns)
    trace: Trace = field(default_factory=Trace)
    tracing: Tracing = field(default_factory=Tracing)
    log: Log = field(default_factory=Log)
    projects: Annotated[dict[str, Project], Meta(description="Groups of callers by their name.")] = field(
        default_factory=dict
    )
    prompts: Annotated[dict[str, Prompt], Meta(description="Stored prompts by their id.")] = field(default_factory=dict)

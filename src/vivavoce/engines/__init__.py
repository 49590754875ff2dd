"""Adapters behind `vivavoce.ports`, one small file each, and the names that choose them in the configuration.

A factory imports its engine's packages only when it is called, since a server whose engines are remote needs none of
the local ones; it is called when the server starts, never on a caller's turn. Its keyword arguments are the
engine's options, by the names that `vivavoce.config` gives them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, TypeVar, Unpack

from vivavoce.ports import (
    Asr,
    Engine,
    EngineError,
    ImageFetcher,
    ImageReader,
    Llm,
    NoiseReducer,
    Responder,
    ToolServers,
    Tts,
    TurnDetector,
    Vad,
)

if TYPE_CHECKING:
    from vivavoce.engines.openai.http import Net
    from vivavoce.engines.openai.payload import Json

ModelPath = Callable[[str], Path]
"""Where a model of the catalogue is, by its name: its file, or its folder where it has several."""
_E = TypeVar("_E", bound=Engine)


@dataclass(frozen=True, slots=True)
class Engines:
    """One engine for each role. Nothing is loaded before `Engine.start`."""

    vad: Vad
    turn: TurnDetector | None
    asr: Asr
    llm: Llm
    tts: Tts
    responder: Responder
    """Answers with `llm` and `tts`."""
    noise: NoiseReducer | None = None
    images: ImageReader | None = None
    image_urls: ImageFetcher | None = None
    tools: ToolServers | None = None

    def by_role(self) -> dict[str, Engine]:
        """Every engine there is, each once, under the name of its table in the configuration."""
        roles = {
            "vad": self.vad,
            "noise": self.noise,
            "turn": self.turn,
            "asr": self.asr,
            "llm": self.llm,
            "tts": self.tts,
            "images": self.images,
            "image_urls": self.image_urls,
            "mcp": self.tools,
        }
        return {role: engine for role, engine in roles.items() if engine is not None}


def build(options: Mapping[str, Mapping[str, object]], model_path: ModelPath) -> Engines:
    """The engines that `options` chooses: for each role (see `Engines.by_role`) a `name` and that one's options.

    Raises `EngineError` (`engine_unavailable`) when an engine's package is not installed or its options cannot be
    used, and `KeyError` for a name that is not in the tables below.
    """
    from vivavoce.engines.cascade import Cascade

    llm = _make(LLM, options["llm"], model_path)
    tts = _make(TTS, options["tts"], model_path)
    return Engines(
        vad=_make(VAD, options["vad"], model_path),
        turn=_if_chosen(TURN, options["turn"], model_path),
        asr=_make(ASR, options["asr"], model_path),
        llm=llm,
        tts=tts,
        responder=Cascade(llm, tts),
        noise=_if_chosen(NOISE, options["noise"], model_path),
        # A model that sees needs nobody to read pictures to it.
        images=None if "images" in llm.features else _if_chosen(IMAGES, options["images"], model_path),
        image_urls=_if_chosen(IMAGE_URLS, options["image_urls"], model_path),
        # Their library takes a second to load, and a model that calls nothing needs none of them.
        tools=_make(MCP, options["mcp"], model_path) if "mcp" in options and "tools" in llm.features else None,
    )


def _if_chosen(
    factories: Mapping[str, Callable[..., _E]], options: Mapping[str, object], model_path: ModelPath
) -> _E | None:
    return None if options["name"] == "none" else _make(factories, options, model_path)


def _make(factories: Mapping[str, Callable[..., _E]], options: Mapping[str, object], model_path: ModelPath) -> _E:
    name = str(options["name"])
    rest = {key: value for key, value in options.items() if key != "name"}
    try:
        return factories[name](model_path, **rest)
    except ImportError as error:
        message = f"The engine {name} needs the package {error.name}, which is not installed."
        raise EngineError("engine_unavailable", message) from error
    except ValueError as error:
        raise EngineError("engine_unavailable", f"The engine {name} cannot be used: {error}.") from error


class RemoteOptions(TypedDict):
    """How to reach an OpenAI-compatible server, and how patient to be with it; times are in seconds."""

    connect_timeout_s: float
    first_byte_timeout_s: float
    silence_timeout_s: float
    retries: int
    connections: int
    proxy: str | None


def _net(options: RemoteOptions) -> Net:
    from vivavoce.engines.openai.http import Net

    return Net(
        connect=options["connect_timeout_s"],
        first_byte=options["first_byte_timeout_s"],
        between_bytes=options["silence_timeout_s"],
        retries=options["retries"],
        connections=options["connections"],
        proxy=options["proxy"],
    )


# --- hearing --------------------------------------------------------------------------------------------------


def _silero(model_path: ModelPath, *, model: str) -> Vad:
    from vivavoce.engines.silero import SileroVad

    return SileroVad(model_path(model))


def _instant_vad(model_path: ModelPath) -> Vad:
    from vivavoce.engines.instant import InstantVad

    return InstantVad()


def _gtcrn(model_path: ModelPath, *, model: str, workers: int) -> NoiseReducer:
    from vivavoce.engines.gtcrn import GtcrnNoiseReducer

    return GtcrnNoiseReducer(model_path(model), workers)


def _smart_turn(model_path: ModelPath, *, model: str, threads: int) -> TurnDetector:
    from vivavoce.engines.smart_turn import SmartTurn

    return SmartTurn(model_path(model), threads)


def _instant_turn(model_path: ModelPath) -> TurnDetector:
    from vivavoce.engines.instant import InstantTurnDetector

    return InstantTurnDetector()


def _whisper(model_path: ModelPath, *, model: str, language: str, threads: int, workers: int) -> Asr:
    from vivavoce.engines.whisper import WhisperAsr

    return WhisperAsr(model_path(model), threads, workers, _language(language))


def _openai_asr(
    model_path: ModelPath,
    *,
    base_url: str,
    model: str,
    api_key: str | None,
    language: str,
    logprobs: bool,
    delay: bool,
    **remote: Unpack[RemoteOptions],
) -> Asr:
    from vivavoce.engines.openai.asr import OpenAiAsr

    heard = _language(language)
    return OpenAiAsr(base_url, model, api_key, language=heard, logprobs=logprobs, delay=delay, net=_net(remote))


def _instant_asr(model_path: ModelPath) -> Asr:
    from vivavoce.engines.instant import InstantAsr

    return InstantAsr()


def _language(name: str) -> str | None:
    return None if name == "auto" else name


# --- thinking -------------------------------------------------------------------------------------------------


def _llama(
    model_path: ModelPath,
    *,
    model: str,
    slots: int,
    context: int,
    longest_answer: int,
    threads: int,
    prompt_cache_mib: int,
) -> Llm:
    from vivavoce.engines.llama import LlamaLlm

    return LlamaLlm(
        model_path(model),
        slots=slots,
        context=context,
        limit=longest_answer,
        threads=threads,
        prompt_cache_mib=prompt_cache_mib,
    )


def _openai_llm(
    model_path: ModelPath,
    *,
    base_url: str,
    model: str,
    api_key: str | None,
    max_tokens_field: str,
    prewarm: bool,
    context: int | None,
    reasoning: bool,
    tools: bool,
    parallel_tool_calls: bool,
    images: bool,
    extra: dict[str, Json],
    **remote: Unpack[RemoteOptions],
) -> Llm:
    from vivavoce.engines.openai.llm import OpenAiLlm

    return OpenAiLlm(
        base_url,
        model,
        api_key,
        max_tokens_field=max_tokens_field,
        extra=extra,
        prewarm=prewarm,
        context=context,
        reasoning=reasoning,
        tools=tools,
        parallel_tool_calls=parallel_tool_calls,
        images=images,
        net=_net(remote),
    )


def _instant_llm(model_path: ModelPath) -> Llm:
    from vivavoce.engines.instant import InstantLlm

    return InstantLlm()


# --- speaking -------------------------------------------------------------------------------------------------


def _hibari(model_path: ModelPath, *, workers: int) -> Tts:
    from vivavoce.engines.hibari import HibariTts

    return HibariTts(threads=workers)


def _kokoro(model_path: ModelPath, *, model: str, threads: int) -> Tts:
    from vivavoce.engines.kokoro import KokoroTts

    return KokoroTts(model_path(model), threads=threads)


def _openai_tts(
    model_path: ModelPath,
    *,
    base_url: str,
    model: str,
    api_key: str | None,
    voices: tuple[str, ...],
    voice_map: dict[str, str],
    min_speed: float,
    max_speed: float,
    languages: tuple[str, ...],
    rate: int,
    **remote: Unpack[RemoteOptions],
) -> Tts:
    from vivavoce.engines.openai.tts import OpenAiTts

    return OpenAiTts(
        base_url,
        model,
        api_key,
        voices=voices,
        voice_map=voice_map,
        speeds=(min_speed, max_speed),
        languages=languages,
        rate=rate,
        net=_net(remote),
    )


def _instant_tts(model_path: ModelPath) -> Tts:
    from vivavoce.engines.instant import InstantTts

    return InstantTts()


# --- seeing ---------------------------------------------------------------------------------------------------


def _ocr(model_path: ModelPath, *, model: str, threads: int) -> ImageReader:
    from vivavoce.engines.ocr.reader import OcrImageReader

    return OcrImageReader(model_path(model), threads)


def _https(model_path: ModelPath, *, allow: tuple[str, ...]) -> ImageFetcher:
    from vivavoce.engines.image_fetch import GuardedFetcher

    return GuardedFetcher(allow)


# --- tools ----------------------------------------------------------------------------------------------------


class ServerOptions(TypedDict):
    """An MCP server of the configuration: at a URL, or a program."""

    url: str | None
    headers: dict[str, str]
    command: str | None
    args: tuple[str, ...]
    env: dict[str, str]


def _mcp(
    model_path: ModelPath,
    *,
    allow: tuple[str, ...],
    connect_timeout_s: float,
    list_timeout_s: float,
    call_timeout_s: float,
    listing_age_s: float,
    max_answer_kib: int,
    servers: dict[str, ServerOptions],
) -> ToolServers:
    from vivavoce import __version__
    from vivavoce.engines.mcp.conversation import Site
    from vivavoce.engines.mcp.program import Command
    from vivavoce.engines.mcp.servers import Limits, McpServers

    configured: dict[str, Site | Command] = {}
    for label, each in servers.items():
        if each["command"] is not None:
            configured[label] = Command(each["command"], each["args"], each["env"])
        elif each["url"] is not None:
            configured[label] = Site(each["url"], each["headers"])
    limits = Limits(connect_timeout_s, list_timeout_s, call_timeout_s, max_answer_kib << 10, listing_age_s)
    return McpServers(configured, allow, limits, __version__)


VAD: Mapping[str, Callable[..., Vad]] = {"silero": _silero, "instant": _instant_vad}
NOISE: Mapping[str, Callable[..., NoiseReducer]] = {"gtcrn": _gtcrn}
TURN: Mapping[str, Callable[..., TurnDetector]] = {"smart-turn": _smart_turn, "instant": _instant_turn}
ASR: Mapping[str, Callable[..., Asr]] = {"whisper": _whisper, "openai": _openai_asr, "instant": _instant_asr}
LLM: Mapping[str, Callable[..., Llm]] = {"llama": _llama, "openai": _openai_llm, "instant": _instant_llm}
TTS: Mapping[str, Callable[..., Tts]] = {
    "hibari": _hibari,
    "kokoro": _kokoro,
    "openai": _openai_tts,
    "instant": _instant_tts,
}
IMAGES: Mapping[str, Callable[..., ImageReader]] = {"ocr": _ocr}
IMAGE_URLS: Mapping[str, Callable[..., ImageFetcher]] = {"https": _https}
MCP: Mapping[str, Callable[..., ToolServers]] = {"mcp": _mcp}

"""Adapters behind `vivavoce.ports`, one small file each, and the names that choose them in the configuration.

A factory imports its engine's packages only when it is called, since a server whose engines are remote needs none of
the local ones; it is called when the server starts, never on a caller's turn. Its keyword arguments are the
engine's options, by the names that `vivavoce.config` gives them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, TypedDict, TypeVar, Unpack, cast

from vivavoce.engines import installed
from vivavoce.engines.chosen import Engines as Engines
from vivavoce.engines.moshi import moshi
from vivavoce.engines.openai.options import ChatOptions, RemoteOptions, chat_model, net
from vivavoce.ports import (
    Asr,
    Duplex,
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

ModelPath = Callable[[str], Path]
"""Where a model of the catalogue is, by its name: its file, or its folder where it has several."""
Options = Mapping[str, Mapping[str, object]]
"""For each role the `name` of its engine, and that one's options."""
_E = TypeVar("_E", bound=Engine)


def build(options: Options, model_path: ModelPath) -> Engines:
    """The engines that `options` chooses: for each role (see `Engines.by_role`) a `name` and that one's options.

    Raises `EngineError` (`engine_unavailable`) when an engine's package is not installed or its options cannot be
    used, and `KeyError` for a name that is not in the tables below and that no other package offers.
    """
    llm, tts, responder = _answering(options, model_path)
    features = responder.features
    return Engines(
        vad=make("vad", VAD, options, model_path),
        turn=_if_chosen("turn", TURN, options, model_path),
        asr=make("asr", ASR, options, model_path),
        llm=llm,
        tts=tts,
        responder=responder,
        noise=_if_chosen("noise", NOISE, options, model_path),
        # A model that sees needs nobody to read pictures to it.
        images=None if "images" in features else _if_chosen("images", IMAGES, options, model_path),
        image_urls=_if_chosen("image_urls", IMAGE_URLS, options, model_path),
        # Their library takes a second to load, and a model that calls nothing needs none of them.
        tools=make("mcp", MCP, options, model_path) if "mcp" in options and "tools" in features else None,
    )


def _answering(options: Options, model_path: ModelPath) -> tuple[Llm | None, Tts | None, Responder | Duplex]:
    if options["responder"]["name"] != "cascade":
        return None, None, make("responder", RESPONDER, options, model_path)
    from vivavoce.engines.cascade import Cascade

    llm = make("llm", LLM, options, model_path)
    tts = make("tts", TTS, options, model_path)
    return llm, tts, Cascade(llm, tts)


def _if_chosen(
    role: str, factories: Mapping[str, Callable[..., _E]], options: Options, model_path: ModelPath
) -> _E | None:
    return None if options[role]["name"] == "none" else make(role, factories, options, model_path)


def make(role: str, factories: Mapping[str, Callable[..., _E]], options: Options, model_path: ModelPath) -> _E:
    """One engine, by its name in `options[role]`: of `factories`, or of another package. Raises as `build` does."""
    name = str(options[role]["name"])
    rest = {key: value for key, value in options[role].items() if key != "name"}
    if name not in factories:
        return cast("_E", installed.make(role, name, rest))  # it has looked whether it is one
    try:
        return factories[name](model_path, **rest)
    except ImportError as error:
        message = f"The engine {name} needs the package {error.name}, which is not installed."
        raise EngineError("engine_unavailable", message) from error
    except ValueError as error:
        raise EngineError("engine_unavailable", f"The engine {name} cannot be used: {error}.") from error


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
    return OpenAiAsr(base_url, model, api_key, language=heard, logprobs=logprobs, delay=delay, net=net(remote))


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


def _openai_llm(model_path: ModelPath, *, speech: bool, **chat: Unpack[ChatOptions]) -> Llm:
    return chat_model(chat, hears=speech)


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
    clones: bool,
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
        clones=clones,
        net=net(remote),
    )


def _instant_tts(model_path: ModelPath) -> Tts:
    from vivavoce.engines.instant import InstantTts

    return InstantTts()


# --- hearing and speaking -------------------------------------------------------------------------------------


def _chat_audio(
    model_path: ModelPath,
    *,
    voices: tuple[str, ...],
    voice_map: dict[str, str],
    voice_field: Literal["audio", "speaker"],
    audio_format: Literal["pcm16", "wav"],
    rate: int,
    languages: tuple[str, ...],
    **chat: Unpack[ChatOptions],
) -> Responder:
    from vivavoce.engines.openai.chat_audio import ChatAudio

    return ChatAudio(
        chat_model(chat, hears=True),
        voices=voices,
        voice_map=voice_map,
        voice_field=voice_field,
        audio_format=audio_format,
        rate=rate,
        languages=languages,
    )


def _realtime(
    model_path: ModelPath,
    *,
    url: str,
    model: str,
    api_key: str | None,
    key_header: Literal["authorization", "api-key"],
    voices: tuple[str, ...],
    voice_map: dict[str, str],
    min_speed: float,
    max_speed: float,
    languages: tuple[str, ...],
    images: bool,
    tools: bool,
    parallel_tool_calls: bool,
    reasoning: bool,
    connect_timeout_s: float,
    first_event_timeout_s: float,
    silence_timeout_s: float,
    proxy: str | None,
) -> Responder:
    from vivavoce.engines.realtime.link import Patience
    from vivavoce.engines.realtime.responder import RealtimeResponder

    return RealtimeResponder(
        url,
        model,
        api_key,
        key_header=key_header,
        voices=voices,
        voice_map=voice_map,
        speeds=(min_speed, max_speed),
        languages=languages,
        images=images,
        tools=tools,
        parallel_tool_calls=parallel_tool_calls,
        reasoning=reasoning,
        patience=Patience(connect_timeout_s, first_event_timeout_s, silence_timeout_s),
        proxy=proxy,
    )


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
RESPONDER: Mapping[str, Callable[..., Responder | Duplex]] = {
    "chat-audio": _chat_audio,
    "realtime": _realtime,
    "moshi": moshi,
}
"""Those beside the cascade, which is made of a language model and a voice."""
IMAGES: Mapping[str, Callable[..., ImageReader]] = {"ocr": _ocr}
IMAGE_URLS: Mapping[str, Callable[..., ImageFetcher]] = {"https": _https}
MCP: Mapping[str, Callable[..., ToolServers]] = {"mcp": _mcp}

"""What a configuration and its engines offer to sessions: pure translation, from one vocabulary into another."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Literal

from msgspec import Struct
from msgspec.structs import asdict, replace

from vivavoce.config import Config, tree
from vivavoce.config.duplex import ungreeted, unsaid
from vivavoce.config.prices import ROLES
from vivavoce.config.tree import OpenAiAsr
from vivavoce.core.capabilities import Capabilities, StoredPrompt
from vivavoce.core.opening import opening, translation_opening
from vivavoce.engines import Engines
from vivavoce.observe.money import PriceList
from vivavoce.ports import Duplex, EngineError
from vivavoce.protocol.session import SessionObject
from vivavoce.protocol.translation import TranslationSession
from vivavoce.runtime.guard import Timeouts
from vivavoce.runtime.runner import EngineSet
from vivavoce.transports.webrtc.ice import Network, Turn

ModelKind = Literal["realtime", "translation"]


def model_names(config: Config) -> dict[ModelKind, tuple[str, ...]]:
    """What clients may call the model, for each kind of session."""
    model = config.model
    return {"realtime": (model.name, *model.aliases), "translation": (model.name, *model.translation_aliases)}


def capabilities(config: Config, engines: Engines, tracing: bool) -> Capabilities:
    """What the loaded engines can do for a session. Raises `EngineError`."""
    responder = engines.responder
    voice = config.model.voice
    if voice not in responder.voices:
        voices = ", ".join(responder.voices)
        raise EngineError("engine_unavailable", f"model.voice: there is no voice '{voice}'. Voices: {voices}.")
    duplex = isinstance(responder, Duplex)
    if duplex and (
        wrong := [*unsaid(responder.name, config.tools.filler), *ungreeted(responder.name, config.sip.rules)]
    ):
        raise EngineError("engine_unavailable", " ".join(wrong))
    instructed = not isinstance(responder, Duplex) or responder.instructed
    names = model_names(config)
    slowest, fastest = responder.speeds
    return Capabilities(
        models=names["realtime"],
        voices=responder.voices,
        custom_voices=engines.tts is not None and engines.tts.cloner is not None,
        min_speed=slowest,
        max_speed=fastest,
        transcription_models=(*config.model.transcription_aliases, engines.asr.name),
        transcription_features=engines.asr.features,
        languages=engines.asr.languages,
        translation_models=names["translation"],
        # One that decides by itself what it says cannot be told to say the same in another language.
        output_languages=() if duplex else responder.languages,
        semantic_vad=engines.turn is not None,
        noise_reduction=engines.noise is not None,
        duplex=duplex,
        instructed=instructed,
        hears=duplex or "speech" in responder.features,
        retention="window" in responder.features,
        reasoning="reasoning" in responder.features,
        tools="tools" in responder.features,
        parallel_tool_calls="parallel_tool_calls" in responder.features,
        filler=config.tools.filler,
        filler_after_s=config.tools.filler_after_s,
        images=engines.images is not None or "images" in responder.features,
        image_urls=engines.image_urls is not None,
        mcp=engines.tools.labels if engines.tools is not None else None,
        instructions=config.model.instructions if instructed else "",
        tracing=tracing,
        tokens_per_minute=config.limits.tokens_per_minute,
        prompts={name: _stored(prompt) for name, prompt in config.prompts.items()},
    )


def engine_set(config: Config, engines: Engines) -> EngineSet:
    """What every session's runner works with."""
    limits = config.timeouts
    return EngineSet(
        vad=engines.vad,
        asr=engines.asr,
        responder=engines.responder,
        turn=engines.turn,
        noise=engines.noise,
        speculate=_speculates(config),
        reader=engines.images,
        fetcher=engines.image_urls,
        tools=engines.tools,
        timeouts=Timeouts(limits.transcript_s, limits.first_part_s, limits.next_part_s, limits.turn_s, limits.image_s),
    )


def price_list(config: Config) -> PriceList:
    """What the engines in use cost."""
    prices, roles = config.prices, dict[str, dict[str, Decimal]]()
    for role in ROLES:
        theirs: Struct | None = getattr(prices, role).get(getattr(config.engines, role).__struct_config__.tag)
        if theirs is not None:
            # By way of text: 0.1 is to be a tenth.
            given = {unit: Decimal(str(price)) for unit, price in asdict(theirs).items() if price is not None}
            roles[role] = given
    minute = prices.connected_minute
    return PriceList(prices.currency, None if minute is None else Decimal(str(minute)), roles)


def network(config: Config) -> Network:
    """Where calls from browsers are taken."""
    webrtc = config.webrtc
    first, _, last = (webrtc.udp_ports or "").partition("-")
    stun = _server(webrtc.stun, 3478) if webrtc.stun else None
    relay = None
    if webrtc.turn:
        tls = webrtc.turn.startswith("turns:")
        address, _, transport = webrtc.turn.partition("?transport=")
        host, port = _server(address, 5349 if tls else 3478)
        transport = transport or ("tcp" if tls else "udp")
        relay = Turn(host, port, transport, tls, webrtc.turn_username, webrtc.turn_password)
    return Network((int(first), int(last)) if last else None, webrtc.public_address, stun, relay)


def _server(url: str, port: int) -> tuple[str, int]:
    """Host and port of `stun:host` or `turn:host:port`."""
    _, host, *given = url.split(":")
    return host, int(given[0]) if given else port


def beginning(
    kind: Literal["realtime", "transcription", "translation"],
    model: str | None,
    bound: SessionObject | TranslationSession | None,
    session_id: str,
    can: Capabilities,
    config: Config,
) -> SessionObject | TranslationSession:
    """What one session begins with: what is bound to its client secret or its call, or the defaults."""
    begun: SessionObject | TranslationSession
    if bound is not None:
        begun = bound
    elif kind == "translation":
        begun = translation_opening(model or config.model.name, session_id, can)
    else:
        begun = opening(kind, session_id, config.model.name, config.model.voice, can)
    minutes = config.limits.session_minutes
    expires_at = int(time.time()) + minutes * 60 if minutes else 0
    return replace(begun, id=session_id, model=model or begun.model, expires_at=expires_at)


def _stored(prompt: tree.Prompt) -> StoredPrompt:
    return StoredPrompt(version=prompt.version, versions={**prompt.older, prompt.version: prompt.instructions})


def _speculates(config: Config) -> bool:
    choice = config.turns.speculate
    return choice == "always" or (choice == "auto" and not isinstance(config.engines.asr, OpenAiAsr))

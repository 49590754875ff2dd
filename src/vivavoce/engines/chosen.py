"""The engines of one server."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Engines:
    """One engine for each role. Nothing is loaded before `Engine.start`."""

    vad: Vad
    turn: TurnDetector | None
    asr: Asr
    responder: Responder | Duplex
    llm: Llm | None = None
    tts: Tts | None = None
    """The parts of a cascade; any other responder hears and speaks by itself."""
    noise: NoiseReducer | None = None
    images: ImageReader | None = None
    image_urls: ImageFetcher | None = None
    tools: ToolServers | None = None

    def cascade(self) -> tuple[Llm, Tts]:
        """Who thinks and who speaks. Raises `EngineError` where one engine does both."""
        if self.llm is None or self.tts is None:
            message = f"The engine {self.responder.name} answers by itself: there is no cascade."
            raise EngineError("engine_unavailable", message)
        return self.llm, self.tts

    def by_role(self) -> dict[str, Engine]:
        """Every engine there is, each once, under the name of its table in the configuration."""
        roles = {
            "vad": self.vad,
            "noise": self.noise,
            "turn": self.turn,
            "asr": self.asr,
            "llm": self.llm,
            "tts": self.tts,
            "responder": self.responder if self.llm is None else None,  # a cascade is its parts
            "images": self.images,
            "image_urls": self.image_urls,
            "mcp": self.tools,
        }
        return {role: engine for role, engine in roles.items() if engine is not None}

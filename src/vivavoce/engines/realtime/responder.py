"""The engine: one server for all sessions, and a connection of its own for each."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Literal

from vivavoce.engines.realtime.conversation import Conversation
from vivavoce.engines.realtime.dialogue import Offer, RealtimeDialogue
from vivavoce.engines.realtime.link import Patience, Remote
from vivavoce.ports import OPENAI_VOICES, EngineError, LlmFeature, Tool

_log = logging.getLogger(__name__)


class RealtimeResponder:
    """Ports `Responder`. What that server has and knows is what the configuration says."""

    def __init__(
        self,
        url: str,
        model: str,
        api_key: str | None = None,
        *,
        key_header: Literal["authorization", "api-key"] = "authorization",
        voices: Sequence[str] = (),
        voice_map: Mapping[str, str] | None = None,
        speeds: tuple[float, float] = (1.0, 1.0),
        languages: tuple[str, ...] = ("en",),
        images: bool = False,
        tools: bool = True,
        parallel_tool_calls: bool = False,
        reasoning: bool = False,
        patience: Patience = Patience(),  # noqa: B008 - frozen
        proxy: str | None = None,
    ) -> None:
        """Raises `ValueError` for options that cannot be used. Nothing is sent yet."""
        self._remote = Remote(url, model, api_key, key_header=key_header, patience=patience, proxy=proxy)
        names = {name: name for name in (*OPENAI_VOICES, *voices)} | dict(voice_map or {})
        self._offer = Offer(names, images)
        self.voices = tuple(names)
        self.speeds = speeds
        self.languages = languages
        offered: dict[LlmFeature, bool] = {
            "speech": True,
            "window": True,
            "tools": tools,
            "images": images,
            "parallel_tool_calls": parallel_tool_calls,
            "reasoning": reasoning,
        }
        self.features: tuple[LlmFeature, ...] = tuple(name for name, has in offered.items() if has)

    @property
    def name(self) -> str:
        """`realtime`."""
        return "realtime"

    @property
    def running(self) -> int:
        """Answers that server makes for us now."""
        return self._remote.running

    async def start(self) -> None:
        """A warning in the log if that server cannot be reached now; it may come up later."""
        if why := await self.unreachable():
            _log.warning("%s", why)

    async def unreachable(self) -> str | None:
        """Why no session can be had there now, a key that it refuses included."""
        conversation = Conversation(self._remote)
        try:
            await conversation.open()
        except EngineError as error:
            return error.message
        await conversation.link.aclose()
        return None

    async def aclose(self) -> None:
        """Nothing: connections belong to sessions."""

    def open(self) -> RealtimeDialogue:
        """A new session; its connection is opened when it is first needed."""
        return RealtimeDialogue(self._remote, self._offer)

    def refused(self, tool: Tool) -> str | None:
        """None: what it cannot call, that server says where it is offered."""
        return None

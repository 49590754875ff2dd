"""The `Duplex` engine on Moshi's own server."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

from vivavoce.engines.moshi.stream import MoshiStream, Patience
from vivavoce.engines.moshi.wire import address
from vivavoce.ports import EngineError, LlmFeature, Tool

OWN_VOICE = "moshi"
"""What the voice of a server that has only one is called."""

_log = logging.getLogger(__name__)


class Moshi:
    """Moshi, or PersonaPlex where it has `voices` and is `instructed`.

    `url` is that of `/api/chat`. `voices`: names that callers use, and the server's names for them (`voice_prompt`).
    `query`: further parameters of each conversation. `ca`: PEM file of the authority that the server's certificate is
    checked by; None: the system's. `conversations`: at the same time; the server in Python has one. Raises `ValueError`
    for a `ca` that cannot be read.
    """

    name = "moshi"
    features: tuple[LlmFeature, ...] = ("speech",)
    speeds = (1.0, 1.0)
    languages = ("en",)

    def __init__(
        self,
        url: str,
        *,
        voices: Mapping[str, str] | None = None,
        instructed: bool = False,
        query: Mapping[str, object] | None = None,
        ca: str | None = None,
        conversations: int = 1,
        patience: Patience = Patience(connect=5.0, handshake=20.0),  # noqa: B008 - frozen
    ) -> None:
        self.instructed = instructed
        self._url = url
        self._voices = dict(voices or {})
        self._query = dict(query or {})
        self._tls = _tls(ca) if url.startswith("wss:") else None
        self._most = conversations
        self._patience = patience
        self._open = 0

    @property
    def voices(self) -> tuple[str, ...]:
        """Those that the configuration names, or the only one."""
        return tuple(self._voices) or (OWN_VOICE,)

    @property
    def running(self) -> int:
        """Conversations that go on."""
        return self._open

    async def start(self) -> None:
        """A warning in the log if the server cannot be reached now; it may come up later."""
        if why := await self.unreachable():
            _log.warning("%s", why)

    async def unreachable(self) -> str | None:
        """Why nothing listens at its port now. No more is tried: it may have one conversation at a time."""
        at = urlsplit(self._url)
        try:
            async with asyncio.timeout(self._patience.connect):
                _, writer = await asyncio.open_connection(at.hostname, at.port or (443 if self._tls else 80))
        except OSError as error:  # `TimeoutError` is one
            return f"There is no Moshi server at {self._url.partition('?')[0]} yet ({type(error).__name__})."
        writer.transport.abort()
        return None

    async def aclose(self) -> None:
        """Nothing is kept beside the conversations."""

    def refused(self, tool: Tool) -> str | None:
        """None: it is offered none, for it has not the feature "tools"."""
        return None

    def converse(self, voice: str, instructions: str) -> MoshiStream:
        """A new conversation."""
        return MoshiStream(self._tls, self._patience, _Seat(self, voice, instructions))

    def enter(self, voice: str, instructions: str) -> str:
        """A conversation begins, at this address. Raises `EngineError` (`engine_busy`)."""
        url = self._where(voice, instructions)
        if self._open >= self._most:
            message = f"The Moshi server talks to {self._most} at a time, and somebody else is talking to it."
            raise EngineError("engine_busy", message)
        self._open += 1
        return url

    def leave(self) -> None:
        """It is over."""
        self._open -= 1

    def _where(self, voice: str, instructions: str) -> str:
        if voice not in self.voices:
            known = ", ".join(self.voices)
            raise EngineError("engine_failed", f"There is no voice '{voice}'. Voices: {known}.")
        prompts = {"voice_prompt": self._voices[voice]} if self._voices else {}
        if self.instructed:
            prompts["text_prompt"] = instructions
        return address(self._url, {**self._query, **prompts})


class _Seat:
    """What one conversation begins with."""

    def __init__(self, moshi: Moshi, voice: str, instructions: str) -> None:
        self._moshi = moshi
        self._prompts = voice, instructions

    def enter(self) -> str:
        """See `Moshi.enter`."""
        return self._moshi.enter(*self._prompts)

    def leave(self) -> None:
        """See `Moshi.leave`."""
        self._moshi.leave()


def _tls(ca: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise ValueError(f"the certificates in {ca} cannot be read: {error}") from error

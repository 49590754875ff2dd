"""The composition root: from a configuration to an ASGI application. The only module that knows all the others."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from pathlib import Path

from starlette.applications import Starlette

from vivavoce import __version__
from vivavoce.config import Config, engine_options
from vivavoce.config.tree import OpenAiAsr
from vivavoce.core.session import Session
from vivavoce.core.settings import Capabilities
from vivavoce.engines import Engines, build
from vivavoce.observe.metrics import Metrics
from vivavoce.observe.trace import TraceWriter
from vivavoce.ports import EngineError, Prompt, Voice
from vivavoce.protocol.errors import ProtocolError
from vivavoce.protocol.session import AudioOutput, SessionAudio, SessionObject
from vivavoce.runtime.connection import Connection
from vivavoce.runtime.guard import Timeouts
from vivavoce.runtime.ids import RandomIds
from vivavoce.runtime.registry import Registry
from vivavoce.runtime.runner import EngineSet, Runner
from vivavoce.transports import ws
from vivavoce.transports.auth import Auth
from vivavoce.transports.http import EXCEPTION_HANDLERS, Http

_log = logging.getLogger(__name__)
DRAIN_S = 5.0
"""How long a stopping server waits for its sessions to end."""


class Server:
    """One server: its engines, and the sessions that share them."""

    def __init__(self, config: Config, engines: Engines) -> None:
        self.auth = Auth(config.server.keys)
        self.models = (config.model.name, *config.model.aliases)
        self.started_at = int(time.time())
        self.version = __version__
        self._config = config
        self._engines = engines
        self._metrics = Metrics()
        self._metrics.watch_engines(engines.by_role())
        self._registry = Registry(config.limits.max_sessions)
        self._can: Capabilities | None = None

    async def start(self) -> None:
        """Load and warm up every engine. Raises `EngineError`; sessions are taken only after this."""
        started = time.monotonic()
        # One after the other: their loading competes for the same cores, and their faults read better alone.
        for engine in self._engines.by_role().values():
            await engine.start()
        can = self._capabilities()
        await self._engines.responder.warm(_beginning(self._config))
        self._can = can
        _log.info("ready after %.1f s", time.monotonic() - started)

    async def watch(self) -> None:
        """Measure the event loop until cancelled."""
        await self._metrics.watch_loop()

    async def aclose(self) -> None:
        """End all sessions, then the engines."""
        await self._registry.drain(DRAIN_S)
        for engine in self._engines.by_role().values():
            await engine.aclose()

    # --- what the transports ask ---

    @property
    def ready(self) -> bool:
        """Every engine is loaded and warm."""
        return self._can is not None

    @property
    def sessions(self) -> int:
        """Sessions open now."""
        return len(self._registry)

    @property
    def engines(self) -> dict[str, str]:
        """For each role, the name of its engine."""
        return {role: engine.name for role, engine in self._engines.by_role().items()}

    def metrics(self) -> tuple[bytes, str]:
        """The Prometheus exposition and its content type."""
        return self._metrics.render()

    def check_model(self, model: str) -> None:
        """Raises `ProtocolError` (`invalid_model`)."""
        if model not in self.models:
            raise ProtocolError(
                "invalid_model",
                f'Model "{model}" is not supported in realtime mode. Supported models: {", ".join(self.models)}.',
            )

    def check_room(self) -> None:
        """Raises `ProtocolError` when the server is not ready or takes no more sessions."""
        if not self.ready:
            raise ProtocolError("server_starting", "The server is still loading its models.", kind="server_error")
        if self._registry.full:
            limit = self._registry.limit
            raise ProtocolError("overloaded", f"All {limit} sessions of this server are taken.", kind="server_error")

    async def run(self, model: str, connection: Connection) -> None:
        """One session on this connection, to its end."""
        assert self._can is not None
        ids = RandomIds()
        loop = asyncio.get_running_loop()
        minutes = self._config.limits.session_minutes
        settings = self._session_object(ids("sess"), model, minutes)
        expires_in = minutes * 60.0 if minutes else None
        now = loop.time()
        session = Session(settings, self._can, ids, now, expires_in)
        with self._recorder(ids, settings, now, expires_in) as recorder:
            runner = Runner(session, connection, self._engine_set(), self._metrics, recorder)
            with self._registry.entered(settings.id, runner):
                await runner.run()

    # --- inside ---

    def _session_object(self, session_id: str, model: str, minutes: int) -> SessionObject:
        return SessionObject(
            id=session_id,
            model=model,
            instructions=self._config.model.instructions,
            expires_at=int(time.time()) + minutes * 60 if minutes else 0,
            audio=SessionAudio(output=AudioOutput(voice=self._config.model.voice)),
        )

    def _capabilities(self) -> Capabilities:
        responder = self._engines.responder
        voice = self._config.model.voice
        if voice not in responder.voices:
            names = ", ".join(responder.voices)
            raise EngineError("engine_unavailable", f"model.voice: there is no voice '{voice}'. Voices: {names}.")
        slowest, fastest = responder.speeds
        return Capabilities(
            models=self.models,
            voices=responder.voices,
            min_speed=slowest,
            max_speed=fastest,
            transcription_models=(*self._config.model.transcription_aliases, self._engines.asr.name),
            semantic_vad=self._engines.turn is not None,
        )

    def _engine_set(self) -> EngineSet:
        limits = self._config.timeouts
        return EngineSet(
            vad=self._engines.vad,
            asr=self._engines.asr,
            responder=self._engines.responder,
            turn=self._engines.turn,
            speculate=_speculates(self._config),
            timeouts=Timeouts(limits.transcript_s, limits.first_part_s, limits.next_part_s, limits.turn_s),
        )

    def _recorder(
        self, ids: RandomIds, settings: SessionObject, now: float, expires_in: float | None
    ) -> AbstractContextManager[TraceWriter | None]:
        folder = self._config.trace.folder
        if folder is None or self._can is None:
            return nullcontext()
        path = Path(folder) / f"{settings.id}.jsonl"
        return TraceWriter(path, seed=ids.seed, settings=settings, can=self._can, now=now, expires_in=expires_in)


def create_server(config: Config, model_path: Callable[[str], Path]) -> Server:
    """A server that has not loaded anything yet. Raises `EngineError`."""
    return Server(config, build(engine_options(config), model_path))


def create_app(server: Server, on_started: Callable[[EngineError | None], None] | None = None) -> Starlette:
    """The ASGI application. It answers at once; `/health` says ready when the engines are warm.

    `on_started` hears when they are, or why they never will be.
    """

    async def warm_up() -> None:
        failure = None
        try:
            await server.start()
        except EngineError as error:
            _log.error("%s", error.message)
            failure = error
        if on_started is not None:
            on_started(failure)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(warm_up()), asyncio.create_task(server.watch())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await server.aclose()

    routes = [*Http(server, server.auth).routes(), *ws.routes(server)]
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers=EXCEPTION_HANDLERS)


def _beginning(config: Config) -> Prompt:
    """What the prompt of every new session begins with: prefilled, the first caller waits no longer than the tenth."""
    return Prompt(config.model.instructions, (), spoken=True, voice=Voice(config.model.voice))


def _speculates(config: Config) -> bool:
    choice = config.turns.speculate
    return choice == "always" or (choice == "auto" and not isinstance(config.engines.asr, OpenAiAsr))

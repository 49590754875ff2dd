"""The composition root: from a configuration to an ASGI application. The only module that knows all the others."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import UnsetType
from msgspec.structs import replace
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from vivavoce import __version__
from vivavoce.composition import ModelKind, beginning, capabilities, engine_set, model_names, network, price_list
from vivavoce.config import Config, engine_options
from vivavoce.core.capabilities import Capabilities
from vivavoce.core.opening import bound, bound_translation, over_the_line
from vivavoce.core.session import Session
from vivavoce.core.translation import Interpreter
from vivavoce.engines import Engines, build
from vivavoce.observe.book import Book
from vivavoce.observe.metrics import Metrics
from vivavoce.observe.recording import recording
from vivavoce.observe.trace import TraceWriter
from vivavoce.observe.usage_report import Reports
from vivavoce.ports import Duplex, Elsewhere, EngineError, Prompt, Responder, Voice
from vivavoce.protocol.errors import ProtocolError
from vivavoce.protocol.session import AnySessionPatch, SessionObject
from vivavoce.protocol.translation import TranslationRequest, TranslationSession
from vivavoce.runtime.cloning import Cloning
from vivavoce.runtime.connection import Connection
from vivavoce.runtime.core import Core
from vivavoce.runtime.ids import RandomIds
from vivavoce.runtime.line import Call
from vivavoce.runtime.locks import UNLOCKED
from vivavoce.runtime.reach import Reach
from vivavoce.runtime.registry import Registry
from vivavoce.runtime.runner import Runner
from vivavoce.runtime.voices import Voices
from vivavoce.transports import calls, cloning, playground, usage, voices, ws
from vivavoce.transports.auth import Allowed, Auth
from vivavoce.transports.http import EXCEPTION_HANDLERS, Http
from vivavoce.transports.secrets import SecretRoutes
from vivavoce.transports.webrtc.offer import WebRtc

if TYPE_CHECKING:
    from vivavoce.observe.spans import SpanRecorder, Tracing
    from vivavoce.telephony import Telephony

_log = logging.getLogger(__name__)
DRAIN_S = 5.0
"""How long a stopping server waits for its sessions to end."""


class Server:
    """One server: its engines, and the sessions that share them."""

    def __init__(self, config: Config, engines: Engines) -> None:
        self.auth = Auth(config.server.keys, {name: project.keys for name, project in config.projects.items()})
        self._names = model_names(config)
        self.models = tuple(dict.fromkeys((*self._names["realtime"], *self._names["translation"])))
        self.started_at = int(time.time())
        self.version = __version__
        self._config = config
        self._engines = engines
        self._metrics = Metrics()
        self._metrics.watch_engines(engines.by_role())
        self.reach = Reach(engines.by_role())
        """Which engines' own servers have come up."""
        self.unreachable = self.reach.missing
        self._book = Book(self.engines, price_list(config), lambda: asyncio.get_running_loop().time())
        self._metrics.watch_usage(self._book)
        self.currency = config.prices.currency
        self.usage = Reports(self._book)
        """What sessions used, and what it cost."""
        quotas = {name: project.max_sessions for name, project in config.projects.items() if project.max_sessions}
        self._registry = Registry(config.limits.max_sessions, quotas)
        self._tracing = _tracing(config)
        self.can: Capabilities | None = None
        """What sessions may ask for; None until every engine is loaded and warm."""
        self.playground = config.server.playground
        """Whether there is a page to talk to."""
        self.cors_origins = config.server.cors_origins
        """Web pages that may call."""
        self.refused = engines.responder.refused
        """Why the language model cannot call a tool."""
        self.voices = Voices(engines.responder, engines.tts, config.model.voice)
        """Who speaks, for those who choose."""
        self.cloning = Cloning((engines.tts or engines.responder).name, engines.tts.cloner if engines.tts else None)
        """Who makes voices."""
        self.calls = WebRtc(self, network(config))
        self.telephone = _telephone(config, self)
        """None where no telephone is configured."""

    async def start(self) -> None:
        """Load and warm up every engine. Raises `EngineError`; sessions are taken only after this."""
        started = time.monotonic()
        # One after the other: their loading competes for the same cores, and their faults read better alone.
        for engine in self._engines.by_role().values():
            await _started(engine.name, engine.start())
        await self.reach.look()
        can = capabilities(self._config, self._engines, tracing=self._tracing is not None)
        responder = self._engines.responder
        if (
            not isinstance(responder, Duplex) and "responder" not in self.reach.missing
        ):  # nobody asks it, nobody is there
            await _warmed(responder, _beginning(self._config))
        self.can = can
        if self.telephone is not None:
            await self.telephone.start()
        _log.info("ready after %.1f s", time.monotonic() - started)

    async def watch(self) -> None:
        """Measure the event loop until cancelled."""
        await self._metrics.watch_loop()

    async def aclose(self) -> None:
        """End all sessions, then the engines."""
        await self._registry.drain(DRAIN_S)
        await self.calls.aclose()
        if self.telephone is not None:
            await self.telephone.aclose()
        if self._tracing is not None:
            await asyncio.to_thread(self._tracing.close)
        for engine in self._engines.by_role().values():
            await engine.aclose()

    # --- what the transports ask ---

    @property
    def ready(self) -> bool:
        """Every engine is loaded and warm, and those elsewhere could be reached."""
        return self.can is not None and not self.reach.missing

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

    def check_model(self, model: str, kind: ModelKind) -> None:
        """Raises `ProtocolError` (`invalid_model`)."""
        if model not in self._names[kind]:
            supported = ", ".join(self._names[kind])
            message = f'Model "{model}" is not supported in {kind} mode. Supported models: {supported}.'
            raise ProtocolError("invalid_model", message)

    def check_room(self, project: str | None = None) -> None:
        """Raises `ProtocolError` when the server is not ready, or takes no more sessions of this project."""
        self._ready_to()
        quota = self._registry.quota(project)
        if quota is not None:
            raise ProtocolError("overloaded", f"All {quota} sessions of this project are taken.", kind="server_error")
        if self._registry.full:
            limit = self._registry.limit
            raise ProtocolError("overloaded", f"All {limit} sessions of this server are taken.", kind="server_error")

    def find(self, call_id: str, project: str | None) -> Runner | None:
        """A live session of a project, by its id."""
        return self._registry.find(call_id, project)

    def hang_up(self, call_id: str, project: str | None) -> bool:
        """End a session of this project, or a telephone call that still rings; False: there is none."""
        if session := self.find(call_id, project):
            session.stop(1000, "hangup")
            return True
        return self.telephone is not None and self.telephone.decisions.hang_up(call_id, project)

    def bind(self, wanted: AnySessionPatch | UnsetType | TranslationRequest) -> SessionObject | TranslationSession:
        """What the sessions of a client secret begin with. Raises `ProtocolError`."""
        can, session_id = self._ready_to(), RandomIds()("sess")
        if isinstance(wanted, TranslationRequest):
            return bound_translation(wanted, session_id, can)
        return bound(wanted, session_id, self.models[0], self._config.model.voice, can)

    async def run(
        self,
        kind: ws.Kind,
        model: str | None,
        allowed: Allowed,
        connection: Connection,
        call: Call | None = None,
    ) -> None:
        """One session on this connection, to its end. It begins with the caller's client secret, if there is one.

        `call`: its audio is on a line, and it is joined and hung up by the call's id.
        """
        can = replace(self._ready_to(), media=call is not None)
        ids = RandomIds()
        loop = asyncio.get_running_loop()
        minutes = self._config.limits.session_minutes
        brought = allowed.secret.session if allowed.secret else None
        if call is not None:
            brought = call.session or brought
        settings = beginning(kind, model, brought, ids("sess"), can, self._config)
        if call is not None and isinstance(settings, SessionObject):
            settings = over_the_line(settings)
        expires_in = minutes * 60.0 if minutes else None
        now = loop.time()
        session: Core = (
            Interpreter(settings, self._config.model.voice, can, ids, now, expires_in)
            if isinstance(settings, TranslationSession)
            else Session(settings, can, ids, now, expires_in)
        )
        recorders = _recorders(self._config, self._tracing, ids, settings, can, now, expires_in)
        entry = self._book.entered(
            settings.id, call.id if call else None, allowed.project, settings.model, settings.type
        )
        with entry as ledger, recording([nullcontext(ledger), *recorders]) as recorder:
            locks = allowed.secret.locks if allowed.secret else UNLOCKED
            engines, line = engine_set(self._config, self._engines), call.line if call else None
            runner = Runner(session, connection, engines, self._metrics, recorder, locks, line, ledger)
            with self._registry.entered(call.id if call else settings.id, runner, allowed.project):
                try:
                    await runner.run()
                finally:
                    if line is not None:  # whoever hangs up has heard a part of an answer
                        ledger.cleared(line.clear())

    # --- inside ---

    def _ready_to(self) -> Capabilities:
        """What the server can do. Raises `ProtocolError` (`server_starting`)."""
        if self.can is None:
            raise ProtocolError("server_starting", "The server is still loading its models.", kind="server_error")
        return self.can


async def _started(name: str, work: Awaitable[None]) -> None:
    """Raises `EngineError` for whatever the engine of this name raises: it may be anybody's code."""
    try:
        await work
    except EngineError:
        raise
    except Exception as error:
        _log.exception("the engine %s raised", name)
        message = f"The engine {name} could not be started: {type(error).__name__}: {error}."
        raise EngineError("engine_unavailable", message) from error


async def _warmed(responder: Responder, prompt: Prompt) -> None:
    """Raises `EngineError`, unless another server is to blame: it may be there when the first caller comes."""
    try:
        async with aclosing(responder.open()) as dialogue:
            await _started(responder.name, dialogue.warm(prompt))
    except EngineError as error:
        if not isinstance(responder, Elsewhere):
            raise
        _log.warning("%s", error.message)


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
        if failure is None:
            await server.reach.wait()

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

    rest = [
        *Http(server, server.auth).routes(),
        *SecretRoutes(server).routes(),
        *calls.routes(server),
        *voices.routes(server),
        *cloning.routes(server),
        *usage.routes(server),
        *(server.telephone.routes() if server.telephone else ()),
        *server.calls.routes(),
    ]
    if server.playground:
        rest += playground.routes(server)
    routes = [*rest, *ws.routes(server)]
    return Starlette(
        routes=routes, lifespan=lifespan, exception_handlers=EXCEPTION_HANDLERS, middleware=[_cors(server.cors_origins)]
    )


def _cors(origins: tuple[str, ...]) -> Middleware:
    """What pages of other origins may do: call with a key, and read where their call is (PROTOCOL.md 1.4)."""
    return Middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["*"],
        expose_headers=["Location"],
    )


def _recorders(
    config: Config,
    tracing: Tracing | None,
    ids: RandomIds,
    settings: SessionObject | TranslationSession,
    can: Capabilities,
    now: float,
    expires_in: float | None,
) -> Iterator[TraceWriter | SpanRecorder]:
    folder = config.trace.folder
    if folder is not None:
        path = Path(folder) / f"{settings.id}.jsonl"
        yield TraceWriter(
            path,
            seed=ids.seed,
            settings=settings,
            voice=config.model.voice,
            can=can,
            now=now,
            expires_in=expires_in,
        )
    if tracing is not None and isinstance(settings, SessionObject):
        yield tracing.recorder(settings, now)


def _telephone(config: Config, server: Server) -> Telephony | None:
    if not config.sip.listen:
        return None
    from vivavoce.telephony import Telephony  # a server without one needs not load it

    return Telephony(config, server)


def _tracing(config: Config) -> Tracing | None:
    options = config.tracing
    if options.endpoint is None:
        return None
    from vivavoce.observe.spans import Tracing  # a server that traces nothing needs not load it

    return Tracing.to(options.endpoint, options.headers, options.service_name, __version__)


def _beginning(config: Config) -> Prompt:
    """What the prompt of every new session begins with: prefilled, the first caller waits no longer than the tenth."""
    return Prompt(config.model.instructions, (), spoken=True, voice=Voice(config.model.voice))

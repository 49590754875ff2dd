"""Record a session as JSON lines, and run it again.

The core is a function of its inputs, so the inputs with their times are a complete bug report. The first line is the
header: all that the session was made from. Each further line is one step: the time, the input, and a digest of what
came out. A replay makes the same session, feeds it the same inputs and compares the digests.

A trace holds what was said, as audio and as words, and no credentials. Nothing is written unless the configuration
names a folder for it.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from vivavoce.core import effects as fx
from vivavoce.core.capabilities import Capabilities
from vivavoce.core.conversation import silent
from vivavoce.core.session import Session
from vivavoce.core.translation import Interpreter
from vivavoce.observe.credentials import (
    event_without_credentials,
    output_without_credentials,
    settings_without_credentials,
)
from vivavoce.protocol.session import SessionObject
from vivavoce.protocol.translation import TranslationSession
from vivavoce.runtime.core import Core
from vivavoce.runtime.ids import RandomIds

_log = logging.getLogger(__name__)
VERSION = 1
BUFFER_BYTES = 256 * 1024
"""Lines are gathered up to this size, so that the event loop seldom waits for a disk."""
_DIGEST_CHARS = 16


class TraceError(Exception):
    """The file is no trace that can be run again; the message says why."""


class Header(Struct, frozen=True, kw_only=True):
    """What the session was made from. Its own id must be the first that its seed gives."""

    version: int = VERSION
    seed: str
    settings: SessionObject | None = None
    translation: TranslationSession | None = None
    """One of the two, by the kind of session."""
    voice: str = ""
    """That speaks the translations."""
    can: Capabilities
    now: float
    expires_in: float | None


class _Line(Struct, frozen=True, kw_only=True):
    now: float
    outputs: str
    """Digest."""


class _Told(_Line, frozen=True, kw_only=True):
    input: fx.Input


class _ToldInterpreter(_Line, frozen=True, kw_only=True):
    input: fx.TranslationInput


class _ToldEither(_Line, frozen=True, kw_only=True):
    """Only to be written: two events of the kinds have the same name."""

    input: fx.AnyInput


class Step(Struct, frozen=True, kw_only=True):
    """One step of a replay."""

    line: int
    """Its line in the file; the header is line 1."""
    now: float
    event: fx.AnyInput
    outputs: tuple[fx.AnyOutput, ...]
    """What came out now."""
    same: bool
    """It is what came out then. After a first difference the later ones mean little."""


_LINES = msgspec.json.Decoder(_Told)
_INTERPRETER_LINES = msgspec.json.Decoder(_ToldInterpreter)


class TraceWriter:
    """Writes one session's trace; a `Recorder` of the runtime. Use it as a context manager.

    A translation session has a `voice` too.

    When the file cannot be written (any more), that is logged, the trace ends there, and the session goes on.
    """

    def __init__(
        self,
        path: Path,
        *,
        seed: str,
        settings: SessionObject | TranslationSession,
        can: Capabilities,
        now: float,
        expires_in: float | None,
        voice: str = "",
    ) -> None:
        self._path = path
        self._encoder = msgspec.json.Encoder()
        self._file: BinaryIO | None = None
        with self._best_effort():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("wb", buffering=BUFFER_BYTES)
        header = Header(seed=seed, can=can, now=now, expires_in=expires_in, voice=voice)
        if isinstance(settings, TranslationSession):
            self._write(replace(header, translation=settings))
        else:
            self._write(replace(header, settings=settings_without_credentials(settings)))

    def record(self, now: float, event: fx.AnyInput, outputs: Sequence[fx.AnyOutput]) -> None:
        """One step."""
        self._write(_ToldEither(now=now, input=event_without_credentials(event), outputs=digest(outputs)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._file is not None:
            with self._best_effort():
                self._file.close()

    def _write(self, line: Struct) -> None:
        if self._file is not None:
            with self._best_effort():
                self._file.write(self._encoder.encode(line) + b"\n")

    @contextmanager
    def _best_effort(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            _log.error("the trace %s ends here: %s", self._path, error)
            file, self._file = self._file, None
            if file is not None:
                with suppress(OSError):
                    file.close()


def replay(path: Path) -> Iterator[Step]:
    """Run a trace again, step by step. Raises `TraceError` for what is no trace, and whatever the core raises.

    A last line that is cut off (the server was killed) is left out with a warning in the log.
    """
    with path.open("rb") as file:
        header = _header(file.readline())
        session, lines = _session(header), _LINES if header.translation is None else _INTERPRETER_LINES
        for number, line in enumerate(file, 2):
            try:
                step = lines.decode(line)
            except msgspec.DecodeError as error:
                if not line.endswith(b"\n"):
                    _log.warning("%s: line %d, the last one, is cut off and left out", path, number)
                    return
                raise TraceError(f"{path}: line {number} is no step of a session: {error}") from None
            outputs = session.handle(step.input, step.now)
            yield Step(
                line=number,
                now=step.now,
                event=step.input,
                outputs=tuple(outputs),
                same=digest(outputs) == step.outputs,
            )


def first_difference(path: Path) -> Step | None:
    """The first step of a trace that comes out differently now. Raises like `replay`."""
    return next((step for step in replay(path) if not step.same), None)


def _header(line: bytes) -> Header:
    try:
        header = msgspec.json.decode(line, type=Header)
    except msgspec.DecodeError as error:
        raise TraceError(f"The first line is no header of a trace: {error}") from None
    if header.version != VERSION:
        raise TraceError(f"The trace has version {header.version}, and this is version {VERSION}.")
    return header


def _session(header: Header) -> Core:
    ids = RandomIds(header.seed)
    settings = header.settings or header.translation
    if settings is None:
        raise TraceError("The first line names no session.")
    if ids("sess") != settings.id:
        raise TraceError(f"The session '{settings.id}' does not come from the seed in the header.")
    session: Core = (
        Interpreter(settings, header.voice, header.can, ids, header.now, header.expires_in)
        if isinstance(settings, TranslationSession)
        else Session(settings, header.can, ids, header.now, header.expires_in)
    )
    session.start()
    return session


def digest(outputs: Sequence[fx.AnyOutput]) -> str:
    """A short fingerprint of outputs. The recordings in a context are left out: they were inputs, and they are long."""
    encoded = msgspec.json.encode([_without_recordings(output) for output in outputs])
    return hashlib.sha256(encoded).hexdigest()[:_DIGEST_CHARS]


def _without_recordings(output: fx.AnyOutput) -> fx.AnyOutput:
    if isinstance(output, fx.StartResponse | fx.Warm):
        items = tuple(silent(item) for item in output.context.items)
        return replace(output, context=replace(output.context, items=items))
    return output_without_credentials(output)

"""Takes the noise out of one client's audio where the session asks for it (PROTOCOL.md 3.5)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from vivavoce.audio.pcm import Pcm
from vivavoce.core.effects import NoiseReductionFailed
from vivavoce.ports import Account, EngineError, NoiseReducer, NoiseReducerStream, charged
from vivavoce.protocol.session import NoiseReduction
from vivavoce.runtime.core import Core
from vivavoce.runtime.guard import guarded

PATIENCE_S = 2.0
"""A reducer takes milliseconds; one that needs longer than this is broken, and the caller is heard as he is."""


class Cleaner:
    """One client's audio, 24 kHz PCM16, by what its session's settings say at each moment.

    A change takes effect with the next audio. Nothing is lost by it and nothing moves: what was still held back comes
    out first. Without a reducer the settings never ask for one. One that fails is told once (`tell`), and not asked
    again until the settings change: the audio goes on as it came, to the last sample.
    """

    def __init__(
        self,
        reducer: NoiseReducer | None,
        session: Core,
        tell: Callable[[NoiseReductionFailed], object],
        account: Account | None = None,
    ) -> None:
        self._account = account
        self._reducer = reducer
        self._session = session
        self._tell = tell
        self._stream: NoiseReducerStream | None = None
        self._served: NoiseReduction | None = None
        """What the stream does."""
        self._raw = bytearray()
        """What the stream was given and has not given back yet: sample for sample the same places."""

    async def clean(self, pcm: bytes) -> bytes:
        """What is ready to be heard."""
        held = b""
        wanted = self._session.settings.audio.input.noise_reduction
        if (wanted and wanted.type) != (self._served and self._served.type):
            held = await self.flush()
            self._stream = self._reducer.open(wanted.type) if self._reducer and wanted else None
        self._served = wanted
        if self._stream is None or wanted is None:
            return held + pcm
        self._raw += pcm
        return held + await self._given(self._stream.push(Pcm.from_bytes(pcm), wanted.strength))

    async def flush(self) -> bytes:
        """What was held back: the audio ends here, or what follows is to be heard otherwise."""
        if self._stream is None or self._served is None:
            return b""
        return await self._given(self._stream.flush(self._served.strength))

    async def _given(self, call: Awaitable[Pcm]) -> bytes:
        try:
            with charged(self._account, "noise"):
                given = (await guarded(call, PATIENCE_S, "noise reduction")).to_bytes()
        except EngineError as error:
            self._stream = None
            self._tell(NoiseReductionFailed(code=error.code, message=error.message))
            given = bytes(self._raw)
        del self._raw[: len(given)]
        return given

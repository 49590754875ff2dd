"""Takes the noise out of one client's audio where the session asks for it (PROTOCOL.md 3.5)."""

from __future__ import annotations

from vivavoce.audio.pcm import Pcm
from vivavoce.ports import NoiseReducer, NoiseReducerStream
from vivavoce.protocol.session import NoiseReduction
from vivavoce.runtime.core import Core


class Cleaner:
    """One client's audio, 24 kHz PCM16, by what its session's settings say at each moment.

    A change takes effect with the next audio. Nothing is lost by it and nothing moves: what was still held back comes
    out first. Without a reducer the settings never ask for one.
    """

    def __init__(self, reducer: NoiseReducer | None, session: Core) -> None:
        self._reducer = reducer
        self._session = session
        self._stream: NoiseReducerStream | None = None
        self._served: NoiseReduction | None = None
        """What the stream does."""

    async def clean(self, pcm: bytes) -> bytes:
        """What is ready to be heard. Raises `EngineError`."""
        held = b""
        wanted = self._session.settings.audio.input.noise_reduction
        if (wanted and wanted.type) != (self._served and self._served.type):
            held = await self.flush()
            self._stream = self._reducer.open(wanted.type) if self._reducer and wanted else None
        self._served = wanted
        if self._stream is None or wanted is None:
            return held + pcm
        return held + (await self._stream.push(Pcm.from_bytes(pcm), wanted.strength)).to_bytes()

    async def flush(self) -> bytes:
        """What was held back: the audio ends here, or what follows is to be heard otherwise."""
        if self._stream is None or self._served is None:
            return b""
        return (await self._stream.flush(self._served.strength)).to_bytes()

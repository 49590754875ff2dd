"""Custom voices (PROTOCOL.md 1.8): what is wrong with a recording is found here, the rest is the engine's."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import NamedTuple, TypeVar

import numpy as np

from vivavoce.audio.clip import read_clip
from vivavoce.audio.level import FRAME_MS, levels
from vivavoce.ports import CUSTOM_VOICE, Consent, EngineError, Recording, VoiceCloner
from vivavoce.protocol.errors import ProtocolError
from vivavoce.runtime.guard import guarded

MAX_RECORDING_BYTES = 10 << 20
"""PROTOCOL.md 1.8."""
SHORTEST_S = 3.0
"""Less of a voice than this is no voice to copy. OpenAI's API documents no shortest length; this one is ours."""
LONGEST_SAMPLE_S = 30.0
"""OpenAI's API takes no longer ones."""
LONGEST_CONSENT_S = 300.0
"""OpenAI's API documents no longest one; this is ours, so that a small file cannot unpack to hours."""
_SILENCE_DB = -70.0
"""dBFS: where BS.1770 puts it too."""
_LEAST_SOUND_MS = 400
"""Of sound in a recording; a click is none."""
_PIECE_MS = 10_000
_T = TypeVar("_T")
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")

LONGEST_WAIT_S = 300.0
"""For what the cloner does: it may have a server of its own, which settings may be patient with."""

Shown = dict[str, object]
"""As the API writes it."""


class File(NamedTuple):
    """As a client sent it."""

    name: str
    data: bytes
    media_type: str


class Cloning:
    """The way to `cloner`; `engine` is the name of who speaks. None: it cannot clone, and everything is refused."""

    def __init__(self, engine: str, cloner: VoiceCloner | None) -> None:
        self._engine = engine
        self._cloner = cloner
        # One recording is read at a time: unpacked they are large, and the calls need the processor.
        self._reader = ThreadPoolExecutor(1, "recordings")

    def cloner(self) -> VoiceCloner:
        """Raises `ProtocolError` (`unsupported_value`) where nobody can clone, and says who could."""
        if self._cloner is None:
            message = (
                f"The configured speech engine '{self._engine}' cannot clone voices. An OpenAI-compatible server that "
                'has custom voices can: [engines.tts] name = "openai" with clones = true.'
            )
            raise ProtocolError("unsupported_value", message)
        return self._cloner

    async def create_voice(self, name: str, sample: File, consent: str) -> Shown:
        """`sample` is 3 to 30 s of speech. Raises `ProtocolError`."""
        cloner = self.cloner()
        await self._check(sample, "audio_sample", LONGEST_SAMPLE_S)
        async with _translated("consent"):
            await _cloning(cloner.consent(_plain(consent)))  # here, so that the refusal names it
        async with _translated("audio_sample"):
            made = await _cloning(cloner.create_voice(name, Recording(*sample), consent))
        about: Shown = {"id": made.id, "object": "audio.voice", "name": made.name, "created_at": made.created_at}
        return about | {"type": "audio_sample"}

    async def delete_voice(self, voice: str) -> Shown:
        """Raises `ProtocolError`."""
        cloner = self.cloner()
        if not (voice.startswith(CUSTOM_VOICE) and _ID.fullmatch(voice)):
            message = f"The voice '{voice}' is no custom voice: it cannot be deleted."
            raise ProtocolError("voice_not_found", message, param="voice_id")
        async with _translated("voice_id"):
            await _cloning(cloner.delete_voice(voice))
        return {"id": voice, "object": "audio.voice.deleted", "deleted": True}

    async def create_consent(self, name: str, language: str, recording: File) -> Shown:
        """`recording` is 3 to 300 s of speech. Raises `ProtocolError`."""
        cloner = self.cloner()
        await self._check(recording, "recording", LONGEST_CONSENT_S)
        async with _translated("recording"):
            return _shown(await _cloning(cloner.create_consent(name, language, Recording(*recording))))

    async def consents(self, after: str | None, limit: int) -> Shown:
        """A page of them. Raises `ProtocolError`."""
        async with _translated("after"):
            page = await _cloning(self.cloner().consents(after, limit))
        ends = {"first_id": page.entries[0].id, "last_id": page.entries[-1].id} if page.entries else {}
        return {"object": "list", "data": [_shown(each) for each in page.entries], "has_more": page.more} | ends

    async def consent(self, consent: str) -> Shown:
        """Raises `ProtocolError`."""
        async with _translated("consent_id"):
            return _shown(await _cloning(self.cloner().consent(_plain(consent))))

    async def rename_consent(self, consent: str, name: str) -> Shown:
        """Raises `ProtocolError`."""
        async with _translated("consent_id"):
            return _shown(await _cloning(self.cloner().rename_consent(_plain(consent), name)))

    async def delete_consent(self, consent: str) -> Shown:
        """Raises `ProtocolError`."""
        async with _translated("consent_id"):
            await _cloning(self.cloner().delete_consent(_plain(consent)))
        return {"id": consent, "object": "audio.voice_consent", "deleted": True}

    async def _check(self, file: File, param: str, longest_s: float) -> None:
        """Raises `ProtocolError` for what is no speech of a fit length."""
        if len(file.data) > MAX_RECORDING_BYTES:
            message = f"'{param}' is too large: at most {MAX_RECORDING_BYTES >> 20} MiB are taken."
            raise ProtocolError("invalid_value", message, param=param)
        reading = asyncio.get_running_loop().run_in_executor(self._reader, _measured, file.data, longest_s + 1)
        try:
            seconds, heard = await reading
        except ValueError as error:
            raise ProtocolError("invalid_value", f"'{param}' cannot be used: {error}.", param=param) from None
        fault = None
        if seconds < SHORTEST_S:
            fault = f"is too short: it lasts {seconds:.1f} s, and at least {SHORTEST_S:g} s are needed"
        elif seconds > longest_s:
            fault = f"is too long: at most {longest_s:g} s are taken"
        elif not heard:
            fault = "is silent"
        if fault:
            raise ProtocolError("invalid_value", f"'{param}' {fault}.", param=param)


async def _cloning(call: Awaitable[_T]) -> _T:
    """Raises `EngineError` only."""
    return await guarded(call, LONGEST_WAIT_S, "voice cloning")


def _plain(consent: str) -> str:
    """The id. Raises `EngineError` for what no id looks like, and might be read as a path."""
    if not _ID.fullmatch(consent):
        raise EngineError("unknown_consent", f"There is no consent '{consent}'.")
    return consent


def _shown(consent: Consent) -> Shown:
    return {
        "id": consent.id,
        "object": "audio.voice_consent",
        "name": consent.name,
        "language": consent.language,
        "created_at": consent.created_at,
    }


def _measured(data: bytes, longest_s: float) -> tuple[float, bool]:
    """Seconds of a recording, and whether anything is heard in it. Raises `ValueError` for what is none."""
    audio = read_clip(data, longest_s)
    loud = sum(int(np.count_nonzero(levels(piece) > _SILENCE_DB)) for piece in audio.chunks(_PIECE_MS))
    return audio.ms / 1000, loud * FRAME_MS >= _LEAST_SOUND_MS


@asynccontextmanager
async def _translated(param: str) -> AsyncIterator[None]:
    """An engine's fault in the caller's words: not there, not taken, or not to be had now."""
    try:
        yield
    except EngineError as error:
        match error.code:
            case "unknown_voice":
                raise ProtocolError("voice_not_found", error.message, param=param) from error
            case "unknown_consent":
                raise ProtocolError("consent_not_found", error.message, param=param) from error
            case "engine_rejected":
                raise ProtocolError("invalid_value", error.message, param=param) from error
        raise ProtocolError(error.code, error.message, kind="server_error") from error

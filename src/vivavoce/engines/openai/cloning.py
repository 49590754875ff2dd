"""Custom voices of a remote server: `/audio/voices` and `/audio/voice_consents` (PROTOCOL.md 1.8), passed on."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from urllib.parse import quote, urlencode

from vivavoce.engines.openai.http import Body, Refused, Remote, Reply
from vivavoce.engines.openai.payload import Json, find, parse
from vivavoce.ports import Consent, Consents, CustomVoice, EngineError, Recording

MAX_ANSWER_BYTES = 1 << 20
_NOT_FOUND = 404


class OpenAiCloner:
    """Port `VoiceCloner`. Nothing is kept here. `remote` should not try again: a voice would be made twice."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    async def create_voice(self, name: str, sample: Recording, consent: str) -> CustomVoice:
        form = {"name": name, "consent": consent, "type": "audio_sample"}
        answer = await self._ask("POST", "/audio/voices", Body(form=form, files={"audio_sample": _file(sample)}))
        return CustomVoice(self._text(answer, "id"), self._text(answer, "name"), self._number(answer, "created_at"))

    async def delete_voice(self, voice: str) -> None:
        await self._ask("DELETE", f"/audio/voices/{_segment(voice)}", missing="unknown_voice")

    async def create_consent(self, name: str, language: str, recording: Recording) -> Consent:
        body = Body(form={"name": name, "language": language}, files={"recording": _file(recording)})
        return self._consent(await self._ask("POST", "/audio/voice_consents", body))

    async def consents(self, after: str | None, limit: int) -> Consents:
        query = urlencode({"limit": limit} | ({"after": after} if after else {}))
        answer = await self._ask("GET", f"/audio/voice_consents?{query}", missing="unknown_consent")
        entries = find(answer, "data")
        if not isinstance(entries, list):
            raise self._garbled()
        return Consents(tuple(map(self._consent, entries)), find(answer, "has_more") is True)

    async def consent(self, consent: str) -> Consent:
        return self._consent(await self._ask("GET", _path(consent), missing="unknown_consent"))

    async def rename_consent(self, consent: str, name: str) -> Consent:
        body = Body(json={"name": name})
        return self._consent(await self._ask("POST", _path(consent), body, missing="unknown_consent"))

    async def delete_consent(self, consent: str) -> None:
        await self._ask("DELETE", _path(consent), missing="unknown_consent")

    async def aclose(self) -> None:
        """Close the connections."""
        await self._remote.aclose()

    async def _ask(self, method: str, path: str, body: Body | None = None, missing: str = "") -> Json:
        """The answer. `missing`: the error's code when the server knows no such thing."""
        asked: AbstractAsyncContextManager[Reply] = self._remote.ask(method, path, body or Body())
        try:
            async with asked as reply:
                return parse(await reply.read(MAX_ANSWER_BYTES))
        except Refused as refusal:
            if missing and refusal.status == _NOT_FOUND:
                raise EngineError(missing, refusal.message) from refusal
            raise
        except ValueError as error:
            raise self._garbled() from error

    def _consent(self, answer: Json) -> Consent:
        created_at = self._number(answer, "created_at")
        return Consent(self._text(answer, "id"), self._text(answer, "name"), self._text(answer, "language"), created_at)

    def _text(self, answer: Json, key: str) -> str:
        value = find(answer, key)
        if not isinstance(value, str):
            raise self._garbled()
        return value

    def _number(self, answer: Json, key: str) -> int:
        value = find(answer, key)
        if not isinstance(value, int):
            raise self._garbled()
        return value

    def _garbled(self) -> EngineError:
        return self._remote.failure("engine_failed", "sent an answer that is not that of this API")


def _path(consent: str) -> str:
    return f"/audio/voice_consents/{_segment(consent)}"


def _segment(name: str) -> str:
    return quote(name, safe="")


def _file(recording: Recording) -> tuple[str, bytes, str]:
    return recording.name, recording.data, recording.media_type

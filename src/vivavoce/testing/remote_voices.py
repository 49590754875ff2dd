"""The custom voices of a `RemoteServer`: consents and voices as OpenAI's API has them (PROTOCOL.md 1.8)."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Mapping
from email import message_from_bytes
from typing import Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

CREATED_AT = 1_700_000_000
_CONSENTS = "/v1/audio/voice_consents"
Shown = dict[str, object]


class Answer(Protocol):
    """How a server answers, its faults included."""

    def __call__(
        self,
        request: Request,
        pieces: list[bytes],
        content_type: str,
        asked: Mapping[str, object] | None = None,
        form: Mapping[str, str] | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> Awaitable[Response]:
        """`pieces` of a body; what was asked is written down."""


class RemoteVoices:
    """What was uploaded. `consents` and `voices` are by their ids; a test may fill or empty them."""

    def __init__(self, answer: Answer) -> None:
        self.consents: dict[str, Shown] = {}
        self.voices: dict[str, Shown] = {}
        self._answer = answer

    def routes(self) -> list[Route]:
        """For the server's application."""
        return [
            Route("/v1/audio/voices", self._create, methods=["POST"]),
            Route("/v1/audio/voices/{id}", self._one, methods=["DELETE"]),
            Route(_CONSENTS, self._page),
            Route(_CONSENTS, self._create, methods=["POST"]),
            Route(f"{_CONSENTS}/{{id}}", self._one, methods=["GET", "POST", "DELETE"]),
        ]

    async def _create(self, request: Request) -> Response:
        form, files = multipart(request.headers["content-type"], await request.body())
        common: Shown = {"name": form.get("name"), "created_at": CREATED_AT}
        if request.url.path == _CONSENTS:
            if not (form.get("name") and form.get("language") and files.get("recording")):
                return _refusal(400, "a consent has a name, a language and a recording")
            made = common | {"id": f"cons_{len(self.consents) + 1}", "object": "audio.voice_consent"}
            made |= {"language": form["language"]}
            self.consents[str(made["id"])] = made
        else:
            if not (form.get("name") and files.get("audio_sample") and form.get("consent") in self.consents):
                return _refusal(400, "a voice has a name, a sample and a consent")
            made = common | {"id": f"voice_{len(self.voices) + 1}", "object": "audio.voice", "type": "audio_sample"}
            self.voices[str(made["id"])] = made
        return await self._said(request, made, form=form, files=files)

    async def _page(self, request: Request) -> Response:
        after, limit, ids = request.query_params.get("after"), int(request.query_params["limit"]), list(self.consents)
        if after is not None and after not in ids:
            return _refusal(404, f"there is no {after}")
        rest = ids[ids.index(after) + 1 :] if after else ids
        data = [self.consents[each] for each in rest[:limit]]
        return await self._said(request, {"object": "list", "data": data, "has_more": len(rest) > limit})

    async def _one(self, request: Request) -> Response:
        known = self.consents if request.url.path.startswith(_CONSENTS) else self.voices
        which: str = request.path_params["id"]
        if which not in known:
            return _refusal(404, f"there is no {which}")
        if request.method == "DELETE":
            del known[which]
            return await self._said(request, {"id": which, "deleted": True})
        if request.method == "POST":
            known[which] = known[which] | await request.json()
        return await self._said(request, known[which])

    async def _said(
        self,
        request: Request,
        shown: Shown,
        form: Mapping[str, str] | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> Response:
        return await self._answer(request, [json.dumps(shown).encode()], "application/json", form=form, files=files)


def multipart(content_type: str, body: bytes) -> tuple[dict[str, str], dict[str, bytes]]:
    """The fields and files of a form (RFC 7578), which has the syntax of mail."""
    mail = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    form: dict[str, str] = {}
    files: dict[str, bytes] = {}
    for part in mail.walk():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(content, bytes):
            continue
        if part.get_filename() is None:
            form[name] = content.decode()
        else:
            files[name] = content
    return form, files


def _refusal(status: int, message: str) -> Response:
    body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": "invalid_value"}}
    return JSONResponse(body, status)

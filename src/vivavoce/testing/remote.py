"""A small faithful server of OpenAI's HTTP API on loopback, which misbehaves when told to.

It listens on a real socket in a thread of its own, for streams have to be real; tests of any kind can use it::

    with RemoteServer(transcript="hello") as server:
        server.expect(Fault(status=503), Fault(stall_after=2))  # the next two requests
        engine = OpenAiLlm(server.base_url, "any", ...)
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.wav import wav_bytes
from vivavoce.engines.openai.payload import Json
from vivavoce.ports import OPENAI_VOICES
from vivavoce.testing.remote_audio import Hears, Speaks, audio_tokens, spoken_chunks, wants_voice
from vivavoce.testing.remote_chat import (
    Calls,
    call_deltas,
    chunk_of,
    events,
    fault_in,
    forced,
    message_calls,
    tokens_of,
    words_in,
)
from vivavoce.testing.remote_voices import RemoteVoices, multipart
from vivavoce.testing.script import sound

ODD_BYTES = 1001
"""Length of the pieces in which speech is sent: odd, so that samples are cut in half."""
MS_PER_CHARACTER = 60
_START_S = 10.0


@dataclass(frozen=True, slots=True)
class Fault:
    """How one request is treated.

    `status` other than 200 answers with an error (`message`, `code`, `headers`); `body` replaces the answer's
    bytes, as `content_type`. `delay` seconds pass before anything is sent. Of a body's pieces, `stall_after` are
    sent before the server falls silent until the client hangs up, or `break_after` before it drops the connection.
    """

    status: int = 200
    message: str = "Scripted."
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    body: bytes | None = None
    content_type: str | None = None
    stall_after: int | None = None
    break_after: int | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came. `form` and `files` are those of multipart requests, `json` the body of the others."""

    path: str
    headers: Mapping[str, str]
    peer: str
    """The client's address and port: the same for requests on the same connection."""
    json: Mapping[str, object] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)


class _Broken(Exception):
    """Raised inside a stream: the server drops the connection without an end."""


class RemoteServer:
    """A context manager; what it does well is set by its attributes, what it does badly by `expect`.

    `context_limit` is the longest conversation in words; `api_key` is demanded if given. `hears` and `speaks` are what
    the chat model can do beside text. `port`: a server that comes up late, where its address was known before.
    """

    def __init__(
        self,
        *,
        transcript: str = "hello there",
        answer: str = "Hello from afar.",
        model: str = "any",
        api_key: str | None = None,
        context_limit: int = 10_000,
        hears: Hears | None = None,
        speaks: Speaks | None = None,
        port: int = 0,
    ) -> None:
        self.transcript = transcript
        self.answer = answer
        self.model = model
        self.api_key = api_key
        self.context_limit = context_limit
        self.hears = hears
        self.speaks = speaks
        self.sent = 0
        """Pieces of answers that were handed to the line."""
        self.received: list[Received] = []
        """Every request, in order; not those to `/models`."""
        self.streaming = 0
        """Answers that are being sent now."""
        self.hung_up = 0
        """Answers that the client did not wait for."""
        self.calls: deque[Calls] = deque()
        """Answers to the next chats that bring tools and let them be called. Without one only what must call does."""
        self.custom = RemoteVoices(self._answer)
        """Voices and consents that were uploaded."""
        self._faults: deque[Fault] = deque()
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        config = uvicorn.Config(self._app(), http="h11", ws="none", lifespan="off", log_config=None)
        self._uvicorn = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._uvicorn.run, args=([self._socket],), name="remote-server", daemon=True
        )

    @property
    def base_url(self) -> str:
        """The address that engines want."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"

    def expect(self, *faults: Fault) -> None:
        """Treat the next requests so, one each; `Fault()` is no fault. Requests to `/models` do not count."""
        self._faults.extend(faults)

    def assert_finished(self) -> None:
        """Every fault was met."""
        assert not self._faults, f"{len(self._faults)} faults were not met"

    def __enter__(self) -> Self:
        self._socket.listen(128)  # so that nobody has to wait for the thread
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._uvicorn.should_exit = self._uvicorn.force_exit = True
        self._thread.join(_START_S)
        self._socket.close()

    def _app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/models", self._models),
                Route("/v1/audio/transcriptions", self._transcriptions, methods=["POST"]),
                Route("/v1/chat/completions", self._chat, methods=["POST"]),
                Route("/v1/audio/speech", self._speech, methods=["POST"]),
                *self.custom.routes(),
            ]
        )

    # --- the endpoints ---

    async def _models(self, request: Request) -> Response:
        if refusal := self._unauthorised(request):
            return refusal
        return JSONResponse({"object": "list", "data": [{"id": self.model, "object": "model"}]})

    async def _transcriptions(self, request: Request) -> Response:
        form, files = multipart(request.headers["content-type"], await request.body())
        if "file" not in files or not form.get("model"):
            return _error(400, "`file` and `model` are required")
        body = json.dumps({"text": self.transcript}).encode()
        return await self._answer(request, [body], "application/json", form=form, files=files)

    async def _chat(self, request: Request) -> Response:
        try:
            asked = await request.json()
        except ClientDisconnect:
            return Response()  # to nobody
        fault = fault_in(asked, self.hears, self.speaks)
        words = words_in(asked) + (0 if fault else audio_tokens(asked))
        if words > self.context_limit:
            self._record(request, asked)
            text = f"This model's maximum context length is {self.context_limit} tokens, you sent {words}."
            return _error(400, text, "context_length_exceeded")
        if fault:
            self._record(request, asked)
            return _error(400, fault, "invalid_value")
        calls = _calls_for(asked, self.calls)
        tokens = tokens_of(calls.said if calls else self.answer)
        said = tokens[: asked.get("max_tokens")]
        reason = "tool_calls" if calls else "stop" if said == tokens else "length"
        usage = {
            "prompt_tokens": words,
            "completion_tokens": len(said),
            "total_tokens": words + len(said),
            "prompt_tokens_details": {"cached_tokens": words // 2},
        }
        if self.hears is not None and self.hears.counted:
            usage["prompt_tokens_details"] = {"cached_tokens": 0, "audio_tokens": audio_tokens(asked)}
        if not asked.get("stream"):
            message: dict[str, object] = {"role": "assistant", "content": "".join(said)}
            if calls:
                message["tool_calls"] = message_calls(calls)
            choice = {"index": 0, "message": message, "finish_reason": reason}
            body = json.dumps({"object": "chat.completion", "choices": [choice], "usage": usage}).encode()
            return await self._answer(request, [body], "application/json", asked)
        chunks = [chunk_of({"content": token}) for token in said]
        if self.speaks is not None and wants_voice(asked):
            chunks = spoken_chunks(said, self.speaks) if said else []
        chunks += [chunk_of(delta) for delta in call_deltas(calls)] if calls else []
        with_usage = asked.get("stream_options", {}).get("include_usage", False)
        pieces = events(chunks, reason, usage if with_usage else None)
        return await self._answer(request, pieces, "text/event-stream", asked)

    async def _speech(self, request: Request) -> Response:
        asked = await request.json()
        voice = asked.get("voice")
        known = voice["id"] in self.custom.voices if isinstance(voice, dict) else voice in OPENAI_VOICES
        if not known or not asked.get("input") or len(asked["input"]) > 4096:
            self._record(request, asked)
            return _error(400, "invalid voice or input", "invalid_value")
        if asked.get("response_format") not in ("pcm", "wav"):
            self._record(request, asked)
            return _error(400, "this server makes pcm and wav only", "invalid_value")
        audio = Pcm.join(sound(len(asked["input"]) * MS_PER_CHARACTER / asked.get("speed", 1.0)))
        data = audio.to_bytes() if asked["response_format"] == "pcm" else wav_bytes(audio)
        pieces = [data[i : i + ODD_BYTES] for i in range(0, len(data), ODD_BYTES)]
        return await self._answer(request, pieces, f"audio/{asked['response_format']}", asked)

    # --- how they answer ---

    async def _answer(
        self,
        request: Request,
        pieces: list[bytes],
        content_type: str,
        asked: Mapping[str, object] | None = None,
        form: Mapping[str, str] | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> Response:
        self._record(request, asked or {}, form or {}, files or {})
        if refusal := self._unauthorised(request):
            return refusal
        fault = self._faults.popleft() if self._faults else Fault()
        await asyncio.sleep(fault.delay)
        if fault.status != 200:
            return _error(fault.status, fault.message, fault.code, fault.headers)
        if fault.body is not None:
            pieces = [fault.body]
        stream = self._stream(pieces, fault)
        return StreamingResponse(stream, headers=dict(fault.headers), media_type=fault.content_type or content_type)

    async def _stream(self, pieces: list[bytes], fault: Fault) -> AsyncIterator[bytes]:
        self.streaming += 1
        done = False
        try:
            for number, piece in enumerate(pieces):
                if number == fault.stall_after:
                    await asyncio.Event().wait()
                if number == fault.break_after:
                    done = True
                    raise _Broken
                yield piece
                self.sent += 1
                await asyncio.sleep(0)
            done = True
        finally:
            self.streaming -= 1
            self.hung_up += not done

    def _record(
        self,
        request: Request,
        asked: Mapping[str, object],
        form: Mapping[str, str] | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> None:
        peer = ":".join(map(str, request.client or ()))
        self.received.append(Received(request.url.path, dict(request.headers), peer, asked, form or {}, files or {}))

    def _unauthorised(self, request: Request) -> Response | None:
        given = request.headers.get("authorization", "")
        if self.api_key is None or given == f"Bearer {self.api_key}":
            return None
        return _error(401, f"Incorrect API key provided: {given.removeprefix('Bearer ')}", "invalid_api_key")


def _error(
    status: int, message: str, code: str | None = None, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    kind = "invalid_request_error" if status < 500 else "server_error"
    body = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    return JSONResponse(body, status, headers)


def _calls_for(asked: Mapping[str, Json], script: deque[Calls]) -> Calls | None:
    """What this answer calls: what the script says where it may, or what it must."""
    if not asked.get("tools") or asked.get("tool_choice") == "none":
        return None
    return script.popleft() if script else forced(asked)

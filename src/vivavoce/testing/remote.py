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
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.wav import wav_bytes
from vivavoce.engines.instant import OPENAI_VOICES
from vivavoce.engines.openai.payload import Json
from vivavoce.testing.remote_chat import Calls, call_deltas, fault_in, forced, message_calls, words_in
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

    `context_limit` is the longest conversation in words; `api_key` is demanded if given.
    """

    def __init__(
        self,
        *,
        transcript: str = "hello there",
        answer: str = "Hello from afar.",
        model: str = "any",
        api_key: str | None = None,
        context_limit: int = 10_000,
    ) -> None:
        self.transcript = transcript
        self.answer = answer
        self.model = model
        self.api_key = api_key
        self.context_limit = context_limit
        self.received: list[Received] = []
        """Every request, in order; not those to `/models`."""
        self.streaming = 0
        """Answers that are being sent now."""
        self.hung_up = 0
        """Answers that the client did not wait for."""
        self.calls: deque[Calls] = deque()
        """Answers to the next chats that bring tools and let them be called. Without one only what must call does."""
        self._faults: deque[Fault] = deque()
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
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
            ]
        )

    # --- the endpoints ---

    async def _models(self, request: Request) -> Response:
        if refusal := self._unauthorised(request):
            return refusal
        return JSONResponse({"object": "list", "data": [{"id": self.model, "object": "model"}]})

    async def _transcriptions(self, request: Request) -> Response:
        form, files = _multipart(request.headers["content-type"], await request.body())
        if "file" not in files or not form.get("model"):
            return _error(400, "`file` and `model` are required")
        body = json.dumps({"text": self.transcript}).encode()
        return await self._answer(request, [body], "application/json", form=form, files=files)

    async def _chat(self, request: Request) -> Response:
        asked = await request.json()
        words = words_in(asked)
        if words > self.context_limit:
            self._record(request, asked)
            text = f"This model's maximum context length is {self.context_limit} tokens, you sent {words}."
            return _error(400, text, "context_length_exceeded")
        if fault := fault_in(asked):
            self._record(request, asked)
            return _error(400, fault, "invalid_value")
        calls = _calls_for(asked, self.calls)
        tokens = _words(calls.said if calls else self.answer)
        said = tokens[: asked.get("max_tokens")]
        reason = "tool_calls" if calls else "stop" if said == tokens else "length"
        usage = {
            "prompt_tokens": words,
            "completion_tokens": len(said),
            "total_tokens": words + len(said),
            "prompt_tokens_details": {"cached_tokens": words // 2},
        }
        if not asked.get("stream"):
            message: dict[str, object] = {"role": "assistant", "content": "".join(said)}
            if calls:
                message["tool_calls"] = message_calls(calls)
            choice = {"index": 0, "message": message, "finish_reason": reason}
            body = json.dumps({"object": "chat.completion", "choices": [choice], "usage": usage}).encode()
            return await self._answer(request, [body], "application/json", asked)
        deltas = [{"content": token} for token in said] + (call_deltas(calls) if calls else [])
        with_usage = asked.get("stream_options", {}).get("include_usage", False)
        events = _events(deltas, reason, usage if with_usage else None)
        return await self._answer(request, events, "text/event-stream", asked)

    async def _speech(self, request: Request) -> Response:
        asked = await request.json()
        if asked.get("voice") not in OPENAI_VOICES or not asked.get("input") or len(asked["input"]) > 4096:
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


def _words(text: str) -> list[str]:
    return [word if number == 0 else f" {word}" for number, word in enumerate(text.split(" "))] if text else []


def _events(deltas: Sequence[Mapping[str, object]], reason: str, usage: Mapping[str, object] | None) -> list[bytes]:
    """The stream of an answer: a comment that keeps the line alive, the deltas, the end, the usage, `[DONE]`."""
    choices: list[dict[str, object]] = [{"delta": {"role": "assistant", "content": ""}, "finish_reason": None}]
    choices += [{"delta": delta, "finish_reason": None} for delta in deltas]
    choices += [{"delta": {}, "finish_reason": reason}]
    chunks: list[dict[str, object]] = [{"choices": [{"index": 0, **choice}], "usage": None} for choice in choices]
    if usage is not None:
        chunks.append({"choices": [], "usage": usage})
    lines = [json.dumps({"object": "chat.completion.chunk", **chunk}, ensure_ascii=False) for chunk in chunks]
    return [b": keep-alive\n\n", *(f"data: {line}\n\n".encode() for line in lines), b"data: [DONE]\n\n"]


def _multipart(content_type: str, body: bytes) -> tuple[dict[str, str], dict[str, bytes]]:
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

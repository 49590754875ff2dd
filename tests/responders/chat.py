"""A server of chat completions whose model is one of ours: it hears with an `Asr`, and may speak with a `Tts`.

What it refuses is what the shipped fake refuses; only its answers are made by a model that has read the request.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from vivavoce.audio.pcm import Pcm
from vivavoce.engines.calls import PENDING
from vivavoce.engines.openai.request import SPOKEN_STYLE
from vivavoce.ports import (
    Asr,
    AsrHint,
    CallArguments,
    CallBegan,
    EngineError,
    Finished,
    Image,
    Llm,
    Message,
    Prompt,
    TextDelta,
    Tool,
    ToolCall,
    ToolOutput,
    Tts,
    Voice,
)
from vivavoce.serving import serving
from vivavoce.testing.remote_audio import Hears, Speaks, audio_tokens, voice_in, wants_voice
from vivavoce.testing.remote_chat import chunk_of, fault_in

_LATE = re.compile(r"This is the result of .+?:\n(.*)", re.DOTALL)
_REASONS = {"stop": "stop", "length": "length", "content_filter": "content_filter"}
Json = Mapping[str, Any]


class ChatServer:
    """`tts`: its voice. Without one it only writes."""

    def __init__(self, llm: Llm, asr: Asr, tts: Tts | None = None) -> None:
        self._llm = llm
        self._asr = asr
        self._tts = tts
        self.app = Starlette(
            routes=[Route("/v1/models", self._models), Route("/v1/chat/completions", self._chat, methods=["POST"])]
        )

    async def _models(self, _: Request) -> Response:
        return JSONResponse({"object": "list", "data": [{"id": "any", "object": "model"}]})

    async def _chat(self, request: Request) -> Response:
        asked = await request.json()
        if fault := fault_in(asked, Hears(), Speaks() if self._tts else None):
            return JSONResponse({"error": {"message": fault, "code": "invalid_value"}}, 400)
        return StreamingResponse(self._stream(asked), media_type="text/event-stream")

    async def _stream(self, asked: Json) -> AsyncIterator[bytes]:
        prompt = await self._prompt(asked)
        aloud = wants_voice(asked)
        words, call = "", -1
        try:
            async with aclosing(self._llm.generate(prompt)) as parts:
                async for part in parts:
                    if isinstance(part, TextDelta):
                        words += part.text
                        delta: Json = {"content": None, "audio": {"id": "audio_1", "transcript": part.text}}
                        yield _event(chunk_of(delta if aloud else {"content": part.text}))
                        continue
                    if aloud and words:
                        async for piece in self._voice(words, asked):
                            yield piece
                        words = ""
                    if isinstance(part, CallBegan):
                        call += 1
                        function = {"name": part.name, "arguments": ""}
                        made = {"index": call, "id": f"call_{call}", "type": "function", "function": function}
                        yield _event(chunk_of({"tool_calls": [made]}))
                    elif isinstance(part, CallArguments):
                        more = {"index": call, "function": {"arguments": part.text}}
                        yield _event(chunk_of({"tool_calls": [more]}))
                    elif isinstance(part, Finished):
                        for piece in _end(part, called=call >= 0, heard=audio_tokens(asked)):
                            yield piece
        except EngineError as error:
            yield _event({"error": {"message": error.message, "code": error.code}})

    async def _voice(self, words: str, asked: Json) -> AsyncIterator[bytes]:
        assert self._tts is not None
        async with aclosing(self._tts.speak(words, Voice(asked["audio"]["voice"]))) as audio:
            async for piece in audio:
                assert isinstance(piece, Pcm)
                data = base64.b64encode(piece.to_bytes()).decode()
                yield _event(chunk_of({"audio": {"data": data}}))

    async def _prompt(self, asked: Json) -> Prompt:
        first, *rest = asked["messages"] or [{"role": "none", "content": ""}]
        instructions = first["content"] if first["role"] == "system" else ""
        messages = [await self._message(each) for each in (rest if first["role"] == "system" else asked["messages"])]
        choice = asked.get("tool_choice", "auto")
        forced = choice["function"]["name"] if isinstance(choice, dict) else None
        return Prompt(
            instructions.removesuffix(SPOKEN_STYLE).strip(),
            tuple(message for message in messages if message.content),
            spoken=wants_voice(asked),
            voice=Voice("alloy"),
            max_tokens=asked.get("max_tokens"),
            tools=tuple(Tool(**each["function"]) for each in asked.get("tools", ())),
            tool_choice="required" if forced else choice,
            callable=(forced,) if forced else None,
        )

    async def _message(self, message: Json) -> Message:
        role, content = message["role"], message["content"]
        if role == "tool":
            told = () if content == PENDING else (ToolOutput(message["tool_call_id"], content),)
            return Message("tool", told)
        if isinstance(content, str) and (late := _LATE.fullmatch(content)):
            return Message("tool", (ToolOutput("late", late[1]),))
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
        given = [each for part in parts for each in await self._part(part)]
        calls = [
            ToolCall(call["id"], call["function"]["name"], call["function"]["arguments"])
            for call in message.get("tool_calls", ())
        ]
        return Message(role, (*given, *calls))

    async def _part(self, part: Json) -> Sequence[str | Image]:
        if part["type"] == "text":
            return (part["text"],)
        if part["type"] == "input_audio":
            return [words async for words in self._heard(voice_in(part)) if words]
        kind, _, data = part["image_url"]["url"].removeprefix("data:").partition(";base64,")
        return (Image(base64.b64decode(data), kind, part["image_url"]["detail"], _unseen, 0, 0),)

    async def _heard(self, voice: Pcm) -> AsyncIterator[str]:
        async def speech() -> AsyncIterator[Pcm]:
            yield voice

        async for transcript in self._asr.transcribe(speech(), AsrHint()):
            yield transcript.text


@asynccontextmanager
async def chat_server(llm: Llm, asr: Asr, tts: Tts | None = None) -> AsyncIterator[str]:
    """The address that engines want."""
    async with serving(ChatServer(llm, asr, tts).app) as port:
        yield f"http://127.0.0.1:{port}/v1"


def _end(finished: Finished, *, called: bool, heard: int) -> list[bytes]:
    reason = "tool_calls" if called else _REASONS[finished.reason]
    taken, made = finished.usage.input_tokens + heard, finished.usage.output_tokens
    usage: Json = {"prompt_tokens": taken, "completion_tokens": made, "total_tokens": taken + made}
    usage = {**usage, "prompt_tokens_details": {"audio_tokens": heard}}
    last = {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}], "usage": None}
    return [_event(last), _event({"choices": [], "usage": usage}), b"data: [DONE]\n\n"]


def _event(chunk: Json) -> bytes:
    return f"data: {json.dumps({'object': 'chat.completion.chunk', **chunk})}\n\n".encode()


async def _unseen() -> str:
    raise AssertionError("a model that sees asks nobody what is on a picture")

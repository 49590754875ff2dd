"""A small faithful server of the Realtime wire on loopback, which is strict, and misbehaves when told to.

It has no voice activity detection: clients commit turns and ask for answers. It pings as most servers do, every 20 s,
and hangs up when 20 s later no pong has come. It runs in the loop of the test::

    async with RemoteRealtime(Reply("Good morning."), Reply(status="failed")) as server:
        responder = RealtimeResponder(server.url, "any")
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count
from typing import Self, assert_never

import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from vivavoce.engines.made_up import made_up
from vivavoce.protocol import client as wire
from vivavoce.protocol.codec import binary_refused, decode
from vivavoce.protocol.errors import ProtocolError
from vivavoce.protocol.items import ClientFunctionCallOutput, ItemReference
from vivavoce.protocol.session import SessionPatch
from vivavoce.protocol.tools import FunctionTool
from vivavoce.testing.client import at
from vivavoce.testing.remote_reply import Event, Made, Reply, beta, cut_off, events

BYTES_PER_MS = 48


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a connection is refused: with an HTTP status and a body, or with an `error` event and a close code."""

    status: int | None = None
    body: str = ""
    code: str = "invalid_api_key"
    message: str = "Incorrect API key provided."
    close: int = 3000


@dataclass(eq=False)
class Session:
    """One connection as the server sees it."""

    server: RemoteRealtime
    socket: ServerConnection
    received: list[Event] = field(default_factory=list)
    """Every event of the client's."""
    items: list[Event] = field(default_factory=list)
    """The conversation; audio is base64, as it came."""
    settings: Event = field(default_factory=dict)
    buffer: bytearray = field(default_factory=bytearray)
    asked: list[list[Event]] = field(default_factory=list)
    """What each answer was made from."""
    sent: int = 0
    """Events that its socket has taken."""
    cancelled: list[str] = field(default_factory=list)
    """Answers that the client has cancelled, by their ids."""
    ended: int = 0
    """Answers whose last event has gone out."""
    _running: dict[str, asyncio.Event] = field(default_factory=dict)
    _default: str | None = None
    _spoken: bool = False
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def send(self, event: Event) -> None:
        """One event."""
        with suppress(ConnectionClosed):
            await self.socket.send(json.dumps({"event_id": f"event_{next(self.server.numbers)}", **event}))
            self.sent += 1

    async def run(self) -> None:
        """To its end."""
        await self.send({"type": "session.created", "session": {"type": "realtime", "id": "sess_1"}})
        try:
            async for frame in self.socket:
                await self._frame(frame)
        except ConnectionClosed:
            pass
        finally:
            for task in self._tasks:
                task.cancel()

    def kinds(self) -> list[str]:
        """The types of what the client sent, appends of one turn as one."""
        found = [str(event["type"]) for event in self.received]
        return [kind for before, kind in zip(["", *found], found, strict=False) if (before, kind) != (_APPEND, _APPEND)]

    async def _frame(self, frame: str | bytes) -> None:
        event: wire.AnyClientEvent | None = None
        try:
            if isinstance(frame, bytes):
                raise binary_refused()
            event = decode(frame)
            self.received.append(json.loads(frame))
            await self._take(event, self.received[-1])
        except ProtocolError as error:
            self.server.errors.append(error.message)
            event_id = event.event_id if event is not None else error.event_id
            body = {"type": error.kind, "code": error.code, "message": error.message, "param": error.param}
            await self.send({"type": "error", "error": {**body, "event_id": event_id}})

    async def _take(self, event: wire.AnyClientEvent, raw: Event) -> None:
        match event:
            case wire.SessionUpdate():
                await self._update(event, raw)
            case wire.InputAudioBufferAppend():
                self.buffer += event.audio
            case wire.InputAudioBufferCommit():
                await self._commit()
            case wire.InputAudioBufferClear():
                self.buffer.clear()
                await self.send({"type": "input_audio_buffer.cleared"})
            case wire.ConversationItemCreate():
                await self._create(event, raw)
            case wire.ConversationItemDelete():
                self.items.remove(self._item(event.item_id, "item_delete_invalid_item_id"))
                await self.send({"type": "conversation.item.deleted", "item_id": event.item_id})
            case wire.ResponseCreate():
                await self._respond(event.response or wire.ResponseParams(), raw)
            case wire.ResponseCancel():
                running = self._running.get(event.response_id or self._default or "")
                if running is None:
                    message = "Cancellation failed: no active response found"
                    raise ProtocolError("response_cancel_not_active", message)
                self.cancelled.append(event.response_id or self._default or "")
                running.set()
            case wire.ConversationItemRetrieve() | wire.ConversationItemTruncate() | wire.OutputAudioBufferClear():
                raise ProtocolError("invalid_value", "Nobody has needed this of the fake server yet.")
            case _:
                assert_never(event)

    async def _update(self, event: wire.SessionUpdate, raw: Event) -> None:
        if not isinstance(event.session, SessionPatch):
            raise ProtocolError("invalid_value", "This is a realtime session.", param="session.type")
        given = raw["session"]
        assert isinstance(given, dict)
        voice = given.get("audio", {}).get("output", {}).get("voice")
        before = at(self.settings, "audio", "output", "voice")
        if self._spoken and voice not in (None, before):
            message = "Cannot update a conversation's voice if assistant audio is present."
            raise ProtocolError("cannot_update_voice", message)
        if at(given, "audio", "input", "turn_detection") is not None:
            raise ProtocolError("invalid_value", "The fake server detects no turns.")
        self.settings = _merged(self.settings, given)
        await self.send({"type": "session.updated", "session": self.settings})

    async def _commit(self) -> None:
        if len(self.buffer) < 100 * BYTES_PER_MS:
            message = f"Error committing input audio buffer: it only has {len(self.buffer) / BYTES_PER_MS:.2f}ms."
            raise ProtocolError("input_audio_buffer_commit_empty", message)
        item_id = f"item_{next(self.server.numbers)}"
        audio = msgspec.to_builtins(bytes(self.buffer))
        self.buffer.clear()
        content = [{"type": "input_audio", "audio": audio}]
        self.items.append({"id": item_id, "type": "message", "role": "user", "content": content})
        await self.send({"type": "input_audio_buffer.committed", "item_id": item_id, "previous_item_id": None})

    async def _create(self, event: wire.ConversationItemCreate, raw: Event) -> None:
        item, after = raw["item"], event.previous_item_id
        assert isinstance(item, dict)
        if any(each["id"] == event.item.id for each in self.items):
            message = f"Error adding item: an item with id '{event.item.id}' already exists."
            raise ProtocolError("item_create_duplicate_item_id", message)
        if isinstance(event.item, ClientFunctionCallOutput):
            _check_output(event.item.call_id, self.items)
        item.setdefault("id", f"item_{next(self.server.numbers)}")
        at = 0 if after == "root" else len(self.items)
        if after not in (None, "root"):
            at = self.items.index(self._item(str(after), "item_not_found")) + 1
        self.items.insert(at, item)
        await self.send({"type": "conversation.item.added", "previous_item_id": None, "item": item})

    def _item(self, item_id: str, code: str) -> Event:
        for item in self.items:
            if item["id"] == item_id:
                return item
        raise ProtocolError(code, f"The item with id '{item_id}' does not exist.")

    # --- answers ---------------------------------------------------------------------------------------------------

    async def _respond(self, params: wire.ResponseParams, raw: Event) -> None:
        in_band = params.conversation != "none"
        if in_band and self._default is not None:
            message = f"Conversation already has an active response in progress: {self._default}."
            raise ProtocolError("conversation_already_has_active_response", message)
        items = self._input(params, raw) if params.input is not None else list(self.items)
        self.asked.append(json.loads(json.dumps(items)))
        reply = self.server.replies.popleft() if self.server.replies else self._made_up(params)
        made = Made(f"resp_{next(self.server.numbers)}")
        stop = self._running[made.response_id] = asyncio.Event()
        if in_band:
            self._default = made.response_id
        task = asyncio.create_task(self._play(reply, made, params, in_band, stop, _used(items)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _input(self, params: wire.ResponseParams, raw: Event) -> list[Event]:
        given = at(raw, "response", "input")
        assert isinstance(given, list)
        items: list[Event] = []
        for item, plain in zip(params.input or [], given, strict=True):
            if isinstance(item, ItemReference):
                items.append(self._item(item.id, "item_not_found"))
                continue
            if isinstance(item, ClientFunctionCallOutput):
                _check_output(item.call_id, items)
            items.append(plain)
        return items

    def _made_up(self, params: wire.ResponseParams) -> Reply:
        """Without a script: a tool where one must be called, else words, as many as may be."""
        tools = (
            params.tools
            if params.tools is not None
            else msgspec.convert(self.settings.get("tools", []), list[FunctionTool])
        )
        if params.tool_choice == "required":
            tool = tools[0]
            assert isinstance(tool, FunctionTool)
            return Reply("", [(tool.name, made_up(tool.parameters or {}))])
        words = self.server.answer.split(" ")
        most = params.max_output_tokens if isinstance(params.max_output_tokens, int) else len(words)
        cut = most < len(words)
        return Reply(
            " ".join(words[:most]),
            status="incomplete" if cut else "completed",
            reason="max_output_tokens" if cut else None,
        )

    async def _play(
        self, reply: Reply, made: Made, params: wire.ResponseParams, in_band: bool, stop: asyncio.Event, used: Event
    ) -> None:
        for frame in reply.early:
            await self.socket.send(frame)
        metadata = params.metadata if reply.metadata else None
        shown: Event = {"id": made.response_id, "status": "in_progress", "output": [], "metadata": metadata}
        await self.send({"type": "response.created", "response": shown})
        written = (params.output_modalities or self.settings.get("output_modalities")) == ["text"]
        ids = (f"item_{number}" for number in self.server.numbers)
        for frame in reply.frames:
            await self.socket.send(frame)
        status = reply.status
        for number, event in enumerate(events(reply, made, written, ids)):
            if number == reply.stall_after:
                await asyncio.Event().wait()
            if number == reply.break_after:
                self.socket.transport.abort()
                return
            ms = event.pop("_ms", 0)
            await self._tell(beta(event) if reply.beta else event, in_band)
            await _paced(reply, ms, stop)
            if stop.is_set():
                status = "cancelled"
                for cut in cut_off(made):
                    await self._tell(cut, in_band)
                break
        del self._running[made.response_id]
        if in_band:
            self._default = None
        details = {"type": status, "reason": reply.reason, "error": {"code": reply.code, "message": reply.message}}
        usage = reply.usage or used
        done = {**shown, "status": status, "output": made.output, "usage": usage, "status_details": details}
        await self.send({"type": "response.done", "response": done})
        self.ended += 1

    async def _tell(self, event: Event, in_band: bool) -> None:
        """An event of an answer; what it makes is in the conversation before it is told."""
        item, (_, _, what) = event.get("item"), str(event["type"]).rpartition(".")
        if in_band and isinstance(item, dict):
            ids = [each["id"] for each in self.items]
            at = ids.index(item["id"]) if item["id"] in ids else len(ids)
            self.items[at : at + 1] = [item]
        await self.send(event)
        if in_band and item is not None:
            await self.send({"type": f"conversation.item.{what}", "previous_item_id": None, "item": item})
        self._spoken |= in_band and what == "delta" and "audio." in str(event["type"])


def _merged(before: Event, given: Event) -> Event:
    """What is named is changed, at any depth."""
    merged = {**before, **given}
    for name, old in before.items():
        new = merged[name]
        if isinstance(old, dict) and isinstance(new, dict):
            merged[name] = _merged(old, new)
    return merged


async def _paced(reply: Reply, ms: object, stop: asyncio.Event) -> None:
    """As long as so much audio takes, or until the answer is to stop."""
    with suppress(TimeoutError):
        async with asyncio.timeout(float(str(ms)) / 1000 / reply.pace if reply.pace else 0):
            await stop.wait()


def _used(items: list[Event]) -> Event:
    """A token for each word, and for each 100 ms of the caller's voice (PROTOCOL.md 5.2)."""
    words = heard = 0
    for item in items:
        content = item.get("content", [])
        assert isinstance(content, list)
        said = [item.get("output", ""), item.get("arguments", "")]
        said += [part.get("text") or part.get("transcript") or "" for part in content]
        words += sum(len(str(each).split()) for each in said)
        heard += sum(len(str(part.get("audio", ""))) * 3 // 4 // (100 * BYTES_PER_MS) for part in content)
    return {"input_tokens": words + heard, "output_tokens": 0, "input_token_details": {"audio_tokens": heard}}


def _check_output(call_id: str, items: list[Event]) -> None:
    if not any(each["type"] == "function_call" and each["call_id"] == call_id for each in items):
        raise ProtocolError("invalid_value", f"There is no call '{call_id}'.", param="item.call_id")


_APPEND = "input_audio_buffer.append"


class RemoteRealtime:
    """An async context manager. `replies` are the next answers in order, of whatever session; without one `answer` is
    said, or a tool called that must be. `refusals` meet the next connections."""

    def __init__(
        self,
        *replies: Reply,
        answer: str = "Hello from afar.",
        api_key: str | None = None,
        key_header: str | None = None,
    ) -> None:
        self.replies = deque(replies)
        self.refusals: deque[Refusal] = deque()
        self.answer = answer
        self.sessions: list[Session] = []
        """Every connection that was taken."""
        self.requests: list[Request] = []
        """Every request for one."""
        self.errors: list[str] = []
        """What it refused, in its own words."""
        self.numbers: Iterator[int] = count(1)
        self._key = api_key
        self._header = key_header
        self._server: Server | None = None

    @property
    def url(self) -> str:
        """The address that the engine wants."""
        assert self._server is not None
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1/realtime"

    def assert_finished(self) -> None:
        """Every reply was given, and nothing had to be refused."""
        assert not self.replies, f"{len(self.replies)} replies were not asked for"
        assert not self.errors, self.errors

    async def __aenter__(self) -> Self:
        self._server = await serve(self._session, "127.0.0.1", 0, process_request=self._request, max_size=None)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        for session in self.sessions:
            session.socket.transport.abort()
        self._server.close()
        await self._server.wait_closed()

    def _request(self, connection: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request)
        if self.refusals and (status := self.refusals[0].status) is not None:
            return connection.respond(HTTPStatus(status), self.refusals.popleft().body)
        return None

    async def _session(self, socket: ServerConnection) -> None:
        headers = self.requests[-1].headers
        sent = (
            headers.get("api-key")
            if self._header == "api-key"
            else headers.get("Authorization", "").removeprefix("Bearer ")
        )
        refusal = self.refusals.popleft() if self.refusals else None
        if refusal is None and self._key is not None and sent != self._key:
            refusal = Refusal(message=f"Incorrect API key provided: {sent}.")
        session = Session(self, socket)
        if refusal is not None:
            error: Event = {"type": "invalid_request_error", "code": refusal.code, "message": refusal.message}
            await session.send({"type": "error", "error": {**error, "param": None, "event_id": None}})
            await socket.close(refusal.close, f"invalid_request_error.{refusal.code}")
            return
        self.sessions.append(session)
        await session.run()

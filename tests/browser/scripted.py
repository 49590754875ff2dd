"""The playground against a scripted server: the test is the server, event by event, and the page's user."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from tests.browser.chromium import Chromium
from tests.browser.playing import Playground
from tests.patience import PATIENCE_S

from vivavoce.core.capabilities import Capabilities
from vivavoce.runtime.voices import Voices
from vivavoce.serving import serving
from vivavoce.testing.fakes import ScriptedResponder
from vivavoce.transports import playground, voices
from vivavoce.transports.auth import Auth

Event = dict[str, Any]
CAN = Capabilities(
    models=("vivavoce",),
    voices=("alloy",),
    transcription_models=("whisper-1",),
    tools=True,
    mcp=("notes",),
    images=True,
)
SESSION: Event = {
    "type": "realtime",
    "id": "sess_1",
    "tools": [],
    "audio": {
        "input": {"turn_detection": None, "noise_reduction": None, "transcription": None},
        "output": {"voice": "alloy", "speed": 1.0},
    },
}


@dataclass
class Offered:
    """What the page is told of the server."""

    can: Capabilities
    version: str = "1.2.3"
    currency: str | None = None
    auth: Auth = field(default_factory=Auth)
    voices: Voices = field(default_factory=lambda: Voices(ScriptedResponder(voices=("alloy",)), None, "alloy"))


class Wire:
    """The server's end of the page's WebSocket. What is not expected in its turn fails the test."""

    def __init__(self) -> None:
        self.session: Event = copy.deepcopy(SESSION)
        self._sockets: asyncio.Queue[WebSocket] = asyncio.Queue()
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._socket: WebSocket | None = None
        self._items = 0
        self._answers = 0

    async def serve(self, socket: WebSocket) -> None:
        """One connection, until the page leaves."""
        await socket.accept(subprotocol="realtime")
        self._sockets.put_nowait(socket)
        try:
            while True:
                event = json.loads(await socket.receive_text())
                if event["type"] != "input_audio_buffer.append":
                    self._events.put_nowait(event)
        except WebSocketDisconnect:
            pass

    async def joined(self) -> None:
        """The page connects."""
        self._socket = await asyncio.wait_for(self._sockets.get(), PATIENCE_S)
        await self.say("session.created", session=self.session)

    async def opened(self) -> Event:
        """The page connects and asks for its settings, which it gets. Gives what it asked for."""
        await self.joined()
        return await self.updated()

    async def updated(self) -> Event:
        """The page changes the session. Gives what it asked for; credentials are not shown again."""
        asked: Event = (await self.expect("session.update"))["session"]
        tools = [{key: each[key] for key in each if key != "authorization"} for each in asked.get("tools", [])]
        self.session = {**self.session, "tools": tools}
        await self.say("session.updated", session=self.session)
        return asked

    async def expect(self, kind: str) -> Event:
        """The page's next event, which is of this type."""
        event = await asyncio.wait_for(self._events.get(), PATIENCE_S)
        assert event["type"] == kind, event
        return event

    async def say(self, kind: str, **fields: object) -> None:
        """Send an event."""
        assert self._socket is not None
        await self._socket.send_text(json.dumps({"type": kind, "event_id": "event_1", **fields}))

    async def created(self) -> Event:
        """The page creates an item, which it is shown, without its pictures. Gives the item."""
        item: Event = {"id": self.new_id(), **(await self.expect("conversation.item.create"))["item"]}
        shown = {**item, "status": "completed"}
        if "content" in item:
            parts = ({key: part[key] for key in part if key != "image_url"} for part in item["content"])
            shown["content"] = list(parts)
        await self.say("conversation.item.added", item=shown, previous_item_id=None)
        await self.say("conversation.item.done", item=shown, previous_item_id=None)
        return item

    async def asked(self) -> None:
        """The page wants an answer, which begins."""
        await self.expect("response.create")
        await self.begin()

    async def begin(self) -> None:
        """An answer begins."""
        self._answers += 1
        shown = {"id": self.answer, "status": "in_progress", "output": [], "conversation_id": "conv_1"}
        await self.say("response.created", response=shown)

    @property
    def answer(self) -> str:
        """The id of the latest answer."""
        return f"resp_{self._answers}"

    async def end(self, *output: Mapping[str, object], status: str = "completed") -> None:
        """The answer ends."""
        shown = {"id": self.answer, "status": status, "output": output, "conversation_id": "conv_1"}
        await self.say("response.done", response={**shown, "status_details": None})

    def new_id(self) -> str:
        """For an item."""
        self._items += 1
        return f"item_{self._items}"

    async def open_item(self, item: Event) -> None:
        """The first two events about an item of an answer."""
        await self.say("response.output_item.added", response_id=self.answer, output_index=0, item=item)
        await self.say("conversation.item.added", item=item, previous_item_id=None)

    async def close_item(self, item: Event) -> None:
        """The last two events about an item of an answer."""
        await self.say("conversation.item.done", item=item, previous_item_id=None)
        await self.say("response.output_item.done", response_id=self.answer, output_index=0, item=item)

    async def call(self, name: str, arguments: object, call_id: str = "call_1", status: str = "completed") -> Event:
        """A function is called, within an answer (PROTOCOL.md 4.7). Gives the item."""
        item = {"id": self.new_id(), "type": "function_call", "call_id": call_id, "name": name}
        await self.open_item({**item, "status": "in_progress", "arguments": ""})
        at = {"response_id": self.answer, "item_id": item["id"], "output_index": 0, "call_id": call_id}
        text = json.dumps(arguments)
        await self.say("response.function_call_arguments.delta", **at, delta=text)
        await self.say("response.function_call_arguments.done", **at, name=name, arguments=text)
        done = {**item, "status": status, "arguments": text}
        await self.close_item(done)
        return done

    def assert_nothing_more(self) -> None:
        """The page has sent nothing that was not expected."""
        assert self._events.empty(), self._events.get_nowait()


@asynccontextmanager
async def scripted(
    browser: Chromium, can: Capabilities = CAN, width: int = 1280
) -> AsyncIterator[tuple[Playground, Wire]]:
    """The page, and the server's end of the WebSocket that it will open."""
    wire = Wire()
    offered = Offered(can)
    socket = WebSocketRoute("/v1/realtime", wire.serve)
    app = Starlette(routes=[*playground.routes(offered), *voices.routes(offered), socket])
    async with serving(app) as port, browser.page(f"http://127.0.0.1:{port}/", width) as page:
        await page.until("!document.querySelector('#call').disabled")
        await page.choose("[name=connection]", "websocket")
        await page.evaluate("document.querySelector('#tools').open = true")
        yield Playground(page), wire
        wire.assert_nothing_more()
        assert page.complaints == [], page.complaints

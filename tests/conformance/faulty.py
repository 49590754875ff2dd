"""A server of ours with a fault planted between it and its clients: events are changed, lost, doubled or made up."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from tests.conformance.own import own_server
from tests.live import Live

Event = dict[str, Any]
Frame = Event | str | bytes
Fault = Callable[[Event], list[Frame]]
"""What goes out in place of an event."""


class Faulty:
    """An ASGI application around another; each connection gets a fault of its own from `plant`."""

    def __init__(self, app: ASGIApp, plant: Callable[[], Fault]) -> None:
        self._app = app
        self._plant = plant

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self._plant()

        async def passing_on(message: Message) -> None:
            match message:
                case {"type": "websocket.send", "text": str(text)}:
                    for frame in fault(json.loads(text)):
                        await send(_sent(frame))
                case {"type": "http.response.body", "body": body} if body and scope["path"].startswith("/v1"):
                    (changed,) = fault(json.loads(body))
                    await send({**message, "body": json.dumps(changed).encode()})
                case {"type": "http.response.start"}:
                    headers = [each for each in message["headers"] if each[0] != b"content-length"]
                    await send({**message, "headers": headers})
                case {"type": "websocket.close" | "websocket.accept"}:
                    (changed,) = fault(dict(message))
                    assert isinstance(changed, dict)
                    await send(changed)
                case _:
                    await send(message)

        await self._app(scope, receive, passing_on)


def _sent(frame: Frame) -> Message:
    if isinstance(frame, bytes):
        return {"type": "websocket.send", "bytes": frame}
    return {"type": "websocket.send", "text": frame if isinstance(frame, str) else json.dumps(frame)}


class Standing:
    """A server that stands while one fault after another is planted: starting one takes longer than most checks."""

    def __init__(self) -> None:
        self.live: Live | None = None
        self.plant: Callable[[], Fault] = lambda: lambda event: [event]
        self._up, self._over = threading.Event(), threading.Event()

    async def serve(self) -> None:
        """Until `stop`; in a thread of its own, since each check has an event loop of its own."""
        async with own_server(lambda app: Faulty(app, lambda: self.plant())) as self.live:
            self._up.set()
            await asyncio.to_thread(self._over.wait)

    def ready(self) -> Live:
        """Wait for it."""
        assert self._up.wait(10)
        assert self.live is not None
        return self.live

    def stop(self) -> None:
        """End it."""
        self._over.set()


@contextmanager
def standing() -> Generator[Standing]:
    """A server in a thread."""
    server = Standing()
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    try:
        server.ready()
        yield server
    finally:
        server.stop()
        thread.join()

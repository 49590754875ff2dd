"""An application that is told of telephone calls and decides about them, with the stock `openai` SDK."""

from __future__ import annotations

import asyncio
import http.server
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.webhooks import RealtimeCallIncomingWebhookEvent
from tests.live import Live, live
from tests.patience import PATIENCE_S, WHOLE_S
from tests.transports.calling import emptied
from tests.transports.sip.handset import HOST
from websockets.exceptions import ConnectionClosed

from vivavoce.config import Config
from vivavoce.config.phone import Outbound, Rule, Webhook
from vivavoce.config.sip import Sip
from vivavoce.config.sip_media import SipMedia
from vivavoce.config.tree import Server

SECRET = "whsec_c2VjcmV0IG9mIHRoZSBob29r"
KEY = "sk-right"


class Application:
    """What somebody would write: a webhook endpoint that verifies what it gets, and a client."""

    def __init__(self, client: AsyncOpenAI, url: str, told: asyncio.Queue[tuple[bytes, dict[str, str]]]) -> None:
        self.client = client
        self.url = url
        self._told = told

    async def incoming(self) -> RealtimeCallIncomingWebhookEvent:
        """The next call that rings."""
        body, headers = await asyncio.wait_for(self._told.get(), PATIENCE_S)
        event = self.client.webhooks.unwrap(body, headers)
        assert isinstance(event, RealtimeCallIncomingWebhookEvent)
        return event


@contextmanager
def endpoint(tell: Callable[[bytes, dict[str, str]], None]) -> Iterator[str]:
    """The address of a web server that takes webhooks."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            tell(self.rfile.read(int(self.headers["content-length"])), dict(self.headers))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer((HOST, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://{HOST}:{server.server_port}/hook"
        finally:
            server.shutdown()
            thread.join()


@asynccontextmanager
async def office(*rules: Rule, outbound: Outbound | None = None) -> AsyncIterator[tuple[Live, Application]]:
    """A server with a telephone, and an application that is told of its calls."""
    told: asyncio.Queue[tuple[bytes, dict[str, str]]] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def tell(body: bytes, headers: dict[str, str]) -> None:
        loop.call_soon_threadsafe(told.put_nowait, (body, headers))

    with endpoint(tell) as url:
        sip_settings = Sip(
            listen=(f"udp:{HOST}:0",),
            webhooks=(Webhook(url=url, secret=SECRET, timeout_s=PATIENCE_S),),
            rules=rules,
            outbound=outbound or Outbound(),
            answer_within_s=WHOLE_S,
            media=SipMedia(timeout_s=WHOLE_S),
        )
        async with live(Config(server=Server(keys=(KEY,)), sip=sip_settings)) as server:
            client = AsyncOpenAI(base_url=server.http, api_key=KEY, webhook_secret=SECRET, max_retries=0)
            async with client:
                yield server, Application(client, url, told)
            await emptied(server)


def port(server: Live) -> int:
    """Where its telephone rings."""
    assert server.server.telephone is not None
    return server.server.telephone.endpoint.places[0][2]


async def closed(connection: AsyncRealtimeConnection) -> str:
    """The reason of the close that follows."""
    try:
        while True:
            await asyncio.wait_for(connection.recv_bytes(), PATIENCE_S)
    except ConnectionClosed as over:
        return over.rcvd.reason if over.rcvd else "gone"

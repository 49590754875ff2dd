"""The HTTP of one conversation with an MCP server: how much may come, and what went wrong."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable

import httpx2
from mcp_types import PARSE_ERROR

from vivavoce.ports import ToolError

_UNREACHED = httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout | httpx2.UnsupportedProtocol
MAX_ERROR_BYTES = 64 << 10
"""What is read of an answer that says no."""


class Exchange(httpx2.AsyncBaseTransport):
    """Passes requests on, and keeps account of the answers, since the SDK does neither: it reads a body of any size,
    and forgets the status of an answer that says no.

    `fault` is why the conversation fails, if it does. A status may yet be followed by a better answer: the SDK asks
    in the protocol's newest way first, and then in the older one.
    """

    def __init__(self, who: str, inner: httpx2.AsyncBaseTransport, limit: int, give_up: Callable[[], object]) -> None:
        """`who` begins the sentences of `fault`. `limit` is in bytes, for all answers together. `give_up` is called
        when nothing can come of the conversation any more."""
        self._who = who
        self._inner = inner
        self._limit = limit
        self._give_up = give_up
        self.listens = False
        """The answers come on a stream of its own (SSE)."""
        self.received = 0
        """Bytes of all answers."""
        self.fault: ToolError | None = None
        self._over = False
        """It has failed for good: what still comes belongs to the goodbye."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Raises `httpx2.TransportError`."""
        if request.method == "GET" and not self.listens and "Last-Event-ID" not in request.headers:
            # Nobody hears what a server says unasked, so a connection for that would be opened in vain.
            return httpx2.Response(405, request=request)
        request.headers["Accept-Encoding"] = "identity"  # what is counted is what is kept
        try:
            response = await self._inner.handle_async_request(request)
        except httpx2.TransportError as error:
            unreached = isinstance(error, _UNREACHED)
            why = f"cannot be reached: {str(error) or type(error).__name__}" if unreached else _broke_off(error)
            self._fail(ToolError("http", f"{self._who} {why}."))
            raise
        if response.headers.get("Content-Encoding", "identity") != "identity":
            await response.aclose()
            self._fail(ToolError("protocol", f"{self._who} compressed an answer unasked.", PARSE_ERROR))
            raise httpx2.DecodingError("compressed")
        if response.status_code >= 300:
            return await self._refused(request, response)
        if request.method == "POST" and not self._over:
            self.fault = None
        body = _Counted(self, response.stream)
        return httpx2.Response(
            response.status_code, headers=response.headers, stream=body, extensions=response.extensions
        )

    async def _refused(self, request: httpx2.Request, response: httpx2.Response) -> httpx2.Response:
        body = bytearray()
        try:
            async for data in _Counted(self, response.stream):
                body += data
                if len(body) > MAX_ERROR_BYTES:
                    break
        finally:
            await response.aclose()
        if not self._over and not _is_rpc_error(bytes(body)):
            phrase = f"{response.status_code} {response.reason_phrase}".strip()
            self.fault = ToolError("http", f"{self._who} answered {phrase}.", response.status_code)
        # The body as it was on the wire: its length is another one if it was cut.
        headers = [(name, value) for name, value in response.headers.multi_items() if name != "content-length"]
        return httpx2.Response(response.status_code, headers=headers, content=bytes(body), request=request)

    def count(self, data: bytes) -> None:
        """Raises `httpx2.ReadError` beyond the limit."""
        self.received += len(data)
        if self.received > self._limit:
            self._fail(ToolError("execution", f"{self._who} sent more than {self._limit} bytes."))
            raise httpx2.ReadError("too long")

    def lost(self, error: httpx2.TransportError) -> None:
        """A body has ended before its end. The SDK may know how to get the rest."""
        if self.fault is None:
            self.fault = ToolError("http", f"{self._who} {_broke_off(error)}.")

    def _fail(self, fault: ToolError) -> None:
        if not self._over:
            self._over = True
            self.fault = fault
            self._give_up()


def _broke_off(error: httpx2.TransportError) -> str:
    return f"broke off ({type(error).__name__})"


class _Counted(httpx2.AsyncByteStream):
    def __init__(self, exchange: Exchange, stream: object) -> None:
        assert isinstance(stream, httpx2.AsyncByteStream)
        self._exchange = exchange
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for data in self._stream:
                self._exchange.count(data)
                yield data
        except httpx2.TransportError as error:
            self._exchange.lost(error)
            raise

    async def aclose(self) -> None:
        await self._stream.aclose()


def _is_rpc_error(body: bytes) -> bool:
    """A refusal in the protocol's own terms says more than the status it came with."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return False
    error = answer.get("error") if isinstance(answer, dict) else None
    return isinstance(error, dict) and isinstance(error.get("code"), int)

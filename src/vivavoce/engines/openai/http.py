"""One remote server in one role: a connection pool, timeouts, retries, and clear errors.

What can be tried again is tried again before the first byte of an answer only; after it, somebody has heard it.
Messages name the role, the model and the host, and never the key.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass

import httpx

from vivavoce.engines.openai.payload import Complaint, Json, find, parse, read_complaint, retry_after
from vivavoce.ports import EngineError

MAX_ERROR_BYTES = 64 << 10
"""What is read of an answer that says no."""
DRAIN_S = 0.1
"""Longest wait for the end of a body of which all that matters is here."""
CHECK_S = 3.0
"""Longest time for the check at the start."""
NOT_YET = (502, 503, 504)
"""What a server answers that still loads its model, or a proxy before it."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Net:
    """How patient to be with a server. Times are in seconds."""

    connect: float = 5.0
    """To open a connection, or to get one from the pool."""
    first_byte: float = 20.0
    """From a request to the first byte of its answer's body, connecting included."""
    between_bytes: float = 10.0
    """Longest silence after the first byte."""
    retries: int = 2
    """Tries after the first one, on connection errors, 429 and 5xx."""
    backoff: float = 0.25
    """Pause before the second try; it doubles each time, and varies by half."""
    longest_retry_after: float = 3.0
    """A server that asks (`Retry-After`) for a longer pause than this is given up at once: a caller waits."""
    connections: int = 100
    """Bound of the pool; further calls wait for a free connection."""
    proxy: str | None = None
    """URL of an HTTP proxy."""


@dataclass(frozen=True, slots=True)
class Body:
    """What is posted: JSON, or a form with files (name -> file name, content, type)."""

    json: Mapping[str, Json] | None = None
    form: Mapping[str, str] | None = None
    files: Mapping[str, tuple[str, bytes, str]] | None = None


class Refused(EngineError):
    """The server said no: `complaint` is its own account of why, `status` that of HTTP; 0 within an answer."""

    def __init__(self, code: str, message: str, complaint: Complaint, status: int = 0) -> None:
        super().__init__(code, message)
        self.complaint = complaint
        self.status = status


class _TryAgain(Exception):
    """A try that failed with `error` and may be repeated, after `pause` seconds if the server asked for that."""

    def __init__(self, error: EngineError, pause: float = 0.0) -> None:
        super().__init__(error.message)
        self.error = error
        self.pause = pause


class Remote:
    """A server in a role ("speech recogniser"), with one pool of connections for all sessions."""

    def __init__(self, role: str, base_url: str, model: str, api_key: str | None, net: Net) -> None:
        """Raises `ValueError` for an address or a key that cannot be used. Nothing is sent yet."""
        url = httpx.URL(base_url)
        if url.scheme not in ("http", "https") or not url.host:
            raise ValueError(f"the {role} needs an http or https address, not {base_url!r}")
        if api_key is not None and not (api_key.isascii() and api_key.isprintable() and api_key.strip() == api_key):
            raise ValueError(f"the key of the {role} holds blanks or characters that no header can carry")
        self.model = model
        self.running = 0
        host = url.host if url.port is None else f"{url.host}:{url.port}"
        self._who = f"The {role} ({model} at {host})"
        self._key = api_key
        self._net = net
        self._closed = False
        headers = {"Accept-Encoding": "identity"}  # a compressed stream would be held back until a block is full
        if api_key is not None:
            headers["Authorization"] = f"Bearer {api_key}"
        self._client = httpx.AsyncClient(
            base_url=url,
            headers=headers,
            # Reading has two limits, which httpx does not tell apart: `_try` and `next_of` keep them.
            timeout=httpx.Timeout(connect=net.connect, read=None, write=net.first_byte, pool=net.connect),
            limits=httpx.Limits(max_connections=net.connections),
            proxy=net.proxy,
            trust_env=False,  # proxies come from the configuration, as everything does
        )

    async def check(self) -> None:
        """Log a warning if the server cannot be reached. Never raises: it may come up later."""
        if why := await self.unreachable():
            _log.warning("%s Calls will try again.", why)

    async def unreachable(self) -> str | None:
        """Why the server cannot be reached now; None: it answers. A key that it refuses and a model that it lacks are
        warnings in the log."""
        try:
            async with asyncio.timeout(CHECK_S):
                response = await self._client.get("/models")
        except (httpx.HTTPError, TimeoutError) as error:
            return f"{self._who} cannot be reached yet ({type(error).__name__})."
        if response.status_code in NOT_YET:
            return f"{self._who} is not ready yet (status {response.status_code})."
        if response.status_code in (401, 403):
            _log.warning("%s refuses the key (status %d).", self._who, response.status_code)
        elif response.is_success:
            with suppress(ValueError):
                self._check_model(parse(response.content))
        return None

    def _check_model(self, listing: Json) -> None:
        entries = find(listing, "data")
        names = {find(entry, "id") for entry in entries} if isinstance(entries, list) else set()
        if names and self.model not in names:
            _log.warning("%s does not list this model.", self._who)

    async def aclose(self) -> None:
        """Close every connection; calls in flight fail."""
        self._closed = True
        await self._client.aclose()

    def post(self, path: str, body: Body) -> AbstractAsyncContextManager[Reply]:
        """The server's answer, its first byte received. Leaving closes the stream at once. Raises `EngineError`."""
        return self.ask("POST", path, body)

    @asynccontextmanager
    async def ask(self, method: str, path: str, body: Body) -> AsyncGenerator[Reply, None]:
        """The same by any method."""
        self.running += 1
        try:
            reply = await self._tries(method, path, body)
            try:
                yield reply
            finally:
                await reply.aclose()
        finally:
            self.running -= 1

    def failure(self, code: str, what: str) -> EngineError:
        """An error of this server. `what` goes on after its name: "sent no audio"."""
        return EngineError(code, f"{self._who} {what}.")

    async def _tries(self, method: str, path: str, body: Body) -> Reply:
        left = self._net.retries
        backoff = self._net.backoff
        while True:
            try:
                return await self._try(method, path, body)
            except _TryAgain as problem:
                if not left or problem.pause > self._net.longest_retry_after:
                    raise problem.error from problem
                pause = max(problem.pause, backoff * random.uniform(0.5, 1.5))
            left -= 1
            backoff *= 2
            await asyncio.sleep(pause)

    async def _try(self, method: str, path: str, body: Body) -> Reply:
        if self._closed:
            raise self.failure("engine_unavailable", "is shut down")
        request = self._client.build_request(method, path, json=body.json, data=body.form, files=body.files)
        try:
            async with asyncio.timeout(self._net.first_byte):
                return await self._send(request)
        except TimeoutError:
            what = f"sent nothing for {self._net.first_byte:g} s"
            raise self.failure("engine_timeout", what) from None
        except httpx.PoolTimeout:
            raise self.failure("engine_unavailable", "has no free connection") from None
        except httpx.WriteTimeout:
            raise self.failure("engine_timeout", "takes no data") from None
        except (httpx.NetworkError, httpx.ConnectTimeout, httpx.RemoteProtocolError) as error:
            # A kept connection that the server has just closed fails like one that cannot be opened.
            what = f"cannot be reached ({type(error).__name__})"
            raise _TryAgain(self.failure("engine_unavailable", what)) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self.failure("engine_failed", f"cannot be talked to ({type(error).__name__})") from error

    async def _send(self, request: httpx.Request) -> Reply:
        response = await self._client.send(request, stream=True)
        try:
            if not response.is_success:
                raise await self._refusal(response)
            data = response.aiter_bytes()
            first = await anext(data, b"")
        except BaseException:
            await response.aclose()
            raise
        return Reply(self, response, first, data)

    async def _refusal(self, response: httpx.Response) -> Refused | _TryAgain:
        """The error for an answer that is no success."""
        status = response.status_code
        complaint = read_complaint(await _beginning(response), secret=self._key)
        what = f"answered {status}" + (f": {complaint.message}" if complaint.message else "")
        if (status == 429 and complaint.code != "insufficient_quota") or status >= 500:
            error = Refused("engine_unavailable", f"{self._who} {what}.", complaint, status)
            return _TryAgain(error, retry_after(response.headers.get("Retry-After", "")))
        code = "engine_rejected" if 400 <= status < 500 else "engine_failed"
        return Refused(code, f"{self._who} {what}.", complaint, status)

    async def next_of(self, data: AsyncIterator[bytes]) -> bytes | None:
        """The next bytes of an answer, or None at its end."""
        try:
            async with asyncio.timeout(self._net.between_bytes):
                return await anext(data, None)
        except TimeoutError:
            what = f"fell silent for {self._net.between_bytes:g} s in the middle of its answer"
            raise self.failure("engine_timeout", what) from None
        except (httpx.HTTPError, httpx.StreamError) as error:
            if self._closed:
                raise self.failure("engine_unavailable", "is shut down") from error
            raise self.failure("engine_failed", f"broke off its answer ({type(error).__name__})") from error


class Reply:
    """An answer of which the first byte is here. `first` is empty when there is none."""

    def __init__(self, remote: Remote, response: httpx.Response, first: bytes, rest: AsyncIterator[bytes]) -> None:
        self._remote = remote
        self._response = response
        self._rest = rest
        self.first = first
        self.content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body as it comes, never an empty piece. Raises `EngineError`."""
        if self.first:
            yield self.first
        while (data := await self._remote.next_of(self._rest)) is not None:
            if data:
                yield data

    async def read(self, limit: int) -> bytes:
        """The whole body. Raises `EngineError`, also when it is longer than `limit` bytes."""
        body = bytearray()
        async with aclosing(self.chunks()) as chunks:
            async for data in chunks:
                body += data
                if len(body) > limit:
                    raise self._remote.failure("engine_failed", "sent far more than an answer")
        return bytes(body)

    async def drain(self) -> None:
        """Read the end of the body, if it is near: only then does the connection serve the next call."""
        with suppress(EngineError, TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                while await self._remote.next_of(self._rest) is not None:
                    pass

    async def aclose(self) -> None:
        """Close the stream; the server sees it at once."""
        await self._response.aclose()


async def _beginning(response: httpx.Response) -> bytes:
    """As much of a body as an account of an error needs, or what came of it."""
    body = bytearray()
    with suppress(httpx.HTTPError):
        async for data in response.aiter_bytes():
            body += data
            if len(body) > MAX_ERROR_BYTES:
                break
    await response.aclose()
    return bytes(body)

"""Tells applications of a call that rings: `realtime.call.incoming` (PROTOCOL.md 1.11, 6; standard-webhooks)."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import httpx
import msgspec

_log = logging.getLogger(__name__)
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 15.0
"""Before the second try; it doubles each time, and varies by half."""
MOST_CONNECTIONS = 50
"""To one endpoint."""
_PREFIX = "whsec_"
AGENT = "vivavoce"


def key_of(secret: str) -> bytes:
    """What is signed with: the base64 behind `whsec_`, or the text itself. Raises `ValueError`."""
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("what follows whsec_ is not base64") from None


def signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`."""
    signed = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def incoming(
    event_id: str,
    call_id: str,
    headers: Iterable[tuple[str, str]],
    security: Literal["rtp", "srtp"] | None,
    created_at: int,
) -> bytes:
    """The body. `headers`: the INVITE's, in order and with repeats, but without authorization. `security`: of its
    media; None when the offer is still to be made."""
    data: dict[str, object] = {
        "call_id": call_id,
        "sip_headers": [{"name": name, "value": value} for name, value in headers],
    }
    if security is not None:
        data["sip_media_security"] = security
    event = {
        "object": "event",
        "id": event_id,
        "type": "realtime.call.incoming",
        "created_at": created_at,
        "data": data,
    }
    return msgspec.json.encode(event)


@dataclass(frozen=True, slots=True)
class Hook:
    """Whom to tell."""

    url: str
    key: bytes = field(repr=False)
    project: str | None = None
    """Of the calls that it hears about; None: those of no project."""
    timeout_s: float = 5.0
    """For the status of one try."""


class PostError(Exception):
    """There is no answer, and this is why."""


class Post(Protocol):
    """The way to one endpoint."""

    async def send(self, headers: Mapping[str, str], body: bytes) -> int:
        """The status of the answer. Raises `PostError`."""

    async def aclose(self) -> None:
        """No more is sent."""


class HttpPost:
    """Over HTTP, with connections of its own: an endpoint that is slow keeps only itself busy."""

    def __init__(self, hook: Hook) -> None:
        self._hook = hook
        limits = httpx.Limits(max_connections=MOST_CONNECTIONS, max_keepalive_connections=5)
        # Neither a proxy nor certificates of the environment's: what is configured is what happens.
        # How long is `send`'s to say: httpx counts from byte to byte, and a server may give one at a time.
        self._client = httpx.AsyncClient(limits=limits, timeout=None, trust_env=False)

    async def send(self, headers: Mapping[str, str], body: bytes) -> int:
        """POST; what the answer says beside its status is not read. Raises `PostError`."""
        try:
            async with asyncio.timeout(self._hook.timeout_s):
                request = self._client.build_request("POST", self._hook.url, headers=dict(headers), content=body)
                response = await self._client.send(request, stream=True)
                await response.aclose()
        except TimeoutError:
            raise PostError(f"no answer within {self._hook.timeout_s:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise PostError(str(error) or type(error).__name__) from None
        return response.status_code

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()


class Webhooks:
    """All that are configured."""

    def __init__(
        self,
        hooks: Sequence[Hook],
        post: Callable[[Hook], Post] = HttpPost,
        now: Callable[[], float] = time.time,
        lot: Callable[[], float] = random.random,
    ) -> None:
        """`now`: Unix seconds. `lot`: any number from 0 to 1."""
        self._posts = [(hook, post(hook)) for hook in hooks]
        self._now = now
        self._lot = lot

    def any_for(self, project: str | None) -> bool:
        """Whether there is somebody to tell."""
        return any(hook.project == project for hook, _ in self._posts)

    async def tell(self, project: str | None, message_id: str, body: bytes) -> None:
        """Until every endpoint has taken it. Cancel it when it is of no interest any more."""
        asked = [(hook, post) for hook, post in self._posts if hook.project == project]
        async with asyncio.TaskGroup() as group:
            for hook, post in asked:
                group.create_task(self._deliver(hook, post, message_id, body))

    async def aclose(self) -> None:
        """Close the connections."""
        for _, post in self._posts:
            await post.aclose()

    async def _deliver(self, hook: Hook, post: Post, message_id: str, body: bytes) -> None:
        pause = FIRST_PAUSE_S
        while (problem := await self._try(hook, post, message_id, body)) is not None:
            # The URL itself may hold a password or a token.
            _log.warning("webhook %s: %s; trying again", httpx.URL(hook.url).host, problem)
            await asyncio.sleep(pause * (0.5 + self._lot()))
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _try(self, hook: Hook, post: Post, message_id: str, body: bytes) -> str | None:
        """What went wrong. Each try is signed with its own time: an old signature is refused."""
        timestamp = int(self._now())
        headers = {
            "content-type": "application/json",
            "user-agent": AGENT,
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(hook.key, message_id, timestamp, body),
        }
        try:
            status = await post.send(headers, body)
        except PostError as error:
            return str(error)
        return None if 200 <= status < 300 else f"it answered {status}"

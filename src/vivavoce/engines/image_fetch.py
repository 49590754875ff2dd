"""Pictures from https addresses that callers name: through the guard, and never more of one than was asked for."""

from __future__ import annotations

from collections.abc import Iterable

import httpx2

from vivavoce.engines.addresses import Forbidden, Guard, GuardedTransport
from vivavoce.ports import EngineError

REDIRECTS = 3
"""That are followed, each of them through the guard."""


class GuardedFetcher:
    """The `ImageFetcher` for public addresses, and for those that are `allowed` (see `Guard`).

    `silence_s`: how long a server may say nothing. Whoever calls bounds the whole.
    """

    def __init__(self, allowed: Iterable[str] = (), silence_s: float = 10.0) -> None:
        self._client = httpx2.AsyncClient(
            transport=GuardedTransport(Guard(allowed)), timeout=silence_s, trust_env=False, follow_redirects=False
        )
        self._running = 0

    @property
    def name(self) -> str:
        return "https"

    @property
    def running(self) -> int:
        return self._running

    async def start(self) -> None:
        """Nothing: a connection is opened when it is needed."""

    async def aclose(self) -> None:
        await self._client.aclose()

    async def fetch(self, url: str, most: int) -> bytes:
        """What is there, at most `most` bytes. Raises `EngineError` (`failed_to_download_image`).

        The messages tell nothing of what was answered: a caller must not read another server's pages with them.
        """
        self._running += 1
        try:
            return await self._followed(url, most)
        except Forbidden as error:
            raise _failed(f"{error}.") from error
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, UnicodeError) as error:
            raise _failed("The server could not be reached.") from error
        finally:
            self._running -= 1

    async def _followed(self, url: str, most: int) -> bytes:
        request = self._client.build_request("GET", url, headers={"Accept": "image/png, image/jpeg, image/webp"})
        for _ in range(REDIRECTS + 1):
            if request.url.scheme != "https":
                raise _failed("It is not at an https address.")
            response = await self._client.send(request, stream=True)
            try:
                if response.next_request is None:
                    return await _body(response, most)
                request = response.next_request
            finally:
                await response.aclose()
        raise _failed(f"It was redirected more than {REDIRECTS} times.")


async def _body(response: httpx2.Response, most: int) -> bytes:
    if response.status_code != 200:
        raise _failed(f"The server answered {response.status_code}.")
    data = bytearray()
    async for piece in response.aiter_bytes(64 * 1024):
        data += piece
        if len(data) > most:
            raise _failed(f"It is larger than {most // 2**20} MiB.")
    return bytes(data)


def _failed(why: str) -> EngineError:
    return EngineError("failed_to_download_image", f"The picture could not be fetched. {why}")

"""The pictures of one session: each is fetched and read once, as soon as it comes, and not when it is asked about."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TypeVar

from vivavoce.core.effects import Look, LookFailed
from vivavoce.core.images import MAX_IMAGE_BYTES, Picture, from_uri, is_fetched, picture
from vivavoce.ports import EngineError, Image, ImageFetcher, ImageReader, Prompt, spend, working_as
from vivavoce.protocol.errors import ProtocolError
from vivavoce.protocol.items import Detail, InputImage
from vivavoce.runtime.guard import Timeouts, guarded

MOST_KEPT = 64
"""Descriptions that are kept. One that is not is made again."""
MOST_FETCHED = 8
"""Pictures from elsewhere that are kept; of each at most `MAX_IMAGE_BYTES`."""
MOST_WAITING = 8
"""Looks ahead at the same time; a picture beyond is looked at when it is asked about."""

_T = TypeVar("_T")
_K = TypeVar("_K")
_Work = asyncio.Task[_T | EngineError]


@dataclass(frozen=True, slots=True, eq=False)
class _Elsewhere(Image):
    """A picture without its data: it is not here yet, or nobody looks at it."""

    url: str


@dataclass(frozen=True, slots=True)
class Sight:
    """What there is to see with. `sees`: the model looks at pictures itself, and nobody describes them to it."""

    reader: ImageReader | None = None
    fetcher: ImageFetcher | None = None
    sees: bool = False


class Images:
    """Tells `LookFailed` of a picture that nothing can be said of; the model is told so too."""

    def __init__(
        self, sight: Sight, timeouts: Timeouts, group: asyncio.TaskGroup, tell: Callable[[LookFailed], object]
    ) -> None:
        self._sight = sight
        self._timeouts = timeouts
        self._group = group
        self._tell = tell
        self._descriptions: dict[bytes, _Work[str]] = {}
        """By what they are of: a picture shown twice is read once."""
        self._fetched: dict[str, _Work[Picture]] = {}

    def perform(self, command: Look) -> None:
        """Look at a picture before it is asked about."""
        waiting = [work for work in (*self._descriptions.values(), *self._fetched.values()) if not work.done()]
        if len(waiting) < MOST_WAITING:
            self._group.create_task(self._look(command))

    def part(self, part: InputImage) -> Image:
        """The picture in a prompt."""
        url, detail = str(part.image_url), part.detail

        async def description() -> str:
            return _told(await self._description(url, detail))

        if is_fetched(url) or not self._sight.sees:
            return _Elsewhere(b"", "image/png", detail, description, 0, 0, url)
        found = from_uri(url, "image_url")
        return Image(found.data, found.media_type, detail, description, found.width, found.height)

    async def arrived(self, prompt: Prompt) -> Prompt:
        """The prompt with all pictures, for a model that sees; words where one could not be fetched."""
        if not self._sight.sees:
            return prompt
        messages = []
        for message in prompt.messages:
            content = [await self._whole(part) if isinstance(part, _Elsewhere) else part for part in message.content]
            messages.append(replace(message, content=tuple(content)))
        return replace(prompt, messages=tuple(messages))

    async def _whole(self, image: _Elsewhere) -> Image | str:
        found = await asyncio.shield(self._fetching(image.url))
        if isinstance(found, EngineError):
            return _told(found)
        return Image(found.data, found.media_type, image.detail, image.description, found.width, found.height)

    async def _look(self, command: Look) -> None:
        if not self._sight.sees:
            found: str | Picture | EngineError = await self._description(command.image_url, command.detail)
        elif is_fetched(command.image_url):
            found = await asyncio.shield(self._fetching(command.image_url))
        else:
            return
        if isinstance(found, EngineError):
            index = command.content_index
            self._tell(LookFailed(item_id=command.item_id, content_index=index, code=found.code, message=found.message))

    def _description(self, url: str, detail: Detail) -> Awaitable[str | EngineError]:
        key = sha256(f"{detail} {url}".encode()).digest()
        work = self._descriptions.get(key)
        if work is None:
            work = self._descriptions[key] = self._group.create_task(_caught(self._describe(url, detail)))
            _forget_old(self._descriptions, MOST_KEPT)
        return asyncio.shield(work)

    async def _describe(self, url: str, detail: Detail) -> str:
        if is_fetched(url):
            found = await asyncio.shield(self._fetching(url))
            if isinstance(found, EngineError):
                raise found
        else:
            found = from_uri(url, "image_url")
        assert self._sight.reader is not None  # the core takes no pictures where nobody can look at them
        working_as("images")
        spend(requests=1)
        reading = self._sight.reader.describe(found.data, detail)
        return await guarded(reading, self._timeouts.image_s, "image reader")

    def _fetching(self, url: str) -> _Work[Picture]:
        work = self._fetched.get(url)
        if work is None:
            work = self._fetched[url] = self._group.create_task(_caught(self._fetch(url)))
            _forget_old(self._fetched, MOST_FETCHED)
        return work

    async def _fetch(self, url: str) -> Picture:
        assert self._sight.fetcher is not None  # nor addresses where nothing is fetched
        fetching = self._sight.fetcher.fetch(url, MAX_IMAGE_BYTES)
        data = await guarded(fetching, self._timeouts.image_s, "image download")
        try:
            return picture(data, "image_url")
        except ProtocolError as error:
            raise EngineError(str(error.code), error.message) from None


async def _caught(work: Awaitable[_T]) -> _T | EngineError:
    """The result, or the fault: who waits for it tells of it, and nobody may be waiting."""
    try:
        return await work
    except EngineError as error:
        return error


def _forget_old(works: dict[_K, _Work[_T]], most: int) -> None:
    for key in [key for key, work in works.items() if work.done()][: max(0, len(works) - most)]:
        del works[key]


def _told(found: str | EngineError) -> str:
    if isinstance(found, EngineError):
        return f"[A picture that could not be looked at. {found.message} If asked about it, say so.]"
    return found

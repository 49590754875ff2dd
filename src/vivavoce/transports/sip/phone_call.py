"""One telephone call, from its INVITE until nothing of it is left."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Literal

from vivavoce.transports.sip.actions import Headers, NoSuchCall
from vivavoce.transports.sip.needs import Media, Switch

_log = logging.getLogger(__name__)
State = Literal["ringing", "decided", "dialling", "answered", "over"]


class Nobody:
    """The connection of a call's own session, at which no client sits: what is sent to it is dropped.

    `first`: what a client would say first. Clients join by the call's id.
    """

    def __init__(self, *first: str) -> None:
        self._frames = list(first)
        self._lost = asyncio.Event()

    async def receive(self) -> str | None:
        """What is to be said, and then nothing until the call is over."""
        if self._frames:
            return self._frames.pop(0)
        await self._lost.wait()
        return None

    async def send(self, frame: str) -> None:
        """Nobody hears it."""

    async def close(self, code: int, reason: str) -> None:
        """There is nothing to close."""

    def lost(self) -> None:
        """The call is over."""
        self._lost.set()


class PhoneCall:
    """What is known of one call.

    `offer`: the caller's SDP; None: it wants an offer, or was called by this server. `peer`: where it signals from.
    """

    def __init__(
        self,
        call_id: str,
        dialog: str,
        switch: Switch,
        project: str | None,
        *,
        headers: Headers = (),
        offer: str | None = None,
        peer: str = "",
        state: State = "ringing",
    ) -> None:
        self.id = call_id
        self.dialog = dialog
        self.project = project
        self.headers = headers
        self.offer = offer
        self.peer = peer
        self.state = state
        self.settled = asyncio.Event()
        """Nobody needs to decide any more."""
        self.ended = asyncio.Event()
        self.why = "The call has ended."
        self.client = Nobody()
        self.transferring = False
        self.media: Media | None = None
        """Once it has some."""
        self._switch = switch

    def decide(self) -> bool:
        """Whether this is the first decision, and in time."""
        if self.state != "ringing":
            return False
        self.state = "decided"
        self.settled.set()
        return True

    def reject(self, status: int, reason: str = "", headers: Headers = ()) -> None:
        """There will be no call."""
        with suppress(NoSuchCall):  # the caller has just given up
            self._switch.reject(self.dialog, status, reason, headers)
        self.over(f"{status} {reason}".strip())

    def over(self, why: str) -> None:
        """The peer has ended it: nothing needs to be said to it any more."""
        if self.state != "over":
            self.state = "over"
            self.why = why
        self.settled.set()
        self.ended.set()

    def leave(self, why: str) -> None:
        """End it from this side, whatever becomes of the message to the peer."""
        if self.state == "over":
            return
        try:
            self._take_leave()
        except NoSuchCall:
            pass  # the peer was faster
        except Exception:
            _log.exception("call %s: its peer was not told that it is over", self.id)
        self.over(why)

    async def talk(self, session: Coroutine[None, None, None], media: Media, close: Callable[[str], None]) -> None:
        """Until either side has ended it; whatever belongs to it has ended with it.

        `session` is what talks, `close` closes it with a reason.
        """
        talking = asyncio.create_task(_told_no_more(session, media))
        watching = [asyncio.create_task(each.wait()) for each in (self.ended, media.gone)]
        try:
            await asyncio.wait({talking, *watching}, return_when=asyncio.FIRST_COMPLETED)
            if media.gone.is_set() and not self.ended.is_set():
                _log.info("call %s: nothing comes from the caller any more", self.id)
                self.leave("Nothing came from the caller any more.")
        finally:
            for task in watching:
                task.cancel()
            self.leave("The session has ended.")
            close(self.why)
            self.client.lost()
            await asyncio.wait({talking})
            await media.aclose()
        talking.result()

    def _take_leave(self) -> None:
        match self.state:
            case "answered":
                self._switch.bye(self.dialog)
            case "dialling":
                self._switch.cancel(self.dialog)
            case _:
                self._switch.reject(self.dialog, 480)


async def _told_no_more(session: Coroutine[None, None, None], media: Media) -> None:
    try:
        await session
    finally:
        media.line.stop()  # in the same step: nothing may be told to a session that has ended

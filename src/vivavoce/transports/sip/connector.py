"""Puts a call through: media for it, and a session that talks."""

from __future__ import annotations

import asyncio

from vivavoce.protocol.errors import ProtocolError
from vivavoce.protocol.session import SessionObject
from vivavoce.runtime.ids import RandomIds
from vivavoce.runtime.line import Call
from vivavoce.transports.auth import Allowed
from vivavoce.transports.sip.actions import Headers, NoSuchCall
from vivavoce.transports.sip.needs import Host, Media, Studio, Switch
from vivavoce.transports.sip.phone_call import PhoneCall
from vivavoce.transports.sip.roster import CallError, Roster, decided, no_way, unknown
from vivavoce.transports.sip.sdp import SdpError

_REASON_BYTES = 120
"""Of the 123 that a close of a WebSocket has room for (RFC 6455, 5.5)."""


class Connector:
    """What makes calls of dialogs."""

    def __init__(self, host: Host, switch: Switch, studio: Studio, roster: Roster) -> None:
        self._host = host
        self._switch = switch
        self._studio = studio
        self._roster = roster
        self._door = asyncio.Lock()

    async def answer(self, call: PhoneCall, session: SessionObject | None) -> None:
        """Answer a call that rings. From here on its session can be joined. Raises `CallError` and `ProtocolError`."""
        self._host.check_room(call.project)
        if not call.decide():
            raise decided(call)
        try:
            if call.offer is None:
                media, sdp = await self._studio.offering(call.peer)
            else:
                media, sdp = await self._studio.answering(call.offer, call.peer)
        except SdpError as error:
            call.reject(error.status)
            self._roster.leave(call)
            raise CallError(400, "invalid_offer", f"No media can be agreed on with the caller. {error}") from None
        except OSError as error:
            call.reject(503)
            self._roster.leave(call)
            raise no_way(error) from None
        if call.state == "over":  # given up in the meantime
            await media.aclose()
            self._roster.leave(call)
            raise unknown(call.id)
        await self._begin(call, media, session)
        try:
            self._switch.answer(call.dialog, sdp)
        except NoSuchCall:
            call.over("The caller has hung up.")
            raise unknown(call.id) from None
        call.state = "answered"
        if call.offer is not None:
            media.start()

    async def dial(self, project: str | None, uri: str, session: SessionObject, headers: Headers) -> str:
        """Call somebody; gives the call's id. Raises `CallError` and `ProtocolError`."""
        self._host.check_room(project)
        try:
            flow = await self._switch.reach(uri)
            media, offer = await self._studio.offering(flow.remote[0])
        except OSError as error:
            raise no_way(error) from None
        except SdpError as error:
            raise CallError(503, "call_failed", f"The call cannot be made: {error}") from None
        try:
            dialog = self._switch.invite(uri, offer, flow, headers)
        except ProtocolError:
            await media.aclose()
            raise
        call = PhoneCall(RandomIds()("rtc"), dialog, self._switch, project, state="dialling")
        self._roster.enter(call)
        await self._begin(call, media, session)
        return call.id

    async def _begin(self, call: PhoneCall, media: Media, session: SessionObject | None) -> None:
        """From here on it can be joined. Raises `ProtocolError` when others have taken the last room."""
        call.media = media
        async with self._door:  # one after the other, so that each counts before the next is let in
            try:
                self._host.check_room(call.project)
            except ProtocolError:
                await media.aclose()
                call.leave("There was no room.")
                self._roster.leave(call)
                raise
            allowed = Allowed(call.project)
            run = self._host.run("realtime", None, allowed, call.client, Call(call.id, media.line, session))
            talking = self._roster.spawn(call.talk(run, media, lambda why: self._close(call, why)))
            talking.add_done_callback(lambda _: self._roster.leave(call))
            opened = asyncio.create_task(media.line.opened.wait())
            await asyncio.wait({opened, talking}, return_when=asyncio.FIRST_COMPLETED)
            opened.cancel()
        if call.state == "over":
            raise unknown(call.id)

    def _close(self, call: PhoneCall, why: str) -> None:
        if session := self._host.find(call.id, call.project):
            session.stop(1000, why.encode()[:_REASON_BYTES].decode(errors="ignore"))

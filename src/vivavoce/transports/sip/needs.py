"""What a telephone needs of the signalling, of the media, and of the server."""

from __future__ import annotations

import asyncio
from typing import Literal, Protocol

import msgspec

from vivavoce.protocol.session import AnySessionPatch, SessionObject
from vivavoce.protocol.translation import TranslationRequest, TranslationSession
from vivavoce.runtime.connection import Connection
from vivavoce.runtime.line import Call, Line
from vivavoce.runtime.runner import Runner
from vivavoce.runtime.tool_check import Refused
from vivavoce.transports.auth import Allowed, Auth
from vivavoce.transports.sip.actions import Flow, Headers

Security = Literal["rtp", "srtp"]


class Switch(Protocol):
    """The signalling: `endpoint.py`. Everything raises `NoSuchCall` when the dialog is not in the state for it."""

    def ring(self, dialog: str) -> None:
        """180."""

    def answer(self, dialog: str, sdp: str) -> None:
        """200, with the answer or with an offer."""

    def reject(self, dialog: str, status: int, reason: str = "", headers: Headers = ()) -> None:
        """300 to 699."""

    def bye(self, dialog: str) -> None:
        """The end of an answered call."""

    def refer(self, dialog: str, target: str) -> None:
        """The caller is asked to call somebody else; `Transfer` tells how it fares."""

    def answer_offer(self, dialog: str, sdp: str) -> None:
        """The answer to `Offered`, or the offer that it asked for."""

    def refuse_offer(self, dialog: str, status: int) -> None:
        """The media stays as it is."""

    async def reach(self, uri: str) -> Flow:
        """The way to somebody. Raises `OSError` when there is none, `ProtocolError` for what is no address."""

    def invite(self, uri: str, sdp: str, flow: Flow, headers: Headers = ()) -> str:
        """Call somebody; gives the dialog. `Answered` or `Refused` follows, and not before this has returned.

        Raises `ProtocolError` for what is no address after all.
        """

    def cancel(self, dialog: str) -> None:
        """Give a call up that nobody has answered yet."""


class PhoneLine(Line, Protocol):
    """What the session hears and says: `transports/rtp/line.py`."""

    @property
    def opened(self) -> asyncio.Event:
        """The session has begun."""

    def stop(self) -> None:
        """It is over: nothing more is told."""


class Media(Protocol):
    """The audio of one call: `media.py`."""

    @property
    def line(self) -> PhoneLine:
        """Its sound."""

    @property
    def gone(self) -> asyncio.Event:
        """Nothing has come from the caller for too long."""

    def start(self) -> None:
        """Audio flows, both ways."""

    def offer(self) -> str:
        """What holds, as an offer within the call; `accept` is to follow."""

    def accept(self, answer: str) -> None:
        """The peer's answer to what it was told last. Raises `SdpError`; then all is as it was."""

    def reoffered(self, sdp: str) -> str:
        """The answer to another offer within the call. Raises `SdpError`; then all is as it was."""

    async def aclose(self) -> None:
        """The ports are free again."""


class Studio(Protocol):
    """Where the media of calls is made."""

    def security(self, offer: str) -> Security:
        """What an offer asks for. Raises `SdpError` for one that cannot be answered."""

    async def answering(self, offer: str, signalled: str = "") -> tuple[Media, str]:
        """Media, and the answer. `signalled` is the address that the offer came from.

        Raises `SdpError`, and `OSError` when no port is free.
        """

    async def offering(self, towards: str = "") -> tuple[Media, str]:
        """Media, and an offer; its `accept` is to follow. `towards` is the address that signalling goes to.

        Raises `SdpError` and `OSError`.
        """


class Host(Protocol):
    """The server."""

    @property
    def auth(self) -> Auth:
        """Who may decide about calls."""

    @property
    def refused(self) -> Refused:
        """Why the language model cannot call a tool."""

    def check_room(self, project: str | None) -> None:
        """Raises `ProtocolError` when the server is not ready, or takes no more sessions of this project."""

    def bind(
        self, wanted: AnySessionPatch | msgspec.UnsetType | TranslationRequest
    ) -> SessionObject | TranslationSession:
        """The session that somebody asks for. Raises `ProtocolError`."""

    def find(self, call_id: str, project: str | None) -> Runner | None:
        """A live session, by the id of its call."""

    async def run(
        self,
        kind: Literal["realtime"],
        model: str | None,
        allowed: Allowed,
        connection: Connection,
        call: Call | None,
    ) -> None:
        """One session, to its end."""

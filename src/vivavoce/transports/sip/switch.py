"""The signalling as a telephone wants it: the agent decides, the endpoint sends."""

from __future__ import annotations

import asyncio

from vivavoce.protocol.errors import ProtocolError
from vivavoce.transports.sip.actions import Flow, Headers, Login
from vivavoce.transports.sip.endpoint import Endpoint
from vivavoce.transports.sip.fields import SipError, bracketed


class AgentSwitch:
    """`needs.Switch` of an endpoint. `caller`: who calls, as a URI; None: nobody in particular, at our address."""

    def __init__(self, endpoint: Endpoint, caller: str | None = None, login: Login | None = None) -> None:
        self._endpoint = endpoint
        self._agent = endpoint.agent
        self._caller = caller
        self._login = login

    def ring(self, dialog: str) -> None:
        """180."""
        self._endpoint.perform(self._agent.ring(dialog, self._endpoint.now()))

    def answer(self, dialog: str, sdp: str) -> None:
        """200."""
        self._endpoint.perform(self._agent.answer(dialog, sdp, self._endpoint.now()))

    def reject(self, dialog: str, status: int, reason: str = "", headers: Headers = ()) -> None:
        """300 to 699."""
        self._endpoint.perform(self._agent.reject(dialog, status, self._endpoint.now(), reason, headers))

    def bye(self, dialog: str) -> None:
        """BYE."""
        self._endpoint.perform(self._agent.bye(dialog, self._endpoint.now()))

    def refer(self, dialog: str, target: str) -> None:
        """REFER."""
        self._endpoint.perform(self._agent.refer(dialog, target, self._endpoint.now()))

    def answer_offer(self, dialog: str, sdp: str) -> None:
        """200 within the call."""
        self._endpoint.perform(self._agent.answer_offer(dialog, sdp, self._endpoint.now()))

    def refuse_offer(self, dialog: str, status: int) -> None:
        """The media stays as it is."""
        self._endpoint.perform(self._agent.refuse_offer(dialog, status, self._endpoint.now()))

    async def reach(self, uri: str) -> Flow:
        """Names are looked up. Raises `OSError` where there is no way, `ProtocolError` for what is no address."""
        try:
            return await self._endpoint.flow_to(uri)
        except SipError as error:
            raise _wrong(uri, error) from None

    def invite(self, uri: str, sdp: str, flow: Flow, headers: Headers = ()) -> str:
        """INVITE. Raises `ProtocolError` for what is no address after all."""
        caller = self._caller or f"sip:vivavoce@{bracketed(flow.local[0])}"
        now = self._endpoint.now()
        try:
            dialog, actions = self._agent.invite(
                uri, sdp, flow, now, from_uri=caller, headers=headers, login=self._login
            )
        except ValueError as error:
            raise _wrong(uri, error) from None
        # Only when it is known which call this dialog is can its news be told.
        asyncio.get_running_loop().call_soon(self._endpoint.perform, actions)
        return dialog

    def cancel(self, dialog: str) -> None:
        """CANCEL."""
        self._endpoint.perform(self._agent.cancel(dialog, self._endpoint.now()))


def _wrong(uri: str, error: Exception) -> ProtocolError:
    return ProtocolError("invalid_value", f"Invalid value: '{uri}'. {error}", param="uri")

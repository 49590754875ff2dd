"""What applications decide about telephone calls (PROTOCOL.md 1.5)."""

from __future__ import annotations

from collections.abc import Sequence

from vivavoce.protocol.session import SessionObject
from vivavoce.transports.sip.actions import Headers, NoSuchCall
from vivavoce.transports.sip.connector import Connector
from vivavoce.transports.sip.needs import Switch
from vivavoce.transports.sip.roster import CallError, Roster, decided, unknown
from vivavoce.transports.sip.rules import matches


class Decisions:
    """About the calls of one server, by those who have a key. `may_call`: patterns of URIs; none: no calls are made."""

    def __init__(self, roster: Roster, connector: Connector, switch: Switch, may_call: Sequence[str]) -> None:
        self._roster = roster
        self._connector = connector
        self._switch = switch
        self._may_call = may_call

    def check(self, call_id: str, project: str | None) -> None:
        """Whether there is still something to decide about this call. Raises `CallError`."""
        if (call := self._roster.find(call_id, project)).state != "ringing":
            raise decided(call)

    async def accept(self, call_id: str, project: str | None, session: SessionObject) -> None:
        """Answer a call that rings; the session can be joined from here on. Raises `CallError` and `ProtocolError`."""
        await self._connector.answer(self._roster.find(call_id, project), session)

    def reject(self, call_id: str, project: str | None, status: int) -> None:
        """Refuse a call that rings. Raises `CallError`."""
        call = self._roster.find(call_id, project)
        if not call.decide():
            raise decided(call)
        call.reject(status)
        self._roster.leave(call)

    def refer(self, call_id: str, project: str | None, target: str) -> None:
        """Ask the caller to call somebody else. If that works the call ends, otherwise it goes on.

        Raises `CallError`.
        """
        call = self._roster.find(call_id, project)
        if call.state != "answered":
            raise CallError(409, "call_not_answered", "Only a call that was answered can be transferred.")
        if call.transferring:
            raise CallError(409, "transfer_in_progress", "A transfer of this call is under way.")
        try:
            self._switch.refer(call.dialog, target)
        except NoSuchCall:
            raise unknown(call_id) from None
        call.transferring = True

    def hang_up(self, call_id: str, project: str | None) -> bool:
        """Whether there was such a call. One that rings is declined."""
        try:
            call = self._roster.find(call_id, project)
        except CallError:
            return False
        if call.state == "ringing":
            call.reject(603)
            self._roster.leave(call)
        else:
            call.leave("hangup")
        return True

    async def dial(self, project: str | None, uri: str, session: SessionObject, headers: Headers) -> str:
        """Call somebody; gives the call's id. The session begins at once, and what it says waits for the answer.

        Raises `CallError` and `ProtocolError`.
        """
        if not any(matches(pattern, uri) for pattern in self._may_call):
            message = "This server may not call that address (sip.outbound.allow)."
            raise CallError(403, "call_not_allowed", message, "uri")
        return await self._connector.dial(project, uri, session, headers)

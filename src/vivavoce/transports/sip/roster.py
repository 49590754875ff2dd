"""The calls that there are, and the tasks that belong to them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterator

from vivavoce.transports.sip.phone_call import PhoneCall

_log = logging.getLogger(__name__)
CLOSE_S = 1.0
"""Seconds that calls have to say goodbye when the server stops."""


class CallError(Exception):
    """What was asked for cannot be done with this call; `status` is HTTP's."""

    def __init__(self, status: int, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.param = param


class Roster:
    """The telephone calls of one server: those that ring, and those that are answered."""

    def __init__(self) -> None:
        self._calls: dict[str, PhoneCall] = {}
        self._dialogs: dict[str, PhoneCall] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[PhoneCall]:
        return iter(list(self._calls.values()))

    def enter(self, call: PhoneCall) -> None:
        """It begins to ring."""
        self._calls[call.id] = self._dialogs[call.dialog] = call

    def leave(self, call: PhoneCall) -> None:
        """Nothing is left of it."""
        self._calls.pop(call.id, None)
        self._dialogs.pop(call.dialog, None)

    def on(self, dialog: str) -> PhoneCall | None:
        """The call of a dialog."""
        return self._dialogs.get(dialog)

    def find(self, call_id: str, project: str | None) -> PhoneCall:
        """A call of a project that is not over. Raises `CallError` (404)."""
        call = self._calls.get(call_id)
        if call is None or call.project != project or call.state == "over":
            raise unknown(call_id)
        return call

    def spawn(self, doing: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Do something that waits, until `aclose`."""
        task = asyncio.create_task(doing)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def aclose(self) -> None:
        """Wait until every call is off the network; end those that take too long."""
        late = set(self._tasks)
        if late:
            _, late = await asyncio.wait(late, timeout=CLOSE_S)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
        self._calls.clear()
        self._dialogs.clear()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (bug := task.exception()):
            _log.error("a telephone call failed", exc_info=bug)


def unknown(call_id: str) -> CallError:
    """It is not there, or another project's."""
    message = f"No telephone call with the id '{call_id}' is there: it is over, or there never was one."
    return CallError(404, "invalid_call_id", message, "call_id")


def decided(call: PhoneCall) -> CallError:
    """Somebody else was faster."""
    return CallError(409, "decision_already_made", f"It was decided already about the call '{call.id}'.", "call_id")


def no_way(error: OSError) -> CallError:
    """The network does not let it through."""
    return CallError(503, "call_failed", f"The call cannot be made: {error.strerror or error}.")

"""Words while a function of the client's takes its time: an addition of ours, which a server's configuration asks for.

They are said once for each call, when nobody has spoken for a while and its output is not there.
"""

from __future__ import annotations

from vivavoce.core.capabilities import Capabilities
from vivavoce.core.conversation import Conversation
from vivavoce.core.effects import Output
from vivavoce.protocol import server as wire
from vivavoce.protocol.items import FunctionCall, FunctionCallOutput
from vivavoce.protocol.session import SessionObject


class Filler:
    """The calls of one session that the caller waits for; times in seconds of `now`."""

    def __init__(self, can: Capabilities, conversation: Conversation) -> None:
        self.text = can.filler
        self._after_s = can.filler_after_s
        self._conversation = conversation
        self._open: dict[str, str] = {}
        """Calls without an output for which nothing has been said: the id of each by its item's."""

    def watch(self, output: Output) -> None:
        """What the client is told."""
        match output:
            case wire.OutputItemDone(item=FunctionCall(status="completed") as call) if call.id in self._conversation:
                self._open[call.id] = call.call_id
            case wire.ConversationItemDone(item=FunctionCallOutput(call_id=call_id)):
                self._open = {item_id: each for item_id, each in self._open.items() if each != call_id}
            case wire.ConversationItemDeleted(item_id=item_id):
                self._open.pop(item_id, None)
            case _:
                pass

    def deadline(self, silent_since: float | None, settings: SessionObject) -> float | None:
        """When it is time; None: never. `silent_since`: since when nobody speaks, None: somebody does."""
        if not self.text or not self._open or silent_since is None or settings.output_modalities != ("audio",):
            return None
        return silent_since + self._after_s

    def said(self) -> None:
        """That is enough for the calls that are open now."""
        self._open.clear()

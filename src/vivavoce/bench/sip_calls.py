"""Telephone calls, and every way in which they end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from vivavoce.bench.sip_caller import sip_caller, talking
from vivavoce.testing.client import ClientError
from vivavoce.transports.sip import actions as sip

_SILENCE = [b"\xff" * 160]
ANSWERED, RINGING, BUSY = "100", "200", "300"
"""Numbers: whoever calls the first is greeted, the second rings on, the third is engaged."""


def telephone(port: int) -> str:
    """The configuration of a server that has these numbers. Its webhook is nobody's; that only means that it rings.

    Its ports are none that the system gives to the callers: what is still said to one that is gone would be taken for
    the words of whoever has the port next.
    """
    return f"""
[sip]
listen = ["udp:127.0.0.1:{port}"]
calls_per_second = 1000.0
max_ringing = 1000
media = {{ timeout_s = 5.0, ports = "20000-29999" }}
rules = [
    {{ then = "accept", called = "{ANSWERED}", greet = true }},
    {{ then = "webhook", called = "{RINGING}" }},
    {{ then = "reject", called = "{BUSY}", status = 486 }},
]
webhooks = [{{ url = "http://127.0.0.1:9/nobody", secret = "whsec_bm9ib2R5" }}]
"""


class Ending(StrEnum):
    """How a call ends."""

    hung_up_in_answer = "hung up in the answer"
    hung_up_at_once = "hung up as soon as it was answered"
    given_up = "given up while it rang"
    refused = "refused with 486"
    no_codec = "no codec in common"
    vanished = "gone without a word"


_REFUSED = {Ending.refused: (BUSY, None, 486), Ending.no_codec: (ANSWERED, "G729/8000", 488)}


@dataclass(frozen=True, slots=True)
class SipCalls:
    """What `drop_calls` needs. `port` is where the telephone of the server at `url` rings."""

    url: str
    port: int
    endings: Sequence[str] = (
        Ending.hung_up_in_answer,
        Ending.given_up,
        Ending.hung_up_in_answer,
        Ending.refused,
        Ending.hung_up_at_once,
        Ending.hung_up_in_answer,
        Ending.no_codec,
        Ending.hung_up_in_answer,
        Ending.vanished,
        Ending.hung_up_in_answer,
    )

    async def cycle(self, ending: str) -> None:
        """One call. Raises `ClientError`."""
        async with sip_caller("pcmu", self.port) as caller:
            if ending in _REFUSED:
                called, offered, wanted = _REFUSED[Ending(ending)]
                await caller.dial(called, offered)
                status = (await caller.until(sip.Refused)).status
                if status != wanted:
                    raise ClientError(f"It was refused with {status}.")
                return
            if ending == Ending.given_up:
                await caller.dial(RINGING)
                await caller.until(sip.Progress)
                caller.cancel()
                await caller.until(sip.Refused)
                return
            await caller.dial(ANSWERED)
            await caller.answered()
            async with talking(caller, _SILENCE):
                if ending != Ending.hung_up_at_once:
                    await caller.heard()
            if ending != Ending.vanished:
                caller.hang_up()

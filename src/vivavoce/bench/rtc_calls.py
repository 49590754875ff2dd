"""Calls over WebRTC, whose sound takes the time that it lasts, and every way in which they end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

import httpx

from vivavoce.bench.rtc_caller import OPEN_S, SILENCE, RtcCaller, calling
from vivavoce.testing.call import Line
from vivavoce.testing.client import ClientError, Event, endpoint

_END_S = 10.0
"""Seconds that a call which was hung up from outside may take to be over."""
_PAUSE = 50
"""Packets of silence after the question: one second ends a turn."""


class Ending(StrEnum):
    """How a call ends."""

    hung_up_in_answer = "hung up over HTTP in the answer"
    closed_in_answer = "closed in the answer"
    vanished_in_answer = "gone without a word in the answer"
    vanished_in_question = "gone without a word in the question"
    never_connected = "never connected"


class CallsApi:
    """A server's calls over HTTP."""

    def __init__(self, http: httpx.AsyncClient, line: Line) -> None:
        self._http = http
        parts = urlsplit(endpoint(line.url))
        self._url = f"{'https' if parts.scheme == 'wss' else 'http'}://{parts.netloc}/v1/realtime/calls"
        self._headers = {"Authorization": f"Bearer {line.key or 'any'}"}
        self._model = line.model
        self.location = ""
        """Of the last call."""

    async def answer(self, offer: str) -> str:
        """Begin a call. Raises `ClientError`."""
        headers = {**self._headers, "Content-Type": "application/sdp"}
        answer = await self._post(self._url, content=offer, headers=headers, params={"model": self._model})
        self.location = answer.headers.get("location", "")
        return answer.text

    async def hang_up(self) -> None:
        """End the last call. Raises `ClientError`."""
        await self._post(f"{self._url}/{self.location.rpartition('/')[2]}/hangup", headers=self._headers)

    async def _post(self, url: str, **request: object) -> httpx.Response:
        try:
            response = await self._http.post(url, **request)  # type: ignore[arg-type]
        except httpx.HTTPError as error:
            raise ClientError(f"{url} does not answer: {str(error) or type(error).__name__}.") from None
        if response.is_error:
            raise ClientError(f"{url} answered with HTTP status {response.status_code}: {response.text[:200]}")
        return response


@dataclass(frozen=True, slots=True)
class RtcCalls:
    """What `drop_calls` needs; `packets` is what callers ask, 20 ms of Opus each."""

    line: Line
    packets: Sequence[bytes]
    endings: Sequence[str] = tuple(Ending)

    @property
    def url(self) -> str:
        """Of the server."""
        return self.line.url

    async def cycle(self, ending: str) -> None:
        """One call. Raises `ClientError`."""
        async with httpx.AsyncClient(trust_env=False, timeout=OPEN_S) as http:
            api = CallsApi(http, self.line)
            if ending == Ending.never_connected:
                await _offer_only(api.answer)
                return
            async with calling(api.answer) as caller:
                await self._talk(caller, ending)
                if ending == Ending.hung_up_in_answer:
                    await api.hang_up()
                    await caller.ended(_END_S)
                elif ending != Ending.closed_in_answer:
                    caller.vanish()

    async def _talk(self, caller: RtcCaller, ending: str) -> None:
        caller.send({"type": "session.update", "session": call_session(self.line)})
        await caller.expect("session.updated", self.line.timeout)
        if ending == Ending.vanished_in_question:
            await caller.say(self.packets[: len(self.packets) * 2 // 3])
            await caller.expect("input_audio_buffer.speech_started", self.line.timeout)
            return
        await caller.say([*self.packets, *[SILENCE] * _PAUSE])
        await caller.expect("output_audio_buffer.started", self.line.timeout)


def call_session(line: Line) -> Event:
    """The settings for `session.update` in a call, whose audio has no format of the session's."""
    return {"type": "realtime", "audio": {"input": {"turn_detection": line.turn_detection}}}


async def _offer_only(answer: Callable[[str], Awaitable[str]]) -> None:
    caller = RtcCaller()
    try:
        await answer(await caller.offer())
    finally:
        await caller.close()

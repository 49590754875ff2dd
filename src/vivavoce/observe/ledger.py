"""What one session uses: read off what its core is told and answers, and told by the engines that work for it."""

from __future__ import annotations

import threading
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from vivavoce.core import effects as fx
from vivavoce.core.usage import usage
from vivavoce.observe.sums import Sums, Tokens
from vivavoce.ports import Work
from vivavoce.protocol import server as wire
from vivavoce.runtime.timeline import ended_call


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Of what session a ledger is."""

    id: str
    call_id: str | None
    """Where its audio is on a line."""
    project: str | None
    model: str
    kind: str
    """`realtime`, `transcription` or `translation`."""
    started_at: int
    """Unix seconds."""


class Ledger:
    """A `Recorder` and an `Account`.

    `roles`: those that engines have here. A cascade is its parts: what is asked of it is asked of them. `now`:
    monotonic seconds; `lock`: that of the book it is in.
    """

    def __init__(self, who: Who, roles: Container[str], now: float, lock: threading.Lock) -> None:
        self.who = who
        self._roles = roles
        self.sums = Sums(sessions=1, played=None if who.call_id is None else 0)
        self.ended_at: int | None = None
        """Unix seconds."""
        self.also: Sums | None = None
        """Where this session was added to when it ended: what is charged later goes there too."""
        self._began = now
        self._lock = lock
        self._counts_answers = who.kind == "translation"
        self._waiting: dict[str, int] = {}
        """Samples of each answer that the line was given and has not played to its end."""

    def record(self, now: float, event: fx.AnyInput, outputs: Sequence[fx.AnyOutput]) -> None:
        """One step. Every 20 ms of audio comes through here, so the common cases come first."""
        match event:
            case fx.AudioIn():
                self.sums.heard += len(event.pcm) // 2
            case fx.SpeechLikelihood():
                pass
            case fx.AnswerAudio():
                self.sums.made += event.samples
            case fx.TranscriptReady():
                self.sums.transcribed_ms += round(event.seconds * 1000)
            case fx.AnswerFinished() if self._counts_answers:
                self._answered(event)
            case fx.PlaybackStopped():
                self._played(self._waiting.pop(event.response_id, 0))
            case fx.PlayoutCleared():
                self.cleared(event.played)
        for output in outputs:
            self._output(output)

    def _output(self, output: fx.AnyOutput) -> None:
        match output:
            case fx.Listen():
                pass
            case fx.Play():
                waiting = self._waiting.get(output.response_id, 0)
                self._waiting[output.response_id] = waiting + len(output.pcm) // 2
            case wire.ResponseDone():
                self.sums.responses += 1
                if output.response.usage is not None:
                    self.sums.tokens.add(Tokens.of(output.response.usage))
            case _ if call := ended_call(output):
                if call[0] == "function":
                    self.sums.functions += 1
                else:
                    self.sums.mcp_calls += 1

    def charge(self, role: str, work: Work, /) -> None:
        """See `Account`."""
        if role not in self._roles:
            return
        with self._lock:
            for sums in (self.sums, self.also):
                if sums is not None:
                    sums.effort(role).add(work)

    def cleared(self, played: Mapping[str, int]) -> None:
        """The line is silent: what was played of each answer that it had not played to its end, in samples."""
        self._played(sum(played.get(response_id, sent) for response_id, sent in self._waiting.items()))
        self._waiting.clear()

    def timed(self, now: float) -> None:
        """Take the time that the session is connected, unless it has ended."""
        if self.ended_at is None:
            self.sums.connected_ms = round((now - self._began) * 1000)

    def _played(self, samples: int) -> None:
        self.sums.played = (self.sums.played or 0) + samples

    def _answered(self, event: fx.AnswerFinished) -> None:
        """A passage of a translation: there is no `response.done` that would say it."""
        self.sums.responses += 1
        self.sums.tokens.add(Tokens.of(usage(event, 0, 0)))

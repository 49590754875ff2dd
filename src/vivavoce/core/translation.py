"""A translation session: the caller talks, and goes on talking, while what he said is spoken in another language.

The counterpart of `core/session.py` for `/v1/realtime/translations` (PROTOCOL.md 1.6, 4.14): the same effects, other
events. Speech is cut into passages, each is transcribed, translated and spoken, in order, one after another. There is
no conversation, and nobody interrupts anybody.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from msgspec.structs import replace

from vivavoce.core import effects as fx
from vivavoce.core.capabilities import Capabilities
from vivavoce.core.ids import Ids
from vivavoce.core.passages import Passages
from vivavoce.core.session import error_event, expired_error, noise_reduction_error
from vivavoce.core.translating import Translating, elapsed_ms
from vivavoce.core.translation_settings import merge
from vivavoce.core.understanding import Said, Understanding
from vivavoce.languages import spaced
from vivavoce.protocol import client as c
from vivavoce.protocol import translation as wire
from vivavoce.protocol.errors import ProtocolError
from vivavoce.protocol.server import ErrorEvent, ServerEvent
from vivavoce.protocol.session import PCM_24K, AudioFormat

Output = fx.TranslationOutput


class Interpreter:
    """The protocol's state for one caller of a translation session.

    `voice` speaks the translations. `expires_in` is the session's length in seconds from `now`; None: unlimited.
    """

    def __init__(
        self,
        settings: wire.TranslationSession,
        voice: str,
        can: Capabilities,
        ids: Ids,
        now: float,
        expires_in: float | None,
    ) -> None:
        self.settings = settings
        self._can = can
        self._ids = ids
        self._expires_at = None if expires_in is None else now + expires_in
        self._lifetime = expires_in or 0.0
        self._passages = Passages()
        self._understanding = Understanding(can.transcription_models[0], ids)
        self._translating = Translating(voice, ids)
        self._captioned = False
        """Some of the caller's words have been told: what follows needs a space before it."""
        self._closing = self._closed = False

    decode = staticmethod(wire.decode)
    """The events of its wire."""

    @property
    def input_format(self) -> AudioFormat:
        """Of the caller's audio on the wire."""
        return PCM_24K

    def start(self) -> list[Output]:
        """What comes before anything the client sends: `session.created`, always first."""
        return self._stamped([wire.SessionCreated(session=self.settings), self._warm()])

    def deadline(self) -> float | None:
        """When the session wants a `Tick`, in the seconds of `now`."""
        return self._expires_at

    def handle(self, event: fx.TranslationInput, now: float) -> list[Output]:
        """Everything that follows from one event. The only way in, and the only way out."""
        try:
            return self._stamped([*self._dispatch(event, now), *self._go_on()])
        except ProtocolError as error:
            event_id = event.event_id if isinstance(event, c.ClientEvent | fx.AudioIn) else None
            return self._stamped([error_event(error, event_id)])

    def _dispatch(self, event: fx.TranslationInput, now: float) -> Iterable[Output]:
        match event:
            case fx.AudioIn():
                self._check_open()
                return [self._passages.audio(event.pcm)]
            case fx.SpeechLikelihood():
                supposed = self._passages.hear(event)
                return [self._understanding.suppose(supposed, self._passages.pcm(supposed))] if supposed else []
            case fx.TranscriptReady():
                return self._said(self._understanding.understood(event))
            case fx.TranscriptMissing():
                return [_lost(event), *self._said(self._understanding.not_understood(event))]
            case fx.Hypothesis() | fx.TurnEstimate():
                return []
            case fx.NoiseReductionFailed():
                return [error_event(noise_reduction_error(event), None)]
            case fx.BadFrame():
                return [error_event(ProtocolError(event.code, event.message, param=event.param), event.event_id)]
            case fx.Tick():
                return self._tick(now)
            case fx.Joined():
                return [wire.SessionCreated(session=self.settings)]
            case wire.SessionUpdate() | wire.SessionClose():
                return self._client(event)
            case _:
                return self._translating.answer(event)

    def _client(self, event: wire.ClientRequest) -> list[Output]:
        self._check_open()
        match event:
            case wire.SessionUpdate():
                language = self.settings.audio.output.language
                self.settings = merge(self.settings, event.session, self._can)
                updated = wire.SessionUpdated(session=self.settings)
                return [updated] if self.settings.audio.output.language == language else [updated, self._warm()]
            case wire.SessionClose():
                self._closing = True
                self._passages.finish()
                return []
            case _:
                assert_never(event)

    def _check_open(self) -> None:
        if self._closing:
            raise ProtocolError("session_closing", "The session is closing: nothing more can be sent.")

    # --- the way of a passage -------------------------------------------------------------------------------------

    def _said(self, words: Iterable[Said]) -> list[Output]:
        told: list[Output] = []
        for said in words:
            self._translating.add(said)
            if self.settings.audio.input.transcription is not None:
                delta = spaced(said.text, first=not self._captioned)
                told.append(wire.InputTranscriptDelta(delta=delta, elapsed_ms=elapsed_ms(said.end)))
                self._captioned = True
        return told

    def _go_on(self) -> list[Output]:
        """What can be done next, with anybody."""
        outputs: list[Output] = [*self._translating.start(self.settings.audio.output.language)]
        while self._understanding.free and self._translating.room and (taken := self._passages.take()):
            outputs.append(self._understanding.take(*taken))
        through = self._passages.empty and self._understanding.idle and self._translating.idle
        if self._closing and through and not self._closed:
            self._closed = True
            outputs += [wire.SessionClosed(), fx.Close(code=1000, reason="session_closed")]
        return outputs

    # --- the rest -------------------------------------------------------------------------------------------------

    def _warm(self) -> fx.Warm:
        return self._translating.warm(self.settings.audio.output.language)

    def _tick(self, now: float) -> list[Output]:
        if self._expires_at is None or now < self._expires_at:
            return []
        self._expires_at = None
        return [error_event(expired_error(self._lifetime), None), fx.Close(code=1000, reason="session_expired")]

    def _stamped(self, outputs: Iterable[Output]) -> list[Output]:
        return [
            replace(output, event_id=self._ids("event")) if isinstance(output, ServerEvent) else output
            for output in outputs
        ]


def _lost(event: fx.TranscriptMissing) -> ErrorEvent:
    message = f"Something that was said could not be transcribed. {event.message}"
    return error_event(ProtocolError(event.code, message, kind="server_error"), None)

"""A cloner that breaks its contract: whoever asked is told, and what it raised is in the log."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

import pytest

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.wav import wav_bytes
from vivavoce.ports import Consent, Consents, CustomVoice, Recording
from vivavoce.protocol.errors import ProtocolError
from vivavoce.runtime.cloning import LONGEST_WAIT_S, Cloning, File, Shown
from vivavoce.testing.clock import run_virtual
from vivavoce.testing.script import sound

FILE = File("voice.wav", wav_bytes(Pcm.join(sound(4000, 16_000))), "audio/wav")


class Broken:
    """Port `VoiceCloner`. Only `known` is answered, which is a consent; all else raises, or is waited for."""

    def __init__(self, stalls: bool, known: str = "") -> None:
        self._stalls = stalls
        self._known = known

    async def _break(self) -> NoReturn:
        if self._stalls:
            await asyncio.get_running_loop().create_future()
        raise ZeroDivisionError

    async def create_voice(self, name: str, sample: Recording, consent: str) -> CustomVoice:
        await self._break()

    async def delete_voice(self, voice: str) -> None:
        await self._break()

    async def create_consent(self, name: str, language: str, recording: Recording) -> Consent:
        await self._break()

    async def consents(self, after: str | None, limit: int) -> Consents:
        await self._break()

    async def consent(self, consent: str) -> Consent:
        if consent != self._known:
            await self._break()
        return Consent(consent, "Ann", "en-US", 1)

    async def rename_consent(self, consent: str, name: str) -> Consent:
        await self._break()

    async def delete_consent(self, consent: str) -> None:
        await self._break()


CALLS: dict[str, Callable[[Cloning], Awaitable[Shown]]] = {
    "a voice": lambda cloning: cloning.create_voice("Ann", FILE, "cons_known"),
    "a voice's consent": lambda cloning: cloning.create_voice("Ann", FILE, "cons_1"),
    "a voice to delete": lambda cloning: cloning.delete_voice("voice_1"),
    "a new consent": lambda cloning: cloning.create_consent("Ann", "en-US", FILE),
    "all consents": lambda cloning: cloning.consents(None, 20),
    "a consent": lambda cloning: cloning.consent("cons_1"),
    "a consent's name": lambda cloning: cloning.rename_consent("cons_1", "Ben"),
    "a consent to delete": lambda cloning: cloning.delete_consent("cons_1"),
}


def failed(call: Callable[[Cloning], Awaitable[Shown]], stalls: bool) -> ProtocolError:
    async def main() -> ProtocolError:
        with pytest.raises(ProtocolError) as failure:
            await call(Cloning("any", Broken(stalls, "cons_known")))
        return failure.value

    return run_virtual(main())


@pytest.mark.parametrize("what", CALLS)
def test_what_it_raises_becomes_an_error_of_the_server(what: str, caplog: pytest.LogCaptureFixture) -> None:
    error = failed(CALLS[what], stalls=False)
    assert (error.code, error.kind, error.message) == ("engine_failed", "server_error", "The voice cloning failed.")
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("what", CALLS)
def test_it_is_not_waited_for_for_ever(what: str) -> None:
    error = failed(CALLS[what], stalls=True)
    assert (error.code, error.kind) == ("engine_timeout", "server_error")
    assert error.message == f"The voice cloning did not answer within {LONGEST_WAIT_S:g} s."

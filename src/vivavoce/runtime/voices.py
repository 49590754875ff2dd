"""The voices of a server: what is known of each, and how it sounds."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing
from urllib.parse import quote

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.wav import wav_bytes
from vivavoce.ports import Answerer, EngineError, Tts, Voice, VoiceInfo, WordTimes
from vivavoce.protocol.errors import ProtocolError, near_names
from vivavoce.runtime.guard import guarded_parts

MOST_SAMPLES = 64
"""Samples that are kept: about 200 kB each."""
LONGEST_WAIT_S = 30.0
"""For a piece of a sample: the voice may have calls to serve first."""

# Short sentences, since a voice says them one by one: a caller's answer waits for one of them at most.
SENTENCES = {
    "de": "Hallo. So klinge ich. Was kann ich heute für Sie tun?",
    "en": "Hello. This is how I sound. What can I do for you today?",
    "es": "Hola. Así sueno yo. ¿Qué puedo hacer hoy por usted?",
    "fr": "Bonjour. Voici ma voix. Que puis-je faire pour vous aujourd'hui ?",
    "it": "Buongiorno. Questa è la mia voce. Che cosa posso fare per lei oggi?",
    "pt": "Olá. Esta é a minha voz. O que posso fazer por si hoje?",
}
"""What a sample says, by its language; English where there is none."""


class Voices:
    """Those of `responder`; `tts` speaks for it, or it speaks by itself (None). `default` is a new session's."""

    def __init__(self, responder: Answerer, tts: Tts | None, default: str) -> None:
        self._responder = responder
        self._tts = tts
        self._default = default
        self._samples: OrderedDict[str, bytes] = OrderedDict()
        self._speaking = asyncio.Lock()

    def listing(self) -> dict[str, object]:
        """`GET /v1/voices`, an extension (docs/voices.md)."""
        return {"object": "list", "data": [self._shown(info) for info in self._infos()]}

    async def sample(self, name: str) -> bytes:
        """A WAV file of a sentence in this voice, made once. One at a time is made, so that calls go on.

        Raises `ProtocolError`: `voice_not_found`, `unsupported_value`, or what the engine failed with.
        """
        infos = {info.name: info for info in self._infos()}
        if name not in infos:
            message = f"The voice '{name}' does not exist.{near_names(name, infos)} GET /v1/voices lists all of them."
            raise ProtocolError("voice_not_found", message, param="voice")
        if self._tts is None:
            message = f"The engine {self._responder.name} speaks only in answers: its voices have no samples."
            raise ProtocolError("unsupported_value", message, param="voice")
        info = infos[name]
        who = info.alias_of or name
        if who not in self._samples:  # one that is kept need not wait for one that is made
            async with self._speaking:
                if who not in self._samples:
                    self._samples[who] = await _spoken(self._tts, who, info.languages)
        self._samples.move_to_end(who)
        if len(self._samples) > MOST_SAMPLES:
            self._samples.popitem(last=False)
        return self._samples[who]

    def _infos(self) -> tuple[VoiceInfo, ...]:
        if self._tts is not None:
            return self._tts.catalogue
        return tuple(VoiceInfo(name, self._responder.languages) for name in self._responder.voices)

    def _shown(self, info: VoiceInfo) -> dict[str, object]:
        return {
            "id": info.name,
            "object": "voice",
            "languages": info.languages,
            "description": info.description or None,
            "alias_of": info.alias_of,
            "default": info.name == self._default,
            "sample": f"/v1/voices/{quote(info.name, safe='')}/sample" if self._tts else None,
        }


async def _spoken(tts: Tts, name: str, languages: tuple[str, ...]) -> bytes:
    text = next((SENTENCES[code] for code in languages if code in SENTENCES), SENTENCES["en"])

    async def speech() -> AsyncGenerator[Pcm | WordTimes, None]:
        async with aclosing(tts.speak(text, Voice(name))) as said:  # here, for the guard to see what it raises
            async for part in said:
                yield part

    parts = guarded_parts(speech(), LONGEST_WAIT_S, LONGEST_WAIT_S, "speech synthesis")
    try:
        return wav_bytes(Pcm.join([part async for part in parts if isinstance(part, Pcm)]))
    except EngineError as error:
        raise ProtocolError(error.code, error.message, kind="server_error") from error

"""Speech synthesis by a remote server: `POST /audio/speech`, streamed as raw PCM."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.engines.openai.cloning import OpenAiCloner
from vivavoce.engines.openai.http import Body, Net, Remote, Reply
from vivavoce.engines.openai.payload import Json
from vivavoce.ports import CUSTOM_VOICE, MAX_CHUNK_MS, OPENAI_VOICES, EngineError, Voice, VoiceInfo

SPEEDS = (0.25, 4.0)
"""What OpenAI's API allows."""
MIN_CHUNK_MS = 20
"""Less than this is kept until more comes, so that a trickling server does not make a flood of tiny chunks."""

_CONTAINERS = (b"RIFF", b"OggS", b"fLaC", b"ID3")
_SAMPLE_BYTES = 2


class OpenAiTts:
    """One request a clause.

    `voices` are names beyond OpenAI's that the server knows; they are sent as they are, but where `voice_map` gives the
    server's name for a name of ours.
    `languages` are those that it speaks, as ISO-639-1 codes.
    `rate` is the Hz of the server's PCM, which its answer does not tell.
    `clones`: the server has `/audio/voices`, and speaks in the voices that are made there.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key: str | None = None,
        *,
        voices: Sequence[str] = (),
        voice_map: Mapping[str, str] | None = None,
        speeds: tuple[float, float] = SPEEDS,
        languages: Sequence[str] = ("en",),
        rate: int = WIRE_RATE,
        clones: bool = False,
        net: Net | None = None,
    ) -> None:
        """`base_url` ends in the version (".../v1"). Raises `ValueError` for an unusable address or key."""
        net = net or Net()
        self._remote = Remote("speech synthesiser", base_url, model, api_key, net)
        # What has been tried may have been done: a voice would be made twice.
        own = Remote("speech synthesiser", base_url, model, api_key, replace(net, retries=0)) if clones else None
        self.cloner = OpenAiCloner(own) if own else None
        self._map = dict(voice_map or {})
        self._voices = tuple(dict.fromkeys((*OPENAI_VOICES, *voices, *self._map)))
        self._speeds = speeds
        self._languages = tuple(languages)
        self._rate = rate

    @property
    def name(self) -> str:
        """`openai`."""
        return "openai"

    @property
    def running(self) -> int:
        """Requests in flight."""
        return self._remote.running

    @property
    def voices(self) -> tuple[str, ...]:
        """OpenAI's ten, the configured ones and the mapped ones. Whether the server has them, it alone knows."""
        return self._voices

    @property
    def catalogue(self) -> tuple[VoiceInfo, ...]:
        """Only their names are known here, and the server's where it has others."""
        names = {name: f"the server's {other}" for name, other in self._map.items() if other != name}
        return tuple(VoiceInfo(name, self._languages, names.get(name, "")) for name in self._voices)

    @property
    def speeds(self) -> tuple[float, float]:
        """As configured."""
        return self._speeds

    @property
    def languages(self) -> tuple[str, ...]:
        """Those that the server is said to speak."""
        return self._languages

    async def start(self) -> None:
        """A warning in the log if the server cannot be reached now; it may come up later."""
        await self._remote.check()

    async def unreachable(self) -> str | None:
        """Why the server cannot be reached now."""
        return await self._remote.unreachable()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._remote.aclose()
        if self.cloner:
            await self.cloner.aclose()

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[Pcm, None]:
        """Audio as it comes, nothing for an empty text. Raises `EngineError`."""
        body = self._body(text, voice)
        if not text.strip():
            return
        cutter = _Cutter(self._rate)
        async with self._remote.post("/audio/speech", Body(json=body)) as reply, aclosing(reply.chunks()) as data:
            self._check(reply)
            async for received in data:
                for piece in cutter.push(received):
                    yield piece
        for piece in cutter.flush():
            yield piece
        if not cutter.given:
            raise self._remote.failure("engine_failed", "sent no audio")

    def _body(self, text: str, voice: Voice) -> dict[str, Json]:
        custom = self.cloner is not None and voice.name.startswith(CUSTOM_VOICE)
        if not custom and voice.name not in self._voices:
            raise EngineError(
                "unknown_voice", f"There is no voice {voice.name!r}; there are {', '.join(self._voices)}."
            )
        low, high = self._speeds
        if not low <= voice.speed <= high:
            raise EngineError("unsupported_speed", f"The speed {voice.speed:g} is not between {low:g} and {high:g}.")
        body: dict[str, Json] = {
            "model": self._remote.model,
            "input": text,
            "voice": {"id": voice.name} if custom else self._map.get(voice.name, voice.name),
            "response_format": "pcm",
        }
        if voice.speed != 1.0:  # some servers know no `speed`
            body["speed"] = voice.speed
        return body

    def _check(self, reply: Reply) -> None:
        """A server that ignores `response_format` would be heard as noise."""
        kind = reply.content_type
        if kind.startswith("text/") or kind == "application/json" or reply.first.startswith(_CONTAINERS):
            raise self._remote.failure("engine_failed", f"answered {kind or 'something'} that is not raw PCM")


class _Cutter:
    """Bytes cut anywhere, odd ones included, into chunks of `MIN_CHUNK_MS` to `MAX_CHUNK_MS`."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._rest = bytearray()
        self.given = False
        """Something was yielded."""

    def push(self, data: bytes) -> Iterator[Pcm]:
        self._rest += data
        return self._take(self._bytes(MIN_CHUNK_MS))

    def flush(self) -> Iterator[Pcm]:
        """The end: what is left, but for half a sample."""
        return self._take(_SAMPLE_BYTES)

    def _take(self, least: int) -> Iterator[Pcm]:
        longest = self._bytes(MAX_CHUNK_MS)
        while len(self._rest) >= least:
            size = min(longest, len(self._rest) // _SAMPLE_BYTES * _SAMPLE_BYTES)
            piece = bytes(self._rest[:size])
            del self._rest[:size]
            self.given = True
            yield Pcm.from_bytes(piece, self._rate)

    def _bytes(self, ms: int) -> int:
        return self._rate * ms // 1000 * _SAMPLE_BYTES

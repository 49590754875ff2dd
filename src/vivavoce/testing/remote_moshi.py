"""A faithful server of Moshi's protocol on loopback, with a scripted model behind it, which misbehaves when told to.

It does what the servers of kyutai-labs/moshi and NVIDIA's PersonaPlex do, and is strict about what it is sent::

    async with MoshiServer(ScriptedDuplex([VOICE, SILENCE, *talks("Hello.")])) as server:
        engine = Moshi(server.url)

Everything that no client should send is in `violations`.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal, Self
from urllib.parse import parse_qsl, urlsplit

import numpy as np
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from vivavoce.audio.ogg import OPUS_CLOCK, OggOpusReader, OggOpusWriter
from vivavoce.audio.opus import OpusDecoder, OpusEncoder
from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.ports import DuplexStream, EngineError, SpokenAudio
from vivavoce.testing.duplex import ScriptedDuplex

FRAME = 1920
"""Samples of the model's frame: 80 ms at 24 kHz."""
PATH = "/api/chat"
Style = Literal["python", "rust", "personaplex"]
"""Whose server it is. `rust` serves any number of callers at once, and sends metadata before its handshake, which has a
version; the others take one caller after the other. `personaplex` must be given its prompts."""


@dataclass(frozen=True, slots=True)
class MoshiFault:
    """How one conversation is treated.

    `status`: refused so. `mute`: there is never a handshake. `handshake` replaces it. After `after` messages `sends` is
    sent, and then the connection is broken if `breaks`; `stalls`: nothing comes after them, and nothing is read.
    """

    status: int | None = None
    mute: bool = False
    handshake: bytes | str | None = None
    after: int = 0
    sends: bytes | str | None = None
    breaks: bool = False
    stalls: bool = False


class MoshiServer:
    """An async context manager."""

    def __init__(self, model: ScriptedDuplex, style: Style = "python") -> None:
        self.violations: list[str] = []
        """What clients did that they should not."""
        self.queries: list[Mapping[str, str]] = []
        """The parameters of each conversation."""
        self.talking = 0
        """Conversations that go on now."""
        self._model = model
        self._style = style
        self._faults: deque[MoshiFault] = deque()
        self._lock = asyncio.Lock()
        self._server: Server | None = None

    def expect(self, *faults: MoshiFault) -> None:
        """The next conversations go wrong, one for each."""
        self._faults += faults

    @property
    def url(self) -> str:
        """Where conversations are."""
        assert self._server is not None
        return f"ws://127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}{PATH}"

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._chat, "127.0.0.1", 0, process_request=self._request, compression=None, close_timeout=1
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    # --- inside ---

    def _request(self, connection: ServerConnection, request: Request) -> Response | None:
        query = _query(request)
        if urlsplit(request.path).path != PATH:
            return connection.respond(HTTPStatus.NOT_FOUND, "404: Not Found")
        if self._style == "personaplex" and not query.keys() >= {"voice_prompt", "text_prompt"}:
            return connection.respond(HTTPStatus.INTERNAL_SERVER_ERROR, "A prompt is missing.")
        if self._faults and (status := self._faults[0].status) is not None:
            self._faults.popleft()
            return connection.respond(HTTPStatus(status), "Scripted.")
        self.queries.append(query)
        return None

    async def _chat(self, socket: ServerConnection) -> None:
        assert socket.request is not None, "no conversation begins without a request"
        query = _query(socket.request)
        fault = self._faults.popleft() if self._faults else MoshiFault()
        if self._style == "rust":
            await self._conversation(socket, query, fault)
            return
        async with self._lock:
            await self._conversation(socket, query, fault)

    async def _conversation(self, socket: ServerConnection, query: Mapping[str, str], fault: MoshiFault) -> None:
        if fault.mute:
            await socket.wait_closed()
            return
        self.talking += 1
        try:
            with suppress(ConnectionClosed):
                if self._style == "rust":
                    await socket.send(b"\x04" + json.dumps({"text_temperature": 0.8}).encode())
                await socket.send(fault.handshake or (bytes(9) if self._style == "rust" else b"\x00"))
                voice, prompt = query.get("voice_prompt", self._model.voices[0]), query.get("text_prompt", "")
                async with aclosing(self._model.converse(voice, prompt)) as stream, asyncio.TaskGroup() as group:
                    saying = group.create_task(_Mouth(socket, fault).say(stream))
                    if not fault.stalls:
                        await self._hear(socket, stream)
                    await socket.wait_closed()
                    saying.cancel()
        except* (EngineError, ConnectionClosed):
            await socket.close(1011)
        finally:
            self.talking -= 1

    async def _hear(self, socket: ServerConnection, stream: DuplexStream) -> None:
        """Until the client has gone. The model is given whole frames, and the first of them is passed over."""
        reader, decoder = OggOpusReader(), OpusDecoder()
        rest, frames = Pcm.silence(0), 0
        async for message in socket:
            if isinstance(message, str) or message[:1] != b"\x01":
                self.violations.append(f"a message of kind {message[:1]!r}")
                continue
            try:
                pieces = [decoder.decode(packet) for packet in reader.feed(message[1:])]
            except ValueError as error:
                self.violations.append(str(error))
                return
            audio = Pcm.join([rest, *pieces])
            whole = len(audio.samples) // FRAME * FRAME
            rest = Pcm(audio.samples[whole:], WIRE_RATE)
            for at in range(0, whole, FRAME):
                frames += 1
                if frames > 1:
                    await stream.push(Pcm(audio.samples[at : at + FRAME], WIRE_RATE))


def _query(request: Request) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(request.path).query, keep_blank_values=True))


class _Mouth:
    """What a model says, as the server sends it: a packet for each frame, on a page of its own."""

    def __init__(self, socket: ServerConnection, fault: MoshiFault) -> None:
        self._socket = socket
        self._fault = fault
        self._sent = 0
        self._writer = OggOpusWriter(WIRE_RATE, serial=42)
        self._encoder = OpusEncoder(loss=0)

    async def say(self, stream: DuplexStream) -> None:
        """Until cancelled. Raises `EngineError` where the script does."""
        rest = np.zeros(0, np.int16)
        await self._send(b"\x01" + self._writer.head)
        async with aclosing(stream.listen()) as parts:
            async for part in parts:
                if not isinstance(part, SpokenAudio):
                    await self._send(b"\x02" + part.text.encode())
                    continue
                rest = np.concatenate([rest, part.audio.samples])
                while len(rest) >= FRAME:
                    frame, rest = Pcm(rest[:FRAME], WIRE_RATE), rest[FRAME:]
                    await self._send(b"\x01" + self._pages(frame))

    def _pages(self, frame: Pcm) -> bytes:
        packets = [self._encoder.encode(piece) for piece in frame.chunks(20)]
        return b"".join(self._writer.page(packet, OPUS_CLOCK // 50) for packet in packets)

    async def _send(self, message: bytes) -> None:
        fault = self._fault
        strikes = (fault.sends is not None or fault.breaks or fault.stalls) and self._sent == fault.after
        self._sent += 1
        if not strikes:
            await self._socket.send(message)
            return
        if fault.sends is not None:
            await self._socket.send(fault.sends)
        if fault.breaks:
            self._socket.transport.abort()
        if fault.stalls:
            await asyncio.get_running_loop().create_future()

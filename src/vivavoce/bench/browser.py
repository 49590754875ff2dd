"""Calls from a real browser to a server in this process: what it said and what it heard, on its own clock."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from vivavoce.app import Server, create_app
from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.audio.resample import resample
from vivavoce.audio.wav import wav_bytes
from vivavoce.bench.barge_in import INTERRUPTIONS
from vivavoce.bench.detour import detour, without_addresses
from vivavoce.bench.question import spoken_question
from vivavoce.config import Config
from vivavoce.engines import Engines
from vivavoce.engines.cascade import Cascade
from vivavoce.engines.instant import InstantAsr, InstantLlm, InstantTts
from vivavoce.ports import MAX_CHUNK_MS, Vad, Voice
from vivavoce.runtime.line import Line
from vivavoce.serving import serving
from vivavoce.testing.chromium import chromium
from vivavoce.testing.ears import EARS, RATE, Sound
from vivavoce.testing.rough_path import Roughness, RoughPath
from vivavoce.transports.webrtc.call import LiveCall
from vivavoce.transports.webrtc.ice import Network
from vivavoce.transports.webrtc.offer import PATH
from vivavoce.transports.webrtc.sdp import Offer

PAGE = "/health"
"""Any page of the server's own will do: those of this machine may record."""
BEFORE_MS, AFTER_MS = 1500, 1500
BURST_MS, BURST_HZ, BURST_LEVEL = 100, 1000, 12_000
PAUSES_MS = (1500, 2200)
"""Between two things that the caller says: long enough that an answer is heard, and interrupted."""
_SCRIPT = files("vivavoce.bench").joinpath("browser.js").read_text()


async def recorded(app: ASGIApp, said: Pcm) -> Sound:
    """One call in which the page says `said` (48 kHz). Raises `NoChromium` and `PageError`."""
    wav = base64.b64encode(wav_bytes(said)).decode()
    with TemporaryDirectory(prefix="vivavoce-") as folder:
        async with serving(app) as port:
            with chromium(Path(folder)) as browser:
                async with browser.page(f"http://127.0.0.1:{port}{PAGE}", script=EARS + _SCRIPT) as page:
                    await page.evaluate("bench.call()")
                    await page.evaluate(f"bench.speak('{wav}')")
                    await asyncio.sleep(said.ms / 1000)
                    return Sound.read(await page.evaluate("ears.take()"))


# --- a line that plays back what it hears ---


class Echo:
    """An ear that repeats what is loud, at once.

    Silence is not repeated: a pause on the way to us would stay in the queue for good, as delay.
    """

    def __init__(self, line: Line) -> None:
        self._line = line

    async def heard(self, pcm: bytes) -> None:
        """Say it."""
        if np.abs(np.frombuffer(pcm, np.int16)).max(initial=0) > BURST_LEVEL / 20:
            self._line.play("echo", pcm)

    def playing(self, response_id: str) -> None:
        """Nobody asks."""

    def played(self, response_id: str) -> None:
        """Nobody asks."""

    def pressed(self, key: str) -> None:
        """There are no keys."""


class Echoing:
    """Calls that hear themselves, without a session; each datagram is lost with the chance `loss`, each way."""

    def __init__(self, loss: float = 0.0, seed: int = 1) -> None:
        self.app = Starlette(routes=[Route(PAGE, _page), Route(PATH, self._create, methods=["POST"])])
        self._roughness = Roughness(loss=loss)
        self._seed = seed
        self._paths: list[RoughPath] = []
        self._calls: set[asyncio.Task[None]] = set()

    @property
    def lost(self) -> int:
        """Datagrams so far."""
        return sum(path.there.lost + path.back.lost for path in self._paths)

    async def _create(self, request: Request) -> Response:
        offer = without_addresses((await request.body()).decode())
        live = LiveCall("rtc_echo", Offer.parse(offer), Network())
        told = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._call(live, await live.answer(), told))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        return PlainTextResponse(await told, 201)

    async def _call(self, live: LiveCall, answer: str, told: asyncio.Future[str]) -> None:
        async with detour(answer, self._roughness, self._seed) as (led, path):
            self._paths.append(path)
            told.set_result(led)
            await live.run(_echoing(live))


def _page(_: Request) -> Response:
    return PlainTextResponse("ok")


async def _echoing(live: LiveCall) -> None:
    """What would be a session: until the caller is gone."""
    live.line.open(Echo(live.line))
    while await live.channel.receive() is not None:
        pass


def bursts(times: int, seed: int) -> Pcm:
    """Short tones at random distances, at 48 kHz."""
    chance = np.random.default_rng(seed)
    time = np.arange(RATE * BURST_MS // 1000) / RATE
    tone = Pcm((np.sin(2 * np.pi * BURST_HZ * time) * BURST_LEVEL).astype(np.int16), RATE)
    pieces = [Pcm.silence(BEFORE_MS, RATE)]
    for _ in range(times):
        pieces += [tone, Pcm.silence(int(chance.integers(600, 800)), RATE)]
    return Pcm.join([*pieces, Pcm.silence(AFTER_MS, RATE)])


# --- a caller that interrupts ---


class Hum(InstantTts):
    """One steady tone, so that its end can be told to the millisecond."""

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[Pcm, None]:
        """100 ms for each character."""
        time = np.arange(WIRE_RATE * MAX_CHUNK_MS // 1000) / WIRE_RATE
        piece = Pcm((np.sin(2 * np.pi * 300 * time) * 4000).astype(np.int16), WIRE_RATE)
        with self:
            for _ in text:
                yield piece
                await asyncio.sleep(0)


def humming(vad: Vad, config: Config) -> Server:
    """A server with this voice detection, that answers everything with half a minute of a tone."""
    llm, tts = InstantLlm("Hum " * 80), Hum()
    engines = Engines(vad=vad, turn=None, asr=InstantAsr(), llm=llm, tts=tts, responder=Cascade(llm, tts))
    return Server(config, engines)


def humming_app(vad: Vad) -> Starlette:
    """For a browser."""
    return create_app(humming(vad, Config()), lambda _: None)


def interruptions(times: int, seed: int) -> Pcm:
    """A question and then so many interruptions, at 48 kHz."""
    chance = np.random.default_rng(seed)
    spoken = [resample(spoken_question(each), RATE) for each in INTERRUPTIONS]
    pieces = [Pcm.silence(BEFORE_MS, RATE)]
    for number in range(times + 1):
        pause = int(chance.integers(*PAUSES_MS))
        pieces += [spoken[number % len(spoken)], Pcm.silence(pause, RATE)]
    return Pcm.join([*pieces, Pcm.silence(AFTER_MS, RATE)])

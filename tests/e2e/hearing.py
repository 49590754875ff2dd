"""What a listener would complain about, in numbers; and the server's own ears, to hear its own answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tests.patience import PATIENCE_S

from vivavoce.audio.level import levels
from vivavoce.audio.pcm import Pcm
from vivavoce.audio.resample import resample
from vivavoce.bench.word_errors import word_errors
from vivavoce.commands.local_server import LocalServer
from vivavoce.testing.client import connect, text
from vivavoce.testing.microphone import FORMATS, append_event, speech_span

SOFTEST_DB = -55.0
"""dBFS: nothing of a voice at -20 dBFS that anybody would miss is softer."""
_BELOW_SPEECH_DB = 40.0


def speech_of(pcm: Pcm) -> Pcm:
    """Without the silence at the ends."""
    start, end = speech_span(pcm)
    return Pcm(pcm.samples[start:end], pcm.rate)


def loudness(pcm: Pcm) -> float:
    """RMS in dBFS over what is speech; pauses do not count."""
    level = levels(pcm)
    spoken = level[level > level.max() - _BELOW_SPEECH_DB]
    return float(10 * np.log10(np.mean(10 ** (spoken / 10))))


def longest_gap_ms(pcm: Pcm) -> float:
    """The longest silence inside."""
    longest = run = 0
    for quiet in levels(speech_of(pcm)) < SOFTEST_DB:
        run = run + 1 if quiet else 0
        longest = max(longest, run)
    return longest * 20.0


def worst_jump(pcm: Pcm) -> float:
    """The largest step between two samples, relative to the largest of the steps within 0.25 ms around it.

    Sound that was cut or put together wrongly has a single step between smooth sounds; the sharpest pulses of a voice
    have several beside each other. In twenty answers the largest was 3.7; where 10 ms were taken out of them it was
    5 to 50 for half of the places. Steps below -50 dBFS cannot be heard and do not count.
    """
    steps: NDArray[np.float64] = np.abs(np.diff(pcm.samples.astype(np.float64)))
    reach = pcm.rate // 4000
    around = np.lib.stride_tricks.sliding_window_view(np.pad(steps, reach), 2 * reach + 1).copy()
    around[:, reach] = 0
    audible = steps > 32768 * 10 ** (-50 / 20)
    return float((steps / np.maximum(around.max(axis=1), 1.0))[audible].max(initial=0.0))


async def transcript_of(server: LocalServer, pcm: Pcm) -> str:
    """What the server's recogniser hears, with nobody to answer."""
    wire = FORMATS["pcm"]
    async with connect(server.url, key=server.key) as client:
        listen = {"turn_detection": None, "transcription": {"model": "whisper-1"}}
        await client.update({"audio": {"input": listen}})
        for piece in resample(pcm, wire.rate).chunks(500):
            await client.send_text(append_event(wire.encode(piece)))
        await client.send({"type": "input_audio_buffer.commit"})
        heard = await client.expect("conversation.item.input_audio_transcription.completed", timeout=PATIENCE_S)
        return text(heard.event, "transcript")


def error_rate(spoken: str, heard: str) -> float:
    """Words that were heard wrong, of those that were spoken."""
    wrong, words = word_errors(spoken, heard)
    return wrong / words


def pocketsphinx(name: str) -> Path:
    """A human recording of Debian's package pocketsphinx-testdata."""
    return Path("/usr/share/pocketsphinx/test/data") / name

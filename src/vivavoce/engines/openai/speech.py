"""Voices in a request, and what they cost.

OpenAI, vLLM and llama.cpp take `input_audio`, SGLang takes `audio_url` with a data URI, and all of them resample what
comes. Every turn is a part of its own, so a server must allow several in a request.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from vivavoce.audio.resample import resample
from vivavoce.audio.wav import wav_bytes
from vivavoce.engines.heard import UNHEARD, at_once
from vivavoce.engines.openai.payload import Json
from vivavoce.ports import Message, Speech

SpeechPart = Literal["input_audio", "audio_url"]
"""The two shapes in which servers take audio."""

RATE = 16_000
"""Hz of what is sent: the rate that these models hear at."""
MS_PER_TOKEN = 40
"""A careful guess at what a voice takes of the window: Qwen2-Audio, which takes most, has 25 tokens a second."""
MS_PER_TOKEN_TOLD = 100
"""By the wire's rate (PROTOCOL.md 5), which is also OpenAI's: for servers that count audio, but not apart."""


def part(speech: Speech, shape: SpeechPart) -> dict[str, Json]:
    """A part of a message's content. Takes about a millisecond for a second of audio."""
    data = base64.b64encode(wav_bytes(resample(speech.audio, RATE))).decode()
    if shape == "audio_url":
        return {"type": "audio_url", "audio_url": {"url": f"data:audio/wav;base64,{data}"}}
    return {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}


def tokens(speech: Speech, ms_per_token: int = MS_PER_TOKEN) -> int:
    """About what a voice takes of the prompt."""
    return math.ceil(speech.audio.ms / ms_per_token)


def voices_in(messages: Sequence[Message]) -> list[Speech]:
    """All that the caller said."""
    return [part for message in messages for part in message.content if isinstance(part, Speech)]


def bounded(messages: Sequence[Message], seconds: float, turns: int) -> tuple[Message, ...]:
    """The newest voices as they are: the newest one whatever its length, and those before it while all together are no
    more than `turns` and no longer than `seconds`. In the place of each older one its words, or `UNHEARD` where they
    are not known, so that a request has its limits also where nobody transcribes."""
    left, room = seconds * 1000, turns
    told: list[Message] = []
    for message in reversed(messages):
        content = list(message.content)
        for at in reversed(range(len(content))):
            speech = content[at]
            if not isinstance(speech, Speech):
                continue
            newest = room == turns
            left -= speech.audio.ms
            room -= 1
            if not newest and (left < 0 or room < 0):
                content[at] = (at_once(speech.transcript()) or "").strip() or UNHEARD
        told.append(replace(message, content=tuple(content)))
    return tuple(reversed(told))

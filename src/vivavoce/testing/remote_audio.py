"""Audio in and out of `POST /chat/completions` of the fake remote server, as the real ones document it."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.audio.wav import read_wav, wav_bytes
from vivavoce.engines.openai.payload import Json, find
from vivavoce.ports import OPENAI_VOICES
from vivavoce.testing.script import sound

MS_PER_TOKEN = 100
"""Audio tokens of a prompt; an answer's are half as long."""
MS_PER_LETTER = 60
PAUSE_MS = 300
"""After a sentence."""
PIECE_MS = 400
ODD_BYTES = 1
"""So much longer than whole samples is each piece of PCM."""
_Delta = Mapping[str, object]
SPEAKERS = ("ethan", "chelsie", "aiden")
"""Of a model with names of its own."""


@dataclass(frozen=True, slots=True)
class Hears:
    """What the chat model makes of audio. `parts` are the types that its server takes, `most` how many voices in a
    request, as vLLM's does that was started with `--limit-mm-per-prompt '{"audio": 32}'`.

    Without `counted` the usage does not tell audio tokens apart, as vLLM's and llama.cpp's do not.
    """

    parts: tuple[Literal["input_audio", "audio_url"], ...] = ("input_audio",)
    counted: bool = True
    most: int = 32


@dataclass(frozen=True, slots=True)
class Speaks:
    """How the chat model's voice is streamed.

    `openai`: raw PCM in `delta.audio.data` and the words in `delta.audio.transcript`. `vllm-omni`: chunks of the
    modality "audio", each with a whole WAV file in `delta.content`; the voice is asked for as `speaker`. `qwen`: words
    in `delta.content`, and in `delta.audio.data` one WAV file, cut anywhere. `rate` is the Hz of it all.
    """

    style: Literal["openai", "vllm-omni", "qwen"] = "openai"
    rate: int = WIRE_RATE


def voice_of(text: str, rate: int = WIRE_RATE) -> Pcm:
    """What the fake says for a text: a tone for each word, and a pause after each sentence."""
    pieces: list[Pcm] = []
    for word in text.split():
        pieces += sound(MS_PER_LETTER * sum(c.isalnum() for c in word), rate)
        if word.endswith((".", "!", "?")):
            pieces.append(Pcm.silence(PAUSE_MS, rate))
    return Pcm.join(pieces, rate)


def audio_tokens(asked: Json) -> int:
    """Of all voices in a request that was found good."""
    return sum(math.ceil(voice_in(part).ms / MS_PER_TOKEN) for part in _audio_parts(asked))


def voice_faults(asked: Json, hears: Hears | None) -> Iterator[str]:
    """What is wrong with the voices of a request, and how a server says it."""
    if hears is not None and len(_audio_parts(asked)) > hears.most:
        yield f"At most {hears.most} audio(s) may be provided in one prompt."
    for message in _list(asked, "messages"):
        for part in _list(message, "content"):
            kind = find(part, "type")
            if kind not in ("input_audio", "audio_url"):
                continue
            if hears is None or kind not in hears.parts:
                yield f"audio input is not supported: {kind}"
            elif find(message, "role") != "user":
                yield f"a message of the {find(message, 'role')} has no audio"
            else:
                try:
                    if not len(voice_in(part).samples):
                        yield "the audio is empty"
                except (ValueError, binascii.Error) as error:
                    yield f"invalid audio: {error}"


def spoken_faults(asked: Json, speaks: Speaks | None) -> Iterator[str]:
    """What is wrong with how an answer is to be spoken."""
    modalities = find(asked, "modalities")
    if modalities is not None and modalities not in (["text"], ["text", "audio"]):
        yield f"Invalid modalities: {modalities!r}"
    voiced, voice = wants_voice(asked), find(asked, "audio", "voice")
    if voiced and speaks is None:
        yield "This model does not support the modality 'audio'."
    elif voiced and speaks is not None and speaks.style == "vllm-omni":
        if find(asked, "speaker") not in SPEAKERS:
            yield f"Invalid speaker {find(asked, 'speaker')!r}. Supported: {', '.join(SPEAKERS)}"
    elif voiced and speaks is not None:
        wanted = "pcm16" if speaks.style == "openai" else "wav"
        if find(asked, "speaker") is not None:
            yield "Unrecognized request argument supplied: speaker"
        if voice not in OPENAI_VOICES:
            yield f"Invalid value: {voice!r}. Supported voices are: {', '.join(OPENAI_VOICES)}"
        if find(asked, "audio", "format") != wanted:
            yield f"'audio.format' does not support {find(asked, 'audio', 'format')!r} when stream=true, but '{wanted}'"
    elif find(asked, "audio") is not None or find(asked, "speaker") is not None:
        yield "a voice is named, but the modality 'audio' is not asked for"


def wants_voice(asked: Json) -> bool:
    """The answer is to be heard."""
    return find(asked, "modalities") == ["text", "audio"]


def spoken_chunks(said: Sequence[str], speaks: Speaks) -> list[dict[str, object]]:
    """The chunks of a spoken answer, but for the last ones; `said` are its tokens."""
    audio = voice_of("".join(said), speaks.rate)
    match speaks.style:
        case "openai":
            words = [{"content": None, "audio": {"id": "audio_1", "transcript": word}} for word in said]
            data = [{"audio": {"data": _base64(piece)}} for piece in _cut(audio.to_bytes(), speaks.rate)]
            return [_chunk(delta) for delta in _ahead(words, data)] + [_chunk({"audio": {"expires_at": 1}})]
        case "qwen":
            written = [{"content": word} for word in said]
            data = [{"audio": {"data": _base64(piece)}} for piece in _cut(wav_bytes(audio), speaks.rate)]
            return [_chunk(delta) for delta in _ahead(written, data)]
        case "vllm-omni":
            texts = [{"modality": "text"} | _chunk({"content": word}) for word in said]
            files = [_base64(wav_bytes(piece)) for piece in audio.chunks(PIECE_MS)]
            sounds = [
                {"modality": "audio"} | _chunk({"role": "assistant", "content": file}, finish_reason="stop")
                for file in files
            ]
            return [*texts, {"modality": "text"} | _chunk({}, finish_reason="stop"), *sounds]


def _chunk(delta: Mapping[str, object], finish_reason: str | None = None) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}], "usage": None}


def _ahead(words: Sequence[_Delta], data: Sequence[_Delta]) -> list[_Delta]:
    """Words run ahead of their audio."""
    pairs = zip_longest(words[3:], data)
    return [*words[:3], *(each for pair in pairs for each in pair if each is not None)]


def _cut(data: bytes, rate: int) -> list[bytes]:
    size = rate * PIECE_MS // 1000 * 2 + ODD_BYTES
    return [data[i : i + size] for i in range(0, len(data), size)]


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _audio_parts(asked: Json) -> list[Json]:
    parts = [part for message in _list(asked, "messages") for part in _list(message, "content")]
    return [part for part in parts if find(part, "type") in ("input_audio", "audio_url")]


def voice_in(part: Json) -> Pcm:
    """What is heard in a part of a message. Raises `ValueError`."""
    url = find(part, "audio_url", "url")
    if isinstance(url, str):
        match = re.fullmatch(r"data:audio/(?:wav|x-wav);base64,(.+)", url, re.DOTALL)
        if match is None:
            raise ValueError("only data URIs of WAV files are read here")
        return read_wav(base64.b64decode(match[1], validate=True))
    if find(part, "input_audio", "format") not in ("wav", "mp3"):
        raise ValueError("input_audio.format must be either 'wav' or 'mp3'")
    return read_wav(base64.b64decode(str(find(part, "input_audio", "data")), validate=True))


def _list(document: Json, name: str) -> Sequence[Json]:
    found = find(document, name)
    return found if isinstance(found, list) else []

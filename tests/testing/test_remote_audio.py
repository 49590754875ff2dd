"""The fake remote server takes audio as strictly as the real ones, and streams it as they document it."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.wav import read_wav, wav_bytes
from vivavoce.testing.remote import RemoteServer
from vivavoce.testing.remote_audio import PAUSE_MS, Hears, Speaks, voice_of

WAV = base64.b64encode(wav_bytes(Pcm.silence(730, 16_000))).decode()
ALOUD = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "pcm16"}}


def heard(data: str = WAV, kind: str = "wav", role: str = "user") -> dict[str, Any]:
    part = {"type": "input_audio", "input_audio": {"data": data, "format": kind}}
    return {"messages": [{"role": role, "content": [part]}]}


def linked(url: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{"type": "audio_url", "audio_url": {"url": url}}]}]}


def written(**fields: object) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "Hello there."}], "stream": True, **fields}


def ask(server: RemoteServer, body: dict[str, Any]) -> httpx.Response:
    return httpx.post(f"{server.base_url}/chat/completions", json={"model": "any", **body})


def chunks(answer: httpx.Response) -> list[dict[str, Any]]:
    events = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: {")]
    return [json.loads(event) for event in events]


def deltas(answer: httpx.Response) -> list[dict[str, Any]]:
    return [chunk["choices"][0]["delta"] for chunk in chunks(answer) if chunk["choices"]]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (heard("no base64!"), "invalid audio"),
        (heard(base64.b64encode(b"no WAV").decode()), "not a WAV file"),
        (heard(WAV[:40]), "invalid audio"),
        (heard(base64.b64encode(wav_bytes(Pcm.silence(0))).decode()), "empty"),
        (heard(kind="pcm16"), "must be either 'wav' or 'mp3'"),
        (heard(role="assistant"), "has no audio"),
        (linked(f"data:audio/wav;base64,{WAV}"), "not supported: audio_url"),
    ],
)
def test_bad_audio_is_refused(body: dict[str, Any], why: str) -> None:
    with RemoteServer(hears=Hears()) as server:
        answer = ask(server, body)
    assert answer.status_code == 400
    assert why in answer.json()["error"]["message"]


def test_a_model_that_only_reads_refuses_all_audio() -> None:
    with RemoteServer() as server:
        assert "audio input is not supported" in ask(server, heard()).json()["error"]["message"]
        assert "does not support the modality" in ask(server, written(**ALOUD)).json()["error"]["message"]


def test_audio_is_counted_or_only_part_of_the_prompt() -> None:
    with RemoteServer(hears=Hears()) as server:
        usage = ask(server, heard()).json()["usage"]
        assert (usage["prompt_tokens"], usage["prompt_tokens_details"]["audio_tokens"]) == (8, 8)
    with RemoteServer(hears=Hears(parts=("audio_url",), counted=False)) as server:
        usage = ask(server, linked(f"data:audio/wav;base64,{WAV}")).json()["usage"]
        assert usage["prompt_tokens"] == 8
        assert "audio_tokens" not in usage["prompt_tokens_details"]
        assert ask(server, linked("https://example.com/a.wav")).status_code == 400


@pytest.mark.parametrize(
    ("style", "fields", "why"),
    [
        ("openai", {"modalities": ["audio"]}, "Invalid modalities"),
        ("openai", {"modalities": ["text"], "audio": {}}, "not asked for"),
        ("openai", ALOUD | {"audio": {"voice": "nobody", "format": "pcm16"}}, "Supported voices are"),
        ("openai", ALOUD | {"audio": {"voice": "alloy", "format": "wav"}}, "does not support 'wav'"),
        ("openai", ALOUD | {"speaker": "ethan"}, "Unrecognized request argument"),
        ("vllm-omni", ALOUD, "Invalid speaker None"),
        ("qwen", ALOUD, "does not support 'pcm16'"),
    ],
)
def test_a_voice_that_is_wrongly_asked_for_is_refused(style: Any, fields: dict[str, Any], why: str) -> None:
    with RemoteServer(speaks=Speaks(style)) as server:
        answer = ask(server, written(**fields))
    assert answer.status_code == 400
    assert why in answer.json()["error"]["message"]


def test_openai_streams_bare_pcm_and_its_transcript() -> None:
    with RemoteServer(speaks=Speaks()) as server:
        said = [delta["audio"] for delta in deltas(ask(server, written(**ALOUD))) if "audio" in delta]
    pcm = b"".join(base64.b64decode(each.get("data", "")) for each in said)
    assert pcm == voice_of("Hello from afar.").to_bytes()
    assert "".join(each.get("transcript", "") for each in said) == "Hello from afar."
    assert "transcript" in said[0]


def test_vllm_omni_streams_wav_files_after_the_text() -> None:
    with RemoteServer(speaks=Speaks("vllm-omni", rate=16_000)) as server:
        answer = chunks(ask(server, written(modalities=["text", "audio"], speaker="ethan")))
    audio = [each["choices"][0]["delta"]["content"] for each in answer if each.get("modality") == "audio"]
    files = [read_wav(base64.b64decode(each)) for each in audio]
    assert {file.rate for file in files} == {16_000}
    assert sum(file.ms for file in files) == voice_of("Hello from afar.").ms


def test_qwen_streams_one_wav_file_in_pieces() -> None:
    with RemoteServer(speaks=Speaks("qwen")) as server:
        fields = ALOUD | {"audio": {"voice": "alloy", "format": "wav"}}
        said = deltas(ask(server, written(**fields)))
    file = b"".join(base64.b64decode(delta.get("audio", {}).get("data", "")) for delta in said)
    assert read_wav(file).ms == voice_of("Hello from afar.").ms
    assert "".join(delta.get("content") or "" for delta in said) == "Hello from afar."


def test_what_it_says_lasts_as_long_as_its_letters_and_pauses() -> None:
    assert voice_of("One, two. Three").ms == 60 * 11 + PAUSE_MS

"""The stock `openai` SDK makes a custom voice through us on a server that has them, and speaks in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from openai import APIStatusError, AsyncOpenAI, BadRequestError, NotFoundError, PermissionDeniedError
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.audio import Voice
from tests.clients.sdk import Caller
from tests.live import Live, live
from tests.patience import run

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.wav import wav_bytes
from vivavoce.config import Config
from vivavoce.config.tree import Project, Server
from vivavoce.engines.hibari import HibariTts
from vivavoce.engines.openai.tts import OpenAiTts
from vivavoce.testing.remote import Fault, RemoteServer

KEY = "sk-right"
KEYS = Config(server=Server(keys=(KEY,)), projects={"shop": Project(keys=("sk-shop",))})
LIST = "/v1/audio/voice_consents"


def tone(seconds: float) -> Pcm:
    at = np.arange(int(seconds * 24_000)) / 24_000
    return Pcm.from_float((0.3 * np.sin(2 * np.pi * 300 * at)).astype(np.float32), 24_000)


def wav(seconds: float) -> tuple[str, bytes, str]:
    """A file, as the SDK takes it."""
    return "voice.wav", wav_bytes(tone(seconds)), "audio/wav"


@asynccontextmanager
async def relayed(key: str = KEY) -> AsyncIterator[tuple[AsyncOpenAI, RemoteServer, Live]]:
    """Our server, whose voice is a server that clones."""
    with RemoteServer() as remote:
        async with (
            live(KEYS, tts=OpenAiTts(remote.base_url, "tts-1", clones=True)) as server,
            AsyncOpenAI(base_url=server.http, api_key=key, max_retries=0) as client,
        ):
            yield client, remote, server


async def wear(connection: AsyncRealtimeConnection, voice: Any) -> None:
    """Ask for this voice."""
    await connection.session.update(session={"type": "realtime", "audio": {"output": {"voice": voice}}})


def test_a_voice_is_made_heard_and_deleted() -> None:
    async def scenario() -> None:
        async with relayed() as (client, remote, _):
            recording = wav(4)
            consent = await client.audio.voice_consents.create(name="Ann", language="en-US", recording=recording)
            voice = await client.audio.voices.create(name="Ann", audio_sample=wav(5), consent=consent.id)
            Voice.model_validate_json(voice.model_dump_json(), strict=True)
            assert (voice.id, voice.name, voice.object, voice.type) == ("voice_1", "Ann", "audio.voice", "audio_sample")
            upload = next(each for each in remote.received if each.path == "/v1/audio/voices")
            assert upload.files == {"audio_sample": wav(5)[1]}
            assert upload.form == {"name": "Ann", "consent": consent.id, "type": "audio_sample"}
            async with client.realtime.connect(model="gpt-realtime") as connection:
                caller = Caller(connection)
                await wear(connection, {"id": voice.id})
                updated = await caller.until("session.updated")
                assert updated.session.audio.output.voice == voice.id
                await caller.write("Hello.")
                done = await caller.until("response.done")
            assert done.response.status == "completed"
            assert len(caller.audio) > 10_000
            assert remote.received[-1].json["voice"] == {"id": voice.id}
            gone = await client.audio.voices.delete(voice.id)
            assert (gone.id, gone.deleted, gone.object) == (voice.id, True, "audio.voice.deleted")
            assert not remote.custom.voices

    run(scenario)


def test_consents_are_listed_page_by_page_renamed_and_deleted() -> None:
    async def scenario() -> None:
        async with relayed() as (client, remote, _):
            consents = client.audio.voice_consents
            made = [await consents.create(name=name, language="es", recording=wav(3)) for name in ("A", "B", "C")]
            assert [each.id async for each in consents.list(limit=2)] == [each.id for each in made]
            await consents.update(made[1].id, name="Béatrice")
            assert (await consents.retrieve(made[1].id)).name == "Béatrice"
            gone = await consents.delete(made[0].id)
            assert (gone.deleted, gone.object) == (True, "audio.voice_consent")
            assert list(remote.custom.consents) == [made[1].id, made[2].id]

    run(scenario)


NOISE = ("voice.wav", b"no audio at all", "audio/wav")
SILENT = ("voice.wav", wav_bytes(Pcm.silence(5000)), "audio/wav")
HUGE = ("voice.wav", bytes((10 << 20) + 1), "audio/wav")


@pytest.mark.parametrize(
    ("sample", "consent", "param", "says"),
    [
        (wav(1.5), "cons_1", "audio_sample", "is too short: it lasts 1.5 s, and at least 3 s are needed"),
        (wav(31), "cons_1", "audio_sample", "is too long: at most 30 s"),
        (NOISE, "cons_1", "audio_sample", "not an audio file"),
        (SILENT, "cons_1", "audio_sample", "is silent"),
        (HUGE, "cons_1", "audio_sample", "at most 10 MiB"),
        (wav(4), "cons_9", "consent", "there is no cons_9"),
    ],
)
def test_a_sample_that_cannot_be_used(sample: Any, consent: str, param: str, says: str) -> None:
    async def scenario() -> None:
        async with relayed() as (client, remote, _):
            await client.audio.voice_consents.create(name="Ann", language="en-US", recording=wav(4))
            with pytest.raises(BadRequestError, match=says) as refusal:
                await client.audio.voices.create(name="Ann", audio_sample=sample, consent=consent)
            assert refusal.value.param == param
            assert not remote.custom.voices

    run(scenario)


def test_a_sample_without_consent() -> None:
    async def scenario() -> None:
        async with relayed() as (client, remote, _):
            with pytest.raises(BadRequestError, match="Missing required parameter: 'consent'"):
                await client.post(
                    "/audio/voices",
                    body={"name": "Ann"},
                    files={"audio_sample": wav(4)},
                    options={"headers": {"Content-Type": "multipart/form-data"}},
                    cast_to=object,
                )
            assert not remote.received

    run(scenario)


def test_a_voice_made_from_a_prompt_is_refused_by_name() -> None:
    async def scenario() -> None:
        async with relayed() as (client, *_):
            with pytest.raises(BadRequestError, match="of the type 'prompt' are not supported") as refusal:
                await client.audio.voices.create(type="prompt", name="Ann", prompt="A calm voice.")
            assert refusal.value.param == "type"

    run(scenario)


def test_json_has_no_room_for_a_sample() -> None:
    async def scenario() -> None:
        async with relayed() as (client, remote, _):
            with pytest.raises(BadRequestError, match=r"'application/json'.*multipart/form-data") as refusal:
                await client.post("/audio/voices", body={"name": "Ann", "type": "audio_sample"}, cast_to=object)
            assert refusal.value.code == "unsupported_content_type"
            assert not remote.received

    run(scenario)


def test_what_does_not_exist_is_not_found() -> None:
    async def scenario() -> None:
        async with relayed() as (client, *_):
            for call, param in (
                (client.audio.voices.delete("voice_9"), "voice_id"),
                (client.audio.voices.delete("alloy"), "voice_id"),
                (client.audio.voices.delete("voice_%2E%2E"), "voice_id"),
                (client.audio.voice_consents.retrieve("cons_9"), "consent_id"),
                (client.audio.voice_consents.retrieve("a.b"), "consent_id"),
                (client.audio.voice_consents.update("cons_9", name="x"), "consent_id"),
                (client.audio.voice_consents.delete("cons_9"), "consent_id"),
            ):
                with pytest.raises(NotFoundError) as refusal:
                    await call
                assert refusal.value.param == param
            with pytest.raises(BadRequestError, match="cons_9"):
                await client.audio.voice_consents.list(after="cons_9")
            with pytest.raises(BadRequestError, match="from 1 to 100"):
                await client.audio.voice_consents.list(limit=1000)

    run(scenario)


def test_a_server_that_fails_is_asked_once() -> None:
    async def scenario() -> None:
        async with relayed() as (client, remote, _):
            for fault in (Fault(status=500), Fault(body=b"oops"), Fault(body=b'{"id": 7}')):
                remote.expect(fault)
                with pytest.raises(APIStatusError) as refusal:
                    await client.audio.voice_consents.create(name="Ann", language="en", recording=wav(4))
                assert refusal.value.status_code == 503
            assert [each.path for each in remote.received] == [LIST] * 3

    run(scenario)


def test_a_custom_voice_that_the_server_does_not_know_fails_the_answer_and_not_the_session() -> None:
    async def scenario() -> None:
        async with relayed() as (client, *_), client.realtime.connect(model="gpt-realtime") as connection:
            caller = Caller(connection)
            for voice in ({"id": "alloy"}, "voicy"):
                await wear(connection, voice)
                assert (await caller.until("error")).error.code == "invalid_value"
            await wear(connection, "voice_9")
            await caller.until("session.updated")
            await caller.write("Hello.")
            assert (await caller.until("response.done")).response.status == "failed"

    run(scenario)


def test_a_project_cannot_see_the_consents_of_all() -> None:
    async def scenario() -> None:
        async with relayed("sk-shop") as (client, *_):
            with pytest.raises(PermissionDeniedError, match="a key of a project"):
                await client.audio.voice_consents.list()

    run(scenario)


def test_an_engine_that_cannot_clone_refuses_every_route_by_name() -> None:
    async def scenario() -> None:
        async with live(KEYS) as server, AsyncOpenAI(base_url=server.http, api_key=KEY, max_retries=0) as client:
            voices, consents = client.audio.voices, client.audio.voice_consents
            for call in (
                voices.create(name="Ann", audio_sample=wav(4), consent="cons_1"),
                voices.create(type="prompt", name="Ann", prompt="A calm voice."),
                voices.delete("voice_1"),
                consents.create(name="Ann", language="en", recording=wav(4)),
                consents.retrieve("cons_1"),
                consents.update("cons_1", name="x"),
                consents.delete("cons_1"),
            ):
                with pytest.raises(BadRequestError, match=r"'instant' cannot clone voices.*clones = true") as refusal:
                    await call
                assert refusal.value.code == "unsupported_value"
            with pytest.raises(BadRequestError, match="cannot clone"):
                await consents.list()
            async with client.realtime.connect(model="gpt-realtime") as connection:
                caller = Caller(connection)
                await wear(connection, {"id": "voice_1"})
                error = (await caller.until("error")).error
            assert (error.code, error.param) == ("unsupported_value", "session.audio.output.voice.id")
            assert "cannot clone" in error.message

    run(scenario)


def test_the_local_voices_cannot_clone() -> None:
    assert HibariTts().cloner is None

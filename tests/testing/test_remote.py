"""The fake remote server is faithful enough for the stock client, and misbehaves as told."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.wav import read_wav, wav_bytes
from vivavoce.testing.remote import MS_PER_CHARACTER, Fault, RemoteServer


@pytest.fixture
def server() -> Iterator[RemoteServer]:
    with RemoteServer(answer="Good day.", transcript="one two", api_key="key") as running:
        yield running


@pytest.fixture
def client(server: RemoteServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="key", base_url=server.base_url, max_retries=0) as stock:
        yield stock


def test_it_lists_its_model(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["any"]


def test_it_answers_in_one_piece(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="any", messages=[{"role": "user", "content": "Hi you"}])
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == ("Good day.", "stop")
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (2, 2)


def test_it_answers_in_a_stream(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="any", messages=[{"role": "user", "content": "Hi"}], stream=True, max_tokens=1
    )
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Good"
    assert chunks[-1].choices[0].finish_reason == "length"


def test_it_hears(client: openai.OpenAI, server: RemoteServer) -> None:
    speech = Pcm.silence(500, 16_000)
    heard = client.audio.transcriptions.create(model="any", file=("a.wav", wav_bytes(speech)), language="en")
    assert heard.text == "one two"
    assert read_wav(server.received[0].files["file"]).ms == 500
    assert server.received[0].form["language"] == "en"


def test_it_speaks(client: openai.OpenAI) -> None:
    speech = client.audio.speech.create(model="any", voice="alloy", input="Hello", response_format="wav", speed=0.5)
    assert read_wav(speech.content).ms == 2 * 5 * MS_PER_CHARACTER


def test_it_demands_its_key(server: RemoteServer) -> None:
    refused = pytest.raises(openai.AuthenticationError, match="Incorrect API key provided: other")
    with openai.OpenAI(api_key="other", base_url=server.base_url) as stock, refused:
        stock.models.list()


def test_it_fails_as_told_once_for_each_fault(client: openai.OpenAI, server: RemoteServer) -> None:
    server.expect(Fault(status=503, message="Busy."), Fault())
    with pytest.raises(openai.InternalServerError, match="Busy"):
        client.audio.speech.create(model="any", voice="alloy", input="Hello", response_format="pcm")
    with pytest.raises(AssertionError, match="1 faults were not met"):
        server.assert_finished()
    client.audio.speech.create(model="any", voice="alloy", input="Hello", response_format="pcm")
    server.assert_finished()


def test_it_refuses_what_the_real_one_refuses(client: openai.OpenAI) -> None:
    for voice, text in (("nobody", "Hello"), ("alloy", ""), ("alloy", "x" * 5000)):
        with pytest.raises(openai.BadRequestError):
            client.audio.speech.create(model="any", voice=voice, input=text, response_format="pcm")
    with pytest.raises(openai.BadRequestError, match="maximum context length"):
        client.chat.completions.create(model="any", messages=[{"role": "user", "content": "a " * 20_000}])

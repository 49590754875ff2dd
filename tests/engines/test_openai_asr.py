"""Remote speech recognition: what is sent, what is understood, what is not worth asking."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import numpy as np
import pytest
from tests.engines.remote_helpers import PATIENT, noise, voice

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.wav import read_wav
from vivavoce.engines.openai.asr import OpenAiAsr
from vivavoce.ports import Asr, AsrHint, EngineError, TokenLogprob, Transcript
from vivavoce.testing.remote import Fault, RemoteServer


async def hear(server: RemoteServer, *pieces: Pcm, hint: AsrHint | None = None, language: str | None = None) -> str:
    asr: Asr = OpenAiAsr(server.base_url, "whisper", language=language, net=PATIENT)
    async with aclosing(asr):
        [transcript] = [t async for t in asr.transcribe(voice(*pieces), hint or AsrHint())]
    assert transcript.final
    return transcript.text


def test_speech_goes_out_as_one_wav_at_16_khz() -> None:
    with RemoteServer(transcript=" hello \n") as server:
        assert asyncio.run(hear(server, noise(250), noise(250))) == "hello"
        [request] = server.received
        audio = read_wav(request.files["file"])
        assert (audio.rate, audio.ms) == (16_000, 500)
        assert request.form == {"model": "whisper", "response_format": "json"}


def test_speech_of_several_rates_is_joined() -> None:
    with RemoteServer() as server:
        asyncio.run(hear(server, noise(100, 8_000), noise(100, 24_000), noise(100, 16_000)))
        assert read_wav(server.received[0].files["file"]).ms == pytest.approx(300, abs=0.1)


def test_hints_go_along() -> None:
    with RemoteServer() as server:
        asyncio.run(hear(server, noise(200), hint=AsrHint("es", "Aurelio"), language="de"))
        asyncio.run(hear(server, noise(200), language="de"))
        first, second = (request.form for request in server.received)
        assert (first["language"], first["prompt"]) == ("es", "Aurelio")
        assert (second["language"], "prompt" in second) == ("de", False)


def test_keywords_go_into_the_prompt() -> None:
    with RemoteServer() as server:
        asyncio.run(hear(server, noise(200), hint=AsrHint(prompt="A shop.", keywords=("Aurelio", "Né"))))
        asyncio.run(hear(server, noise(200), hint=AsrHint("auto"), language="de"))
        first, second = (request.form for request in server.received)
        assert first["prompt"] == "A shop. Aurelio, Né"
        assert "language" not in second  # it is to be detected


def test_what_it_heeds_is_what_the_configuration_says() -> None:
    plain, full = (OpenAiAsr("http://x/v1", "m", logprobs=more, delay=more) for more in (False, True))
    assert plain.features == ("prompt", "keywords")
    assert full.features == ("prompt", "keywords", "logprobs", "delay")
    assert full.languages == ()


def test_log_probabilities_are_asked_for_and_passed_on() -> None:
    body = b'{"text": " n\\u00e9", "logprobs": [{"token": "n", "logprob": -0.5, "bytes": [110]},'
    body += b' {"token": "\\u00e9", "logprob": -1, "bytes": null}]}'

    async def main() -> Transcript:
        async with aclosing(OpenAiAsr(server.base_url, "whisper", logprobs=True, net=PATIENT)) as asr:
            return await anext(asr.transcribe(voice(noise(200)), AsrHint(logprobs=True)))

    with RemoteServer() as server:
        server.expect(Fault(status=200, body=body))
        heard = asyncio.run(main())
        assert heard == Transcript("né", logprobs=(TokenLogprob(b"n", -0.5), TokenLogprob("é".encode(), -1.0)))
        assert server.received[0].form["include[]"] == "logprobs"


@pytest.mark.parametrize("logprobs", [b"", b', "logprobs": null', b', "logprobs": [{"token": 3, "logprob": -1}]'])
def test_an_answer_without_the_log_probabilities_that_were_promised(logprobs: bytes) -> None:
    with RemoteServer() as server:
        server.expect(Fault(status=200, body=b'{"text": "x"' + logprobs + b"}"))
        with pytest.raises(EngineError, match="gave no log probabilities"):
            asyncio.run(hear(server, noise(200), hint=AsrHint(logprobs=True)))


@pytest.mark.parametrize(
    "pieces",
    [[], [Pcm.silence(0)], [noise(50)], [Pcm.silence(2000)], [Pcm(np.full(24_000, -30, np.int16), 24_000)]],
)
def test_what_holds_no_word_is_not_sent(pieces: list[Pcm]) -> None:
    with RemoteServer() as server:
        assert asyncio.run(hear(server, *pieces)) == ""
        assert server.received == []


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"text": 3}', b'{"words": []}', b"\xff"])
def test_garbage_is_no_transcript(body: bytes) -> None:
    with RemoteServer() as server:
        server.expect(Fault(body=body))
        with pytest.raises(EngineError, match="no transcript") as caught:
            asyncio.run(hear(server, noise(200)))
        assert caught.value.code == "engine_failed"


def test_calls_side_by_side_do_not_mix() -> None:
    async def main() -> list[Transcript]:
        asr = OpenAiAsr(server.base_url, "whisper", net=PATIENT)

        async def one(ms: float) -> Transcript:
            return await anext(asr.transcribe(voice(noise(ms)), AsrHint()))

        heard = await asyncio.gather(*(one(ms) for ms in (200, 300, 400, 0)))
        await asr.aclose()
        return heard

    with RemoteServer() as server:
        assert [t.text for t in asyncio.run(main())] == ["hello there"] * 3 + [""]
        sent = sorted(read_wav(request.files["file"]).ms for request in server.received)
        assert sent == [200, 300, 400]

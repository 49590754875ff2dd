"""Remote speech synthesis: chunks of whole samples, voices and speeds that are told to the server, clear refusals."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engines.remote_helpers import HASTY, PATIENT, noise
from tests.patience import until

from vivavoce.audio.pcm import Pcm
from vivavoce.audio.wav import wav_bytes
from vivavoce.engines.openai.http import Net
from vivavoce.engines.openai.tts import OpenAiTts, _Cutter
from vivavoce.ports import OPENAI_VOICES, EngineError, Tts, Voice
from vivavoce.testing.remote import MS_PER_CHARACTER, Fault, RemoteServer
from vivavoce.testing.script import sound

ALLOY = Voice("alloy")


def engine(server: RemoteServer, net: Net = PATIENT) -> OpenAiTts:
    return OpenAiTts(server.base_url, "tts-1", net=net)


async def say(tts: OpenAiTts, text: str, voice: Voice = ALLOY) -> list[Pcm]:
    port: Tts = tts
    async with aclosing(port):
        return [piece async for piece in port.speak(text, voice) if isinstance(piece, Pcm)]


def test_the_audio_arrives_whole_in_short_chunks() -> None:
    with RemoteServer() as server:
        pieces = asyncio.run(say(engine(server), "Hello there."))
        expected = Pcm.join(sound(12 * MS_PER_CHARACTER))
        assert Pcm.join(pieces).to_bytes() == expected.to_bytes()
        assert all(0 < piece.ms <= 100 and piece.rate == 24_000 for piece in pieces)
        assert server.received[0].json == {
            "model": "tts-1",
            "input": "Hello there.",
            "voice": "alloy",
            "response_format": "pcm",
        }


@given(st.binary(max_size=20_000), st.lists(st.integers(0, 20_000)))
def test_bytes_cut_anywhere_make_the_same_samples(data: bytes, cuts: list[int]) -> None:
    cutter, pieces = _Cutter(24_000), []
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in pairwise(edges):
        pieces += list(cutter.push(data[start:end]))
    assert all(20 <= piece.ms <= 100 for piece in pieces)
    pieces += list(cutter.flush())
    assert Pcm.join(pieces).to_bytes() == data[: len(data) & ~1]


def test_the_speed_is_the_servers_to_keep() -> None:
    with RemoteServer() as server:
        slow = asyncio.run(say(engine(server), "Hello.", Voice("alloy", 0.5)))
        assert sum(piece.ms for piece in slow) == pytest.approx(2 * 6 * MS_PER_CHARACTER)
        assert server.received[0].json["speed"] == 0.5


def test_voices_are_openais_and_the_configured_and_the_mapped() -> None:
    with RemoteServer() as server:
        tts = OpenAiTts(
            server.base_url,
            "any",
            voices=["af_heart", "alloy"],
            voice_map={"alloy": "echo", "nova": "marin"},
            net=PATIENT,
        )
        assert tts.voices == (*OPENAI_VOICES, "af_heart", "nova")

        async def main() -> None:
            for name in ("alloy", "nova", "verse"):
                async for _ in tts.speak("Hi.", Voice(name)):
                    pass
            with pytest.raises(EngineError, match="invalid voice") as caught:
                await anext(tts.speak("Hi.", Voice("af_heart")))  # known to us, and not to this server
            assert caught.value.code == "engine_rejected"
            await tts.aclose()

        asyncio.run(main())
        assert [request.json["voice"] for request in server.received] == ["echo", "marin", "verse", "af_heart"]


@pytest.mark.parametrize(
    ("voice", "code"),
    [
        (Voice("nobody"), "unknown_voice"),
        (Voice("alloy", 9.0), "unsupported_speed"),
        (Voice("alloy", float("nan")), "unsupported_speed"),
    ],
)
def test_what_cannot_be_spoken_is_not_asked_for(voice: Voice, code: str) -> None:
    with RemoteServer() as server:
        with pytest.raises(EngineError) as caught:
            asyncio.run(say(engine(server), "Hi.", voice))
        assert caught.value.code == code
        assert server.received == []


def test_an_empty_text_is_silence() -> None:
    with RemoteServer() as server:
        assert asyncio.run(say(engine(server), " \n")) == []
        assert server.received == []


@pytest.mark.parametrize(
    "fault",
    [
        Fault(body=b'{"error": "no"}', content_type="application/json"),
        Fault(body=b"<html></html>", content_type="text/html; charset=utf-8"),
        Fault(body=wav_bytes(noise(100)), content_type="audio/pcm"),
        Fault(body=b""),
        Fault(body=b"\x00"),
    ],
)
def test_what_is_no_pcm_is_not_played(fault: Fault) -> None:
    with RemoteServer() as server:
        server.expect(fault)
        with pytest.raises(EngineError) as caught:
            asyncio.run(say(engine(server), "Hi."))
        assert caught.value.code == "engine_failed"


@pytest.mark.parametrize(
    ("fault", "code"), [(Fault(break_after=2), "engine_failed"), (Fault(stall_after=2), "engine_timeout")]
)
def test_a_broken_stream_fails_after_what_came(fault: Fault, code: str) -> None:
    with RemoteServer() as server:

        async def main() -> None:
            got: list[Pcm] = []

            async def listen(tts: OpenAiTts) -> None:
                async for piece in tts.speak("Hello.", ALLOY):
                    got.append(piece)  # noqa: PERF401 - what came before the error counts

            async with aclosing(engine(server, HASTY)) as tts:
                with pytest.raises(EngineError) as caught:
                    await listen(tts)
                assert (caught.value.code, tts.running) == (code, 0)
            assert got

        server.expect(fault)
        asyncio.run(main())


def test_closing_hangs_up_at_once() -> None:
    with RemoteServer() as server:

        async def main() -> None:
            tts = OpenAiTts(server.base_url, "any", net=PATIENT)
            server.expect(Fault(stall_after=5))
            speech = tts.speak("Hello.", ALLOY)
            await anext(speech)
            assert (tts.running, server.streaming) == (1, 1)
            await speech.aclose()
            assert tts.running == 0
            await until(lambda: server.hung_up == 1)
            await tts.aclose()

        asyncio.run(main())

"""Servers that behave alike, whoever answers in them: a cascade, a model that hears, one that also speaks, another
realtime server, and a model that hears and speaks all the time, here or on Moshi's own server."""

from __future__ import annotations

import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import pytest
from tests.clients.parrot import HEARD, Storyteller
from tests.clients.sdk import Caller
from tests.live import Live, live
from tests.responders.chat import chat_server
from tests.responders.duplex import MOSHI_VOICE, ParrotDuplex
from tests.responders.witness import RECITE, Ears, Witness

from vivavoce.config import Config
from vivavoce.config.tree import Server
from vivavoce.engines.moshi.engine import Moshi
from vivavoce.engines.openai.chat_audio import ChatAudio
from vivavoce.engines.openai.llm import OpenAiLlm
from vivavoce.engines.realtime.responder import RealtimeResponder
from vivavoce.ports import OPENAI_VOICES, Asr, Llm, Tts
from vivavoce.testing.remote_moshi import MoshiServer

Kind = Literal["cascade", "chat that hears", "chat that speaks", "upstream", "duplex", "moshi"]
TOLD: tuple[Kind, ...] = ("cascade", "chat that hears", "chat that speaks", "upstream")
"""Those that are asked for an answer, and told what it is made from."""
HEARS: tuple[Kind, ...] = TOLD[1:]
KINDS: tuple[Kind, ...] = (*TOLD, "duplex", "moshi")
UPSTREAM_KEY = "sk-upstream"

each_told = pytest.mark.parametrize("kind", TOLD)
each_kind = pytest.mark.parametrize("kind", KINDS)

ARR: dict[str, Any] = {"instructions": "Arr, matey."}
WRITTEN: dict[str, Any] = {**ARR, "output_modalities": ["text"]}


@asynccontextmanager
async def answered_by(
    kind: Kind,
    *,
    llm: Llm | None = None,
    ears: Asr | None = None,
    tts: Tts | None = None,
    duplex: ParrotDuplex | None = None,
    asr: Asr | None = None,
    config: Config | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Live]:
    """A server of ours in which a model answers, by way of this kind of responder.

    `ears` are those that the model hears with, `asr` is who writes captions; in a cascade they are the same.
    """
    llm, ears, tts = llm or Witness(), ears or Ears(), tts or Storyteller()
    asr = ears if asr is None or kind == "cascade" else asr
    match kind:
        case "cascade":
            async with live(config, asr=asr, llm=llm, tts=tts, tls=tls) as server:
                yield server
        case "chat that hears":
            async with chat_server(llm, ears) as url:
                model = OpenAiLlm(url, "any", hears="input_audio", images=True)
                async with live(config, asr=asr, llm=model, tts=tts, tls=tls) as server:
                    yield server
        case "chat that speaks":
            async with chat_server(llm, ears, tts) as url:
                speaking = ChatAudio(OpenAiLlm(url, "any", hears="input_audio", images=True))
                async with live(config, asr=asr, responder=speaking, tls=tls) as server:
                    yield server
        case "upstream":
            behind = Config(server=Server(keys=(UPSTREAM_KEY,)))
            async with live(behind, asr=ears, llm=llm, tts=tts) as upstream:
                realtime = RealtimeResponder(upstream.ws, "gpt-realtime", UPSTREAM_KEY, images=True)
                async with live(config, asr=asr, responder=realtime, tls=tls) as server:
                    yield server
        case "duplex":
            async with live(config, asr=asr, responder=duplex or ParrotDuplex(), tls=tls) as server:
                yield server
        case "moshi":
            async with MoshiServer(duplex or ParrotDuplex(), "personaplex") as moshi:
                engine = Moshi(moshi.url, voices=dict.fromkeys(OPENAI_VOICES, MOSHI_VOICE), instructed=True)
                async with live(config, asr=asr, responder=engine, tls=tls) as server:
                    yield server
            assert moshi.violations == []


def words(done: Any) -> str:
    """Those of a response, spoken or written."""
    part = done.response.output[0].content[0]
    said: str = part.text if part.type == "output_text" else part.transcript
    return said


async def answer(caller: Caller) -> str:
    """The words of the next response, which is completed."""
    done = await caller.until("response.done")
    assert done.response.status == "completed", done.response.status_details
    return words(done)


async def finished(caller: Caller, number: int) -> Any:
    """The end of the response with this number, from 1; it may have come already."""
    while caller.types.count("response.done") < number:
        await caller.until("response.done")
    return [event for event in caller.events if event.type == "response.done"][number - 1]


async def recited(caller: Caller) -> str:
    """All that the model knows, in writing."""
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": RECITE}]}
    await caller.connection.conversation.item.create(item=item)  # type: ignore[arg-type]
    await caller.connection.response.create(response={"output_modalities": ["text"]})
    told = await answer(caller)
    assert told.startswith("I know: ")
    return told.removeprefix("I know: ")


async def heard_from(caller: Caller) -> None:
    """The caller is silent for a moment, and the model listens from now on."""
    await caller.connection.input_audio_buffer.append(audio=base64.b64encode(bytes(480)).decode())
    await caller.connection.session.update(session={"type": "realtime"})
    await caller.until("session.updated")


async def refusal(caller: Caller) -> tuple[str, str]:
    """Code and param of the next error."""
    error = (await caller.until("error")).error
    return error.code, error.param


async def still_there(caller: Caller) -> None:
    """After a refusal a spoken turn is answered as before."""
    await caller.say()
    assert await answer(caller) == f"Arr, matey. {HEARD}"

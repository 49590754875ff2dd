"""The scripted server of Moshi's protocol, where a client of it shows too little."""

from __future__ import annotations

import asyncio
from urllib.parse import urlencode

from websockets.asyncio.client import connect

from vivavoce.testing.duplex import Opened, ScriptedDuplex
from vivavoce.testing.remote_moshi import MoshiServer

PROMPTS = [("NATF0.pt", "You are Ann."), ("NATM1.pt", "You are Ben."), ("NATF2.pt", "You are Cat.")]


def test_callers_who_come_at_once_have_each_their_own_prompts() -> None:
    async def begun(url: str) -> None:
        async with connect(url, proxy=None) as socket:
            for _ in range(2):  # the handshake, and the beginning of what the model says
                await socket.recv()

    async def main() -> None:
        model = ScriptedDuplex([], [], [], voices=tuple(voice for voice, _ in PROMPTS))
        async with MoshiServer(model, "personaplex") as server:
            queries = (urlencode({"voice_prompt": voice, "text_prompt": text}) for voice, text in PROMPTS)
            await asyncio.gather(*(begun(f"{server.url}?{query}") for query in queries))
        assert {call.request for call in model.calls} == {Opened(voice, text) for voice, text in PROMPTS}

    asyncio.run(main())

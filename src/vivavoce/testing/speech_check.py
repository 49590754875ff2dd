"""The part of the contract that is about voices in a prompt: a model that hears needs nobody to recognise the words, is
told apart from another caller, and counts what it heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from typing import NoReturn

from vivavoce.audio.pcm import Pcm
from vivavoce.ports import (
    Finished,
    LlmFeature,
    Message,
    Prompt,
    ResponsePart,
    Speech,
    SpokenText,
    TextDelta,
    TokenUsage,
)
from vivavoce.testing.probes import Probe, require
from vivavoce.testing.script import sound

Answer = Callable[[Prompt], AsyncGenerator[ResponsePart, None]]
SHORT_MS, LONG_MS = 600, 3000
_ODD_MS = (0.1, 60_000)


async def check_hearing(probe: Probe, features: Sequence[LlmFeature], answer: Answer, asked: Prompt) -> None:
    """Nothing, unless it hears. `asked` is a prompt that is answered in words; its instructions are kept."""
    if "speech" not in features:
        return
    short, long = (_saying(asked, Pcm.join(sound(ms))) for ms in (SHORT_MS, LONG_MS))
    alone = [
        _used(await probe.within(_parts(answer(prompt)), "An answer to a voice whose words nobody recognises"))
        for prompt in (short, long)
    ]
    if all(used.input_tokens for used in alone):
        heard = [used.audio_tokens or 0 for used in alone]
        require(heard[0] > 0, f"A voice of {SHORT_MS} ms takes no tokens: it is not heard.")
        require(heard[1] > heard[0], f"Voices of {SHORT_MS} and {LONG_MS} ms take {heard[0]} and {heard[1]} tokens.")
        require(heard[1] <= alone[1].input_tokens, "A voice takes more tokens than the whole prompt.")
    both = probe.interleave(answer(short), answer(long))
    beside = [_used(parts) for parts in await probe.within(both, "Two answers to voices in turns")]
    took = [[used.audio_tokens for used in each] for each in (alone, beside)]
    require(took[0] == took[1], f"Alone, two voices take {took[0]} tokens, beside one another {took[1]}: they mix.")
    voice = short.messages[-1]
    earlier = replace(asked, messages=(voice, Message("assistant", ("I see.",)), Message("user", ("And now?",))))
    _used(await probe.within(_parts(answer(earlier)), "An answer after an earlier voice"))
    for ms in _ODD_MS:
        odd = _saying(asked, Pcm.join(sound(ms)))
        await probe.refuses(_parts(answer(odd)), f"A voice of {ms:g} ms", must=False)
    await probe.stops(lambda: answer(long), "an answer to a voice")


async def _never() -> NoReturn:
    await asyncio.Event().wait()
    raise AssertionError("an event that nobody sets was set")


def _saying(asked: Prompt, voice: Pcm) -> Prompt:
    return replace(asked, messages=(Message("user", (Speech(voice, _never),)),))


async def _parts(answer: AsyncGenerator[ResponsePart, None]) -> list[ResponsePart]:
    return [part async for part in answer]


def _used(parts: Sequence[ResponsePart]) -> TokenUsage:
    """Of an answer that says something."""
    text = "".join(part.text for part in parts if isinstance(part, TextDelta | SpokenText))
    require(bool(text.strip()), "An answer to a voice is empty.")
    last = parts[-1]
    require(isinstance(last, Finished), "An answer does not end in `Finished`.")
    assert isinstance(last, Finished)
    return last.usage

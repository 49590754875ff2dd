"""Strict scripted fakes of every port: each call plays the next script, and nothing is left over.

A fake takes one script for each call it expects; `vivavoce.testing.script` says what scripts are made of::

    llm = ScriptedLlm(says("Hello."), [Wait(2.0), *says("Late.")], [EngineError("engine_failed", "Broken.")])
    ...
    llm.assert_finished(cancelled=1)

A call without a script raises `UnexpectedCall`, which is no `EngineError`, so that nothing takes it for one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from vivavoce.audio.pcm import Pcm
from vivavoce.ports import (
    OPENAI_VOICES,
    CallPart,
    Finished,
    LlmFeature,
    Prompt,
    ResponsePart,
    TextDelta,
    Tool,
    Voice,
    VoiceCloner,
    VoiceInfo,
    WordTimes,
)
from vivavoce.testing.fake_ears import (
    EnergyVad,
    FadingReducer,
    FadingStream,
    Hear,
    Listening,
    ScriptedAsr,
    ScriptedTurnDetector,
    ScriptedVad,
    ScriptedVadStream,
)
from vivavoce.testing.script import (
    STALL,
    Scripted,
    Timing,
    UnexpectedCall,
    Wait,
    answers,
    calls,
    hold,
    says,
    sound,
    speaks,
)

__all__ = [
    "STALL",
    "EnergyVad",
    "FadingReducer",
    "FadingStream",
    "Hear",
    "Listening",
    "ScriptedAsr",
    "ScriptedDialogue",
    "ScriptedLlm",
    "ScriptedResponder",
    "ScriptedTts",
    "ScriptedTurnDetector",
    "ScriptedVad",
    "ScriptedVadStream",
    "Spoken",
    "UnexpectedCall",
    "Wait",
    "answers",
    "calls",
    "hold",
    "says",
    "sound",
    "speaks",
]


class _Warming:
    """`warm`, recorded. It takes no script, for it is only a hint; `warm_seconds` is how long it lasts."""

    def __init__(self, features: tuple[LlmFeature, ...]) -> None:
        self.features = features
        """As given."""
        self.warmed: list[Prompt] = []
        self.warm_seconds = 0.0
        self.refusals: dict[str, str] = {}
        """Why it cannot call the tools of these names."""

    async def warm(self, prompt: Prompt) -> None:
        """Recorded in `warmed`."""
        self.warmed.append(prompt)
        await asyncio.sleep(self.warm_seconds)

    def refused(self, tool: Tool) -> str | None:
        """As `refusals` says."""
        return self.refusals.get(tool.name)


class ScriptedLlm(Scripted[Prompt, TextDelta | CallPart | Finished], _Warming):
    """Each script is a list of parts (see `says` and `calls`)."""

    def __init__(
        self, *scripts: Sequence[TextDelta | CallPart | Finished | Timing], features: tuple[LlmFeature, ...] = ()
    ) -> None:
        Scripted.__init__(self, scripts)
        _Warming.__init__(self, features)

    def generate(self, prompt: Prompt) -> AsyncGenerator[TextDelta | CallPart | Finished, None]:
        """The next script's parts."""
        return self._play(*self._call(prompt))


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a `ScriptedTts` was asked to say."""

    text: str
    voice: Voice


class ScriptedTts(Scripted[Spoken, Pcm | WordTimes]):
    """Each script is a list of chunks (see `sound`), with `WordTimes` where it shall tell them."""

    cloner: VoiceCloner | None = None

    def __init__(
        self,
        *scripts: Sequence[Pcm | WordTimes | Timing],
        voices: tuple[str, ...] = OPENAI_VOICES,
        speeds: tuple[float, float] = (0.25, 1.5),
        languages: tuple[str, ...] = ("en",),
    ) -> None:
        super().__init__(scripts)
        self._voices = voices
        self._speeds = speeds
        self._languages = languages

    @property
    def voices(self) -> tuple[str, ...]:
        """As given."""
        return self._voices

    @property
    def catalogue(self) -> tuple[VoiceInfo, ...]:
        """Each speaks all the languages; nothing else is known of it."""
        return tuple(VoiceInfo(name, self._languages) for name in self._voices)

    @property
    def speeds(self) -> tuple[float, float]:
        """As given."""
        return self._speeds

    @property
    def languages(self) -> tuple[str, ...]:
        """As given."""
        return self._languages

    def speak(self, text: str, voice: Voice) -> AsyncGenerator[Pcm | WordTimes, None]:
        """The next script's chunks."""
        assert voice.name in self._voices, f"ScriptedTts has no voice {voice.name!r}"
        return self._play(*self._call(Spoken(text, voice)))


class ScriptedResponder(Scripted[Prompt, ResponsePart], _Warming):
    """Each script is a list of parts (see `answers`, `speaks` and `calls`)."""

    def __init__(
        self,
        *scripts: Sequence[ResponsePart | Timing],
        voices: tuple[str, ...] = OPENAI_VOICES,
        speeds: tuple[float, float] = (0.25, 1.5),
        languages: tuple[str, ...] = ("en",),
        features: tuple[LlmFeature, ...] = (),
    ) -> None:
        Scripted.__init__(self, scripts)
        _Warming.__init__(self, features)
        self._voices = voices
        self._speeds = speeds
        self._languages = languages
        self.opened: list[ScriptedDialogue] = []
        """Every session."""

    @property
    def voices(self) -> tuple[str, ...]:
        """As given."""
        return self._voices

    @property
    def speeds(self) -> tuple[float, float]:
        """As given."""
        return self._speeds

    @property
    def languages(self) -> tuple[str, ...]:
        """As given."""
        return self._languages

    def open(self) -> ScriptedDialogue:
        """A new session, on the same scripts; it is in `opened`."""
        self.opened.append(ScriptedDialogue(self))
        return self.opened[-1]

    def respond(self, prompt: Prompt) -> AsyncGenerator[ResponsePart, None]:
        """The next script's parts."""
        return self._play(*self._call(prompt))


class ScriptedDialogue:
    """One session of a `ScriptedResponder`."""

    def __init__(self, responder: ScriptedResponder) -> None:
        self._responder = responder
        self.closed = False

    def respond(self, prompt: Prompt) -> AsyncGenerator[ResponsePart, None]:
        """The responder's next script."""
        assert not self.closed, "A dialogue that is closed was asked for an answer"
        return self._responder.respond(prompt)

    async def warm(self, prompt: Prompt) -> None:
        """Recorded in the responder's `warmed`."""
        await self._responder.warm(prompt)

    async def aclose(self) -> None:
        """Once."""
        assert not self.closed, "A dialogue was closed twice"
        self.closed = True

"""A model on a remote server that hears the caller and speaks its answers itself: `POST /chat/completions` with
`modalities: ["text", "audio"]`, streamed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Literal

from vivavoce.audio.pcm import WIRE_RATE, Pcm
from vivavoce.engines.captioned import Captioned
from vivavoce.engines.heard import Takes, heard_by, known_to
from vivavoce.engines.openai.llm import Aloud, OpenAiLlm
from vivavoce.engines.openai.payload import Json
from vivavoce.ports import (
    OPENAI_VOICES,
    Began,
    CallBegan,
    EngineError,
    Finished,
    LlmFeature,
    Prompt,
    ResponsePart,
    TextDelta,
    Voice,
    spend,
    working_as,
)

WRITTEN = Aloud({"modalities": ["text"]})


class ChatAudio:
    """One request an answer, as `llm` makes them, which hears.

    `voices` are names beyond OpenAI's that the model knows; `voice_map` gives the model's name for a name of ours.
    `voice_field` is where a request has it: `audio.voice`, or `speaker` (vLLM-Omni). `audio_format` is asked for; what
    comes is read for what it is, with `rate` as the Hz of what does not say. `languages` are ISO-639-1 codes.
    """

    def __init__(
        self,
        llm: OpenAiLlm,
        *,
        voices: Sequence[str] = (),
        voice_map: Mapping[str, str] | None = None,
        voice_field: Literal["audio", "speaker"] = "audio",
        audio_format: Literal["pcm16", "wav"] = "pcm16",
        rate: int = WIRE_RATE,
        languages: Sequence[str] = ("en",),
    ) -> None:
        self._llm = llm
        self._map = dict(voice_map or {})
        self._voices = tuple(dict.fromkeys((*OPENAI_VOICES, *voices, *self._map)))
        self._voice_field = voice_field
        self._format = audio_format
        self._rate = rate
        self._languages = tuple(languages)
        self._takes = Takes("images" in llm.features, speech=True)
        self.features: tuple[LlmFeature, ...] = llm.features
        self.refused = llm.refused

    @property
    def name(self) -> str:
        """`chat-audio`."""
        return "chat-audio"

    @property
    def running(self) -> int:
        """Requests in flight."""
        return self._llm.running

    @property
    def voices(self) -> tuple[str, ...]:
        """OpenAI's ten, the configured ones and the mapped ones. Whether the model has them, its server alone knows."""
        return self._voices

    @property
    def speeds(self) -> tuple[float, float]:
        """Its own pace: a request has no place for another."""
        return (1.0, 1.0)

    @property
    def languages(self) -> tuple[str, ...]:
        """Those that the model is said to speak."""
        return self._languages

    async def start(self) -> None:
        """A warning in the log if the server cannot be reached now; it may come up later."""
        await self._llm.start()

    async def unreachable(self) -> str | None:
        """Why the server cannot be reached now."""
        return await self._llm.unreachable()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._llm.aclose()

    def open(self) -> ChatDialogue:
        """A session, of which nothing is remembered."""
        return ChatDialogue(self)

    async def warm(self, prompt: Prompt) -> None:
        """As the language model does."""
        await self._llm.warm(known_to(prompt, self._takes), WRITTEN)

    async def respond(self, prompt: Prompt) -> AsyncGenerator[ResponsePart, None]:
        """The answer, its audio with the model's own words for it; only `Finished` where the user said nothing.

        Raises `EngineError`: `unsupported_prompt` for words that it shall speak as they are, for a model speaks its
        own; `unknown_voice`, `unsupported_speed`, and those of `OpenAiLlm`.
        """
        working_as("responder")
        if prompt.verbatim is not None:
            raise EngineError("unsupported_prompt", "The engine chat-audio cannot speak words that it is given.")
        aloud = self._aloud(prompt.voice) if prompt.spoken else WRITTEN
        heard = await heard_by(prompt, self._takes)
        if heard is None:
            yield Finished()
            return
        async with aclosing(self._speak(heard, aloud) if heard.spoken else self._write(heard)) as parts:
            async for part in parts:
                yield part

    async def _write(self, prompt: Prompt) -> AsyncGenerator[ResponsePart, None]:
        began = False
        async with aclosing(self._llm.parts(prompt, WRITTEN)) as parts:
            async for part in parts:
                if isinstance(part, Pcm) or (isinstance(part, TextDelta) and not (began or part.text.strip())):
                    continue  # a blank before a call is no message
                if isinstance(part, TextDelta) and not began:
                    began = True
                    yield Began()
                yield part

    async def _speak(self, prompt: Prompt, aloud: Aloud) -> AsyncGenerator[ResponsePart, None]:
        spoken, calls = Captioned(), False
        async with aclosing(self._llm.parts(prompt, aloud)) as parts:
            async for part in parts:
                if isinstance(part, TextDelta):
                    for piece in spoken.words(part.text):
                        yield piece
                elif isinstance(part, Pcm):
                    spend(samples=round(len(part.samples) * WIRE_RATE / part.rate))
                    for sound in spoken.sound(part):
                        yield sound
                elif isinstance(part, Finished):
                    for left in spoken.end():
                        yield left
                    if spoken.silent and spoken.wordy and not calls:
                        message = "The model wrote its answer and did not speak it: has its server audio output?"
                        raise EngineError("engine_failed", message)
                    yield part
                else:
                    calls = calls or isinstance(part, CallBegan)
                    yield part

    def _aloud(self, voice: Voice) -> Aloud:
        if voice.name not in self._voices:
            raise EngineError(
                "unknown_voice", f"There is no voice {voice.name!r}. There are: {', '.join(self._voices)}."
            )
        if voice.speed != 1.0:
            raise EngineError("unsupported_speed", "The engine chat-audio has one pace, 1.0.")
        theirs = self._map.get(voice.name, voice.name)
        modalities: Json = ["text", "audio"]
        if self._voice_field == "speaker":
            return Aloud({"modalities": modalities, "speaker": theirs}, self._rate)
        return Aloud({"modalities": modalities, "audio": {"voice": theirs, "format": self._format}}, self._rate)


class ChatDialogue:
    """One session of a `ChatAudio`."""

    def __init__(self, engine: ChatAudio) -> None:
        self.respond = engine.respond
        self.warm = engine.warm

    async def aclose(self) -> None:
        """Nothing: all that there is belongs to the engine."""

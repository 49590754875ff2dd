"""pipecat-ai, as its users have it: an `OpenAIRealtimeLLMService` in a pipeline between its two context aggregators."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    BotStoppedSpeakingFrame,
    EndFrame,
    ErrorFrame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMMessagesAppendFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSTextFrame,
)
from pipecat.observers.base_observer import BaseObserver, FramePushed
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.openai.realtime import events
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.workers.runner import WorkerRunner
from report import INSTRUCTIONS, PAUSE, RATE, VOICE, Inbox, digest, pieces, report, start


class Witness(BaseObserver):
    """Sees the frames that leave the service."""

    def __init__(self, inbox: Inbox, service: OpenAIRealtimeLLMService) -> None:
        super().__init__()
        self.audio = bytearray()
        self.errors: list[str] = []
        self.answers: list[str] = []
        """The words of every answer that had any."""
        self._inbox = inbox
        self._service = service
        self._words = ""

    async def on_push_frame(self, data: FramePushed) -> None:
        """Called for every frame and every step on its way."""
        if data.source is not self._service:
            return
        match data.frame:
            case TTSAudioRawFrame(audio=audio):
                self.audio += audio
                self._inbox.put("audio")
            case LLMFullResponseStartFrame():
                self._words = ""
                self._inbox.put("answering")
            case TTSTextFrame(text=text):
                self._words += text
            case LLMFullResponseEndFrame():
                self.answers += [self._words] if self._words else []
                self._inbox.put("answer", self._words)
            case TranscriptionFrame(text=text):
                self._inbox.put("heard", text)
            case InterruptionFrame():
                self._inbox.put("interruption")
            case ErrorFrame(error=error):
                self.errors.append(error)


class Caller:
    """The other end of the pipeline."""

    def __init__(self, worker: PipelineWorker, service: OpenAIRealtimeLLMService, inbox: Inbox) -> None:
        self._worker = worker
        self._service = service
        self._inbox = inbox

    async def say(self, speech: bytes) -> None:
        """Into the microphone."""
        for piece in pieces(speech):
            await self._worker.queue_frame(InputAudioRawFrame(piece, RATE, 1))

    async def write(self, text: str) -> None:
        """A message that wants an answer."""
        message = {"role": "user", "content": text}
        # To the service: the aggregator before it would keep the message to itself.
        await self._service.queue_frame(LLMMessagesAppendFrame([message], run_llm=True))

    async def answer(self) -> str:
        """Its words, played to the end."""
        await self._inbox.until("answering")
        words = await self._inbox.until("answer")
        await self._worker.queue_frame(BotStoppedSpeakingFrame(), FrameDirection.UPSTREAM)
        return words

    async def words(self) -> str:
        """Those of the next answer that has any: one that only calls a tool has none."""
        while not (words := await self.answer()):
            pass
        return words


async def converse(
    caller: Caller, service: OpenAIRealtimeLLMService, inbox: Inbox, witness: Witness, speech: bytes
) -> None:
    """Every step."""
    words = await caller.answer()
    report("text turn", words=words, audio=digest(witness.audio))

    await caller.say(speech)
    await inbox.until("interruption")
    await caller.say(PAUSE)
    here = inbox.position
    heard = await inbox.until("heard")
    inbox.position = here
    report("spoken turn", heard=heard, words=await caller.answer())

    @service.event_handler("on_conversation_item_created")
    async def added(_service, item_id: str, item) -> None:
        inbox.put(item.role, item_id)

    await caller.write("Tell me a story.")
    story = await inbox.until("assistant")
    await inbox.until("audio")
    await caller.say(speech)
    await inbox.until("interruption")
    kept = await service.retrieve_conversation_item(story)
    report("interrupted", kept=kept.content[0].transcript)
    await caller.say(PAUSE)
    report("after the interruption", words=await caller.answer(), errors=witness.errors)

    try:
        await service.retrieve_conversation_item("item_none")
    except Exception as error:
        report("refused", message=str(error))
    await caller.write("Still there?")
    report("after the refusal", words=await caller.answer())


@asynccontextmanager
async def pipeline(
    url: str, key: str, inbox: Inbox, words: str, tools: ToolsSchema | None = None
) -> AsyncIterator[tuple[Caller, OpenAIRealtimeLLMService, Witness]]:
    """A running one, whose user begins with these words."""
    audio = events.AudioConfiguration(
        input=events.AudioInput(
            transcription=events.InputAudioTranscription(), turn_detection=events.SemanticTurnDetection()
        ),
        output=events.AudioOutput(voice=VOICE),
    )
    service = OpenAIRealtimeLLMService(
        api_key=key,
        base_url=f"{url.replace('http', 'ws', 1)}/realtime",
        settings=OpenAIRealtimeLLMService.Settings(
            system_instruction=INSTRUCTIONS, session_properties=events.SessionProperties(audio=audio)
        ),
    )
    context = LLMContext([{"role": "user", "content": words}], **({"tools": tools} if tools else {}))
    aggregators = LLMContextAggregatorPair(context)
    witness = Witness(inbox, service)
    worker = PipelineWorker(Pipeline([aggregators.user(), service, aggregators.assistant()]), observers=[witness])
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(runner.run())
        await worker.queue_frame(LLMContextFrame(context))
        yield Caller(worker, service, inbox), service, witness
        await worker.queue_frame(EndFrame())


async def main(url: str, key: str, speech: bytes) -> None:
    """The conversation."""
    inbox = Inbox()
    async with pipeline(url, key, inbox, "Hello?") as (caller, service, witness):
        await converse(caller, service, inbox, witness, speech)
    report("closed")


if __name__ == "__main__":
    start(main)

"""The doors between the server and its engines: one small `Protocol` for each, and the plain data that passes through.

The contract of every engine, checked by `vivavoce.testing.conformance` against each of them, real or scripted:

- one loaded engine serves every session; what belongs to one of them is in what its `open()` gives, if it has that;
- audio leaves in chunks of at most `MAX_CHUNK_MS`;
- closing a generator (`aclose()`) stops the work within one chunk, native work included;
- the only exception raised on purpose is `EngineError`;
- nothing blocks the event loop: blocking work runs in threads behind a bounded bridge.
"""

from __future__ import annotations

from vivavoce.ports.account import Account, Charged, Work, charged, current, spend, working_as
from vivavoce.ports.answer import (
    Began,
    CallArguments,
    CallBegan,
    CallEnded,
    CallPart,
    Finished,
    ResponsePart,
    SpokenAudio,
    SpokenText,
    TextDelta,
    TokenUsage,
    WordTimes,
)
from vivavoce.ports.answering import Answerer, Dialogue, Llm, LlmFeature, Responder, Tts
from vivavoce.ports.duplex import Duplex, DuplexStream
from vivavoce.ports.engine import MAX_CHUNK_MS, Elsewhere, Engine, EngineError
from vivavoce.ports.hearing import (
    Asr,
    AsrFeature,
    AsrHint,
    NoiseKind,
    NoiseReducer,
    NoiseReducerStream,
    TokenLogprob,
    Transcript,
    TurnDetector,
    Vad,
    VadStream,
)
from vivavoce.ports.prompt import Image, Message, Prompt, Retention, Speech, Tool, ToolCall, ToolOutput, Voice
from vivavoce.ports.tools import ImageFetcher, ImageReader, ServedTool, ToolError, ToolServer, ToolServers
from vivavoce.ports.voices import (
    CUSTOM_VOICE,
    OPENAI_VOICES,
    Consent,
    Consents,
    CustomVoice,
    Recording,
    VoiceCloner,
    VoiceInfo,
)

__all__ = [
    "CUSTOM_VOICE",
    "MAX_CHUNK_MS",
    "OPENAI_VOICES",
    "Account",
    "Answerer",
    "Asr",
    "AsrFeature",
    "AsrHint",
    "Began",
    "CallArguments",
    "CallBegan",
    "CallEnded",
    "CallPart",
    "Charged",
    "Consent",
    "Consents",
    "CustomVoice",
    "Dialogue",
    "Duplex",
    "DuplexStream",
    "Elsewhere",
    "Engine",
    "EngineError",
    "Finished",
    "Image",
    "ImageFetcher",
    "ImageReader",
    "Llm",
    "LlmFeature",
    "Message",
    "NoiseKind",
    "NoiseReducer",
    "NoiseReducerStream",
    "Prompt",
    "Recording",
    "Responder",
    "ResponsePart",
    "Retention",
    "ServedTool",
    "Speech",
    "SpokenAudio",
    "SpokenText",
    "TextDelta",
    "TokenLogprob",
    "TokenUsage",
    "Tool",
    "ToolCall",
    "ToolError",
    "ToolOutput",
    "ToolServer",
    "ToolServers",
    "Transcript",
    "Tts",
    "TurnDetector",
    "Vad",
    "VadStream",
    "Voice",
    "VoiceCloner",
    "VoiceInfo",
    "WordTimes",
    "Work",
    "charged",
    "current",
    "spend",
    "working_as",
]

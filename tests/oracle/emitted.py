"""Every server event that the core can emit, several times over, as JSON."""

from __future__ import annotations

import json
from functools import cache
from random import Random
from typing import Any

from msgspec.structs import replace
from tests.core.caller import CAN, Caller, b64, pcm
from tests.core.mcp_caller import SHOP, McpCaller, calling, shopping
from tests.core.test_images import png, uri
from tests.properties.world import MAKERS, World

from vivavoce.core import effects as fx
from vivavoce.core.capabilities import Capabilities, StoredPrompt
from vivavoce.core.opening import opening
from vivavoce.protocol import server as wire
from vivavoce.protocol.codec import encode
from vivavoce.protocol.items import ExecutionFault, HttpFault, ProtocolFault
from vivavoce.protocol.transcripts import TokenLogprob

Event = dict[str, Any]


@cache
def emitted() -> tuple[Event, ...]:
    """The events of a few scenarios, and of a few thousand random ones."""
    outputs = [
        *_spoken(),
        *_telephone(),
        *_written(),
        *_items(),
        *_failures(),
        *_idle(),
        *_able(),
        *_called(),
        *_tools(),
        *_mcp(),
        *_random(),
    ]
    return tuple(json.loads(encode(output)) for output in outputs if isinstance(output, wire.ServerEvent))


def _spoken() -> list[fx.Output]:
    caller = Caller(audio={"input": {"transcription": {"model": "base", "language": "en"}}})
    outputs = [*caller.started, *caller.speak_turn()]
    outputs += caller.tell(fx.TranscriptReady(item_id="item_1", text="Hello.", seconds=0.84))
    outputs += caller.answer()
    outputs += caller.send("conversation.item.retrieve", item_id="item_2")
    outputs += caller.send("conversation.item.truncate", item_id="item_2", content_index=0, audio_end_ms=20)
    outputs += [*caller.speak_turn(), *caller.words("I", "resp_2"), *caller.hear(96, 0.9)]
    outputs += caller.tell(fx.TranscriptMissing(item_id="item_3", code="audio_unintelligible", message="Noise."))
    return [*outputs, *caller.send("input_audio_buffer.clear")]


def _telephone() -> list[fx.Output]:
    caller = Caller()
    formats = {"input": {"format": {"type": "audio/pcmu"}}, "output": {"format": {"type": "audio/pcma"}, "speed": 1.5}}
    outputs = caller.update(audio=formats)
    outputs += caller.detect(type="semantic_vad", eagerness="high")
    return [*outputs, *caller.detect(), *caller.update(max_output_tokens=10, truncation="disabled")]


def _written() -> list[fx.Output]:
    caller = Caller(output_modalities=["text"])
    metadata = {"topic": "tea"}
    outputs = caller.send("response.create", response={"conversation": "none", "metadata": metadata})
    outputs += [*caller.words("Tea."), *caller.tell(fx.AnswerFinished(response_id="resp_1", reason="length"))]
    outputs += caller.send("response.create", response={"max_output_tokens": 7})
    return [*outputs, *caller.words("Yes.", "resp_2"), *caller.finish("resp_2", input_tokens=9, cached_tokens=4)]


def _items() -> list[fx.Output]:
    caller = Caller(can=replace(CAN, images=True))
    parts = [
        ("system", {"type": "input_text", "text": "Be kind."}),
        ("user", {"type": "input_text", "text": "Hi."}),
        ("user", {"type": "input_image", "image_url": uri(png())}),
        ("user", {"type": "input_audio", "audio": b64(pcm(200))}),
        ("user", {"type": "input_audio", "transcript": "Hi."}),
        ("assistant", {"type": "output_text", "text": "Hello."}),
    ]
    outputs: list[fx.Output] = []
    for number, (role, part) in enumerate(parts, 1):
        outputs += caller.send("conversation.item.create", item={"type": "message", "role": role, "content": [part]})
        outputs += caller.send("conversation.item.retrieve", item_id=f"item_{number}")
    return [*outputs, *caller.send("conversation.item.delete", item_id="item_1")]


def _failures() -> list[fx.Output]:
    caller = Caller()
    outputs = caller.send("response.create")
    outputs += caller.tell(fx.AnswerFailed(response_id="resp_1", code="engine_failed", message="Broken."))
    return [*outputs, *caller.send("nonsense", event_id="mine"), *caller.send("response.cancel")]


def _idle() -> list[fx.Output]:
    caller = Caller(can=replace(CAN, tokens_per_minute=100))
    outputs = caller.detect(type="server_vad", idle_timeout_ms=6000)
    outputs += [*caller.send("response.create"), *caller.finish(input_tokens=150)]
    caller.now += 6.0
    return [*outputs, *caller.tell(fx.Tick())]


def _able() -> list[fx.Output]:
    logprobs = "item.input_audio_transcription.logprobs"
    prompts = {"pmpt_1": StoredPrompt(version="1", versions={"1": "Greet {{name}}."})}
    features = ("prompt", "keywords", "languages", "delay", "logprobs")
    can = replace(
        CAN,
        reasoning=True,
        parallel_tool_calls=True,
        noise_reduction=True,
        tracing=True,
        prompts=prompts,
        transcription_features=features,
    )
    caller = Caller(can=can)
    transcription = {"delay": "low", "keywords": ["Anna"], "languages": ["en"]}
    noise = {"type": "near_field", "strength": 0.5}
    ratio = {"type": "retention_ratio", "retention_ratio": 0.5, "token_limits": {"post_instructions": 500}}
    outputs = caller.update(
        audio={"input": {"transcription": transcription, "noise_reduction": noise}},
        reasoning={"effort": "low"},
        parallel_tool_calls=True,
        include=[logprobs],
        tracing={"workflow_name": "w", "metadata": {"k": 1}},
        truncation=ratio,
        prompt={"id": "pmpt_1", "variables": {"name": {"type": "input_text", "text": "Anna"}}},
    )
    anna = (TokenLogprob(token=" Anna", bytes=tuple(b" Anna"), logprob=-0.5),)
    outputs += caller.hear(640, 0.9)
    for _ in range(2):
        outputs += caller.tell(fx.Hypothesis(item_id="item_1", text="Anna", logprobs=anna))
    outputs += caller.hear(224, 0.0)
    ready = fx.TranscriptReady(item_id="item_1", text="Anna.", seconds=0.84, language="de", logprobs=anna)
    return [*outputs, *caller.tell(ready), *_transcription_session(can)]


def _transcription_session(can: Capabilities) -> list[fx.Output]:
    caller = Caller(can=can, settings=opening("transcription", "sess_1", "gpt-realtime", "alloy", can))
    session = {"type": "transcription", "audio": {"input": {"transcription": {"model": "whisper-1"}}}}
    outputs = [*caller.started, *caller.send("session.update", session=session), *caller.speak_turn()]
    return [*outputs, *caller.send("response.create")]


def _called() -> list[fx.Output]:
    caller = Caller(can=replace(CAN, media=True))
    outputs = [*caller.send("response.create"), *caller.answer()]
    outputs += caller.tell(fx.PlaybackStarted(response_id="resp_1"))
    outputs += caller.tell(fx.PlaybackStopped(response_id="resp_1"))
    outputs += [*caller.send("response.create"), *caller.words("Well.", "resp_2"), *caller.sound(500, "resp_2")]
    outputs += [*caller.send("output_audio_buffer.clear"), *caller.tell(fx.PlayoutCleared(played={"resp_2": 2400}))]
    return [*outputs, *caller.tell(fx.KeyPressed(key="#", at=1_800_000_000))]


def _tools() -> list[fx.Output]:
    parameters = {"type": "object", "properties": {"town": {"type": "string"}}}
    tools = [{"type": "function", "name": "weather", "description": "Of a town.", "parameters": parameters}]
    caller = Caller(can=replace(CAN, tools=True), tools=tools)
    outputs = caller.update(tool_choice={"type": "function", "name": "weather"})
    outputs += caller.send("response.create", response={"tool_choice": "required"})
    outputs += [*caller.call("weather", "{", "}"), *caller.finish()]
    result = {"type": "function_call_output", "call_id": "call_1", "output": "Rain."}
    return [*outputs, *caller.send("conversation.item.create", item=result)]


def _mcp() -> list[fx.Output]:
    caller = calling("find", server_description="Sells tea.", allowed_tools=["find", "buy"], headers={"a": "b"})
    outputs = [*caller.updated, *caller.returned("item_2"), *caller.finish("resp_2")]
    for fault in (
        HttpFault(code=503, message="Closed."),
        ProtocolFault(code=-32602, message="No such thing."),
        ExecutionFault(message="Sold out."),
    ):
        failing = calling(finished=False)
        failing.finish()
        outputs += failing.broken("item_2", fault)
    for approve in (True, False):
        asking = shopping(require_approval={"never": {"read_only": True}, "always": {"tool_names": ["buy"]}})
        outputs += [*asking.updated, *asking.send("response.create"), *asking.call("buy", "{", "}"), *asking.finish()]
        outputs += asking.decide("item_2", approve, reason="I want it.")
        outputs += asking.returned("item_4") if approve else []
    cut = calling("buy")
    outputs += [*cut.send("response.cancel"), *cut.returned("item_2")]
    fresh = shopping()
    outputs += [*fresh.send("response.create"), *fresh.call("find", "{", "}")]
    missing = McpCaller(SHOP, tool_choice={"type": "mcp", "server_label": "shop"})
    return [*outputs, *missing.updated, *missing.tell(fx.ToolsMissing(item_id="item_1", message="Nobody there."))]


def _random() -> list[fx.Output]:
    random, outputs = Random(5), []

    class Recording(World):
        def _take(self, new: list[fx.Output]) -> None:
            outputs.extend(new)
            super()._take(new)

    world = Recording()
    for _ in range(5000):
        world.step(random.choice(sorted(MAKERS)), random)
    world.finish()
    return outputs

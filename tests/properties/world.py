"""A session amid random clients and engines: any event that either could ever send, in any order."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from msgspec.structs import replace
from tests.core.caller import CAN, SETTINGS, b64, pcm
from tests.core.mcp_caller import SHOP, TOOLS
from tests.core.test_images import png, uri
from tests.properties.wire_rules import WireRules

from vivavoce.core import effects as fx
from vivavoce.core.ids import CountingIds
from vivavoce.core.session import Session
from vivavoce.protocol import server as wire
from vivavoce.protocol.codec import decode
from vivavoce.protocol.errors import ProtocolError
from vivavoce.protocol.items import ExecutionFault, HttpFault, McpFault

CAPABLE = replace(
    CAN,
    tools=True,
    images=True,
    mcp=(),
    transcription_features=("prompt", "delay"),
    filler="One moment.",
    filler_after_s=0.5,
)
DUPLEX = replace(CAN, duplex=True, hears=True, transcription_features=("prompt", "delay"))
FRAME = 768
"""Samples of a VAD frame."""
EXPIRES_IN = 1000.0
LAG = 1536
"""How long the VAD goes on hearing voice, in samples."""
RECENT = 5
"""How many of the latest ids an event chooses from: most that matters happens to those."""


class World:
    """One session, what the client and the engines know of it, and the rules that it must keep."""

    def __init__(self, media: bool = False, duplex: bool = False) -> None:
        """`media`: a call, whose audio is on a line of its own. `duplex`: the model speaks by itself."""
        self.now = 0.0
        self.rules = WireRules()
        can = replace(DUPLEX if duplex else CAPABLE, media=media)
        self.session = Session(SETTINGS, can, CountingIds(), self.now, EXPIRES_IN)
        self.line: dict[str, int] = {}
        """Samples of each answer that the line was given and has not played to its end."""
        self.responses: list[str] = ["resp_nobody"]
        self.callable: dict[str, list[str]] = {}
        """What each of them may call."""
        self.items: list[str] = ["item_nobody"]
        self.estimates: list[int] = [0]
        self.looks: list[fx.Transcribe] = []
        """The latest tentative transcriptions."""
        self.asked: list[str] = ["item_nobody"]
        """What MCP servers were asked."""
        self.reached: Counter[str] = Counter()
        """How often each kind of output came, and each end of a response."""
        self.voiced = False
        """What the caller does: people speak, and are silent, for longer than a frame."""
        self._heard = self._judged = 0
        """The VAD's place in the stream: what it was given, and what it has reported."""
        self._take(self.session.start())

    def step(self, kind: str, random: Random) -> None:
        """One event of this kind, and every rule."""
        event = MAKERS[kind](self, random)
        before = self._state()
        self.now += random.random()
        outputs = self.session.handle(event, self.now)
        self._take(outputs)
        if any(isinstance(output, wire.ErrorEvent) for output in outputs) and not isinstance(event, fx.Tick):
            assert self._state() == before, f"a refused {kind} changes nothing"

    def finish(self) -> None:
        """Let every response come to its end."""
        for _ in range(3):  # the end of one may begin another, which was owed, and that another
            for item_id in list(self.rules.listing):
                self._take(self.session.handle(fx.ToolsMissing(item_id=item_id, message="Gone."), self.now))
            for item_id in list(self.rules.calling):
                self._take(self.session.handle(fx.ToolReturned(item_id=item_id, output="Tea."), self.now))
            for response_id in list(self.rules.active):
                self._take(self.session.handle(fx.AnswerFinished(response_id=response_id), self.now))
        self.rules.check_finished()

    def frame(self, type_: str, **fields: Any) -> fx.Input:
        """A client event as the runtime passes it on."""
        try:
            event: Any = decode(json.dumps({"type": type_, **fields}))
        except ProtocolError as error:
            return fx.BadFrame(code=error.code, message=error.message, param=error.param, event_id=error.event_id)
        return event  # type: ignore[no-any-return]

    def next_frame(self) -> int:
        """The end of the next frame that the VAD can judge; the latest one again when there is none."""
        if self._judged + FRAME <= self._heard:
            self._judged += FRAME
        return self._judged

    def _take(self, outputs: list[fx.Output]) -> None:
        self.rules.check(outputs)
        for output in outputs:
            self.reached[type(output).__name__] += 1
            match output:
                case wire.ResponseDone():
                    self.reached[output.response.status] += 1
                case fx.StartResponse():
                    self.responses.append(output.response_id)
                    self.callable[output.response_id] = [tool.name for tool in output.context.tools]
                case fx.ListTools() | fx.CallTool():
                    self.asked.append(output.item_id)
                case fx.EstimateTurn():
                    self.estimates.append(output.at)
                case fx.Transcribe(tentative=True):
                    self.looks = [*self.looks[-1:], output]
                case fx.Listen():
                    if output.start != self._heard:  # the VAD was switched off meanwhile
                        self._judged = output.start
                    self._heard = output.start + len(output.pcm) // 2
                case wire.ConversationItemAdded():
                    self.items.append(output.item.id)
                case fx.Play():
                    self.line[output.response_id] = self.line.get(output.response_id, 0) + len(output.pcm) // 2
                case fx.ClearPlayout():
                    played = {response_id: samples // 2 for response_id, samples in self.line.items()}
                    self.line.clear()
                    self._take(self.session.handle(fx.PlayoutCleared(played=played), self.now))

    def _state(self) -> tuple[object, ...]:
        """All that an event could change, as far as it costs nothing to look at."""
        session = self.session
        conversation, responding, hearing = session._conversation, session._responding, session._hearing
        return (
            session.settings,
            len(conversation._items),
            conversation.tail,
            conversation.has_spoken,
            dict(session._mcp.known),
            tuple(session._mcp._requests),
            tuple(session._mcp._detached),
            tuple(responding._active),
            responding._default,
            responding._owed,
            hearing.announced,
            hearing._buffer.start,
            hearing._buffer.end,
            hearing._turns.speaking,
            hearing._turns.start,
        )


# --- events ---

Maker = Callable[[World, Random], fx.Input]


def _some(random: Random, ids: list[str]) -> str:
    return random.choice(ids[-RECENT:])


def _id(world: World, random: Random) -> str | None:
    """An id for a new item: mostly none; else the client's own (few, so that they clash) or one that is taken."""
    match random.randrange(6):
        case 0:
            return f"mine_{random.randrange(40)}"
        case 1:
            return world.rules.announced or _some(random, world.items)
    return None


PARTS: list[tuple[str, dict[str, Any]]] = [
    ("user", {"type": "input_text", "text": "Hello."}),
    ("system", {"type": "input_text", "text": "Be quick."}),
    ("assistant", {"type": "output_text", "text": "Hi."}),
    ("user", {"type": "input_audio", "audio": b64(pcm(20))}),
    ("user", {"type": "input_audio", "transcript": "Hello."}),
    ("user", {"type": "input_audio"}),
    ("user", {"type": "input_image", "image_url": uri(png())}),
    ("user", {"type": "input_image", "image_url": "data:image/png;base64,"}),
    ("assistant", {"type": "input_text", "text": "No."}),
]


CALLS: list[dict[str, Any]] = [
    {"type": "function_call", "name": "look", "arguments": "{}", "call_id": "mine"},
    {"type": "function_call", "name": "look", "arguments": "{}"},
    {"type": "function_call", "name": "look", "arguments": "["},
    {"type": "function_call_output", "call_id": "mine", "output": "Nothing."},
]


def _item(world: World, random: Random) -> dict[str, Any]:
    match random.randrange(8):
        case 2:
            requests = [*world.session._mcp._requests, _some(random, world.items)]
            approval = {"approval_request_id": random.choice(requests), "approve": random.random() < 0.7}
            return {"type": "mcp_approval_response", **approval, "id": _id(world, random)}
        case 0:
            return {**random.choice(CALLS), "id": _id(world, random)}
        case 1:
            call_id = f"call_{random.randrange(1, 3 + len(world.responses))}"
            return {"type": "function_call_output", "call_id": call_id, "output": "Sun.", "id": _id(world, random)}
    role, part = random.choice(PARTS)
    return {"type": "message", "role": role, "content": [part], "id": _id(world, random)}


def _create_item(world: World, random: Random) -> fx.Input:
    place = random.choice([None, None, "root", _some(random, world.items), "nobody"])
    return world.frame("conversation.item.create", item=_item(world, random), previous_item_id=place)


def _retrieve(world: World, random: Random) -> fx.Input:
    return world.frame("conversation.item.retrieve", item_id=_some(random, world.items))


def _delete(world: World, random: Random) -> fx.Input:
    return world.frame("conversation.item.delete", item_id=_some(random, world.items))


def _truncate(world: World, random: Random) -> fx.Input:
    return world.frame(
        "conversation.item.truncate",
        item_id=_some(random, world.items),
        content_index=random.choice([0, 0, 0, 1]),
        audio_end_ms=random.choice([0, 10, 40, 100, 10_000]),
    )


DETECTIONS: list[dict[str, Any] | None] = [
    None,
    {"type": "server_vad"},
    {"type": "server_vad", "interrupt_response": False},
    {"type": "server_vad", "create_response": False},
    {"type": "server_vad", "silence_duration_ms": 0, "prefix_padding_ms": 0},
    {"type": "server_vad", "prefix_padding_ms": 60_000, "threshold": 0.9},
    {"type": "server_vad", "idle_timeout_ms": 5000},
    {"type": "semantic_vad", "eagerness": "high"},
    {"type": "semantic_vad", "eagerness": "low", "interrupt_response": False},
]
SESSIONS: list[dict[str, Any]] = [
    {"type": "realtime"},
    {"type": "realtime", "output_modalities": ["text"]},
    {"type": "realtime", "output_modalities": ["audio"], "instructions": "Sing."},
    {"type": "realtime", "audio": {"output": {"voice": "echo", "format": {"type": "audio/pcmu"}}}},
    {"type": "realtime", "audio": {"output": {"voice": "alloy", "format": {"type": "audio/pcm", "rate": 24000}}}},
    {"type": "realtime", "audio": {"input": {"transcription": {"model": "base"}}}},
    {"type": "realtime", "audio": {"input": {"transcription": {"delay": "minimal"}}}},
    {"type": "realtime", "audio": {"input": {"transcription": {"delay": "high"}}}},
    {"type": "realtime", "audio": {"input": {"transcription": None}}},
    {"type": "realtime", "max_output_tokens": 5, "tools": [{"type": "function"}]},
    {"type": "realtime", "tools": [{"type": "function", "name": "look"}], "tool_choice": "required"},
    {"type": "realtime", "tools": [], "tool_choice": "auto"},
    {"type": "realtime", "tool_choice": {"type": "function", "name": "look"}},
    {"type": "realtime", "instructions": "No.", "audio": {"output": {"voice": "nobody"}}},
    {"type": "transcription"},
]
SERVERS: list[list[dict[str, Any]]] = [
    [SHOP, {**SHOP, "server_label": "mall"}],
    [SHOP, {"type": "function", "name": "look"}],
    [{"type": "mcp", "server_label": "shop", "allowed_tools": ["find"]}],
    [{**SHOP, "authorization": "t"}],
    [{**SHOP, "require_approval": {"never": {"read_only": True}}}],
    [SHOP, SHOP],
]


def _servers(world: World, random: Random) -> fx.Input:
    session: dict[str, Any] = {"type": "realtime", "tools": random.choice(SERVERS)}
    session["tool_choice"] = random.choice(["auto", "auto", "none", {"type": "mcp", "server_label": "shop"}])
    return world.frame("session.update", session=session)


def _update(world: World, random: Random) -> fx.Input:
    if random.random() < 0.5:
        detection = random.choice(DETECTIONS)
        return world.frame(
            "session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": detection}}}
        )
    return world.frame("session.update", session=random.choice(SESSIONS))


def _create_response(world: World, random: Random) -> fx.Input:
    response: dict[str, Any] = {"conversation": random.choice(["auto", "auto", "none"])}
    match random.randrange(6):
        case 0:
            reference = {"type": "item_reference", "id": _some(random, world.items)}
            response["input"] = [_item(world, random), reference]
        case 1:
            response["output_modalities"] = random.choice([["text"], ["audio"], ["text", "audio"]])
        case 2:
            response["audio"] = {"output": {"voice": random.choice(["alloy", "echo", "nobody"])}}
        case 3:
            response["tools"] = [{}]
    return world.frame("response.create", response=response)


def _cancel(world: World, random: Random) -> fx.Input:
    return world.frame("response.cancel", response_id=random.choice([None, _some(random, world.responses)]))


def _audio(world: World, random: Random) -> fx.Input:
    return fx.AudioIn(pcm=pcm(random.choice([1, 20, 32, 100])))


def _bad(world: World, random: Random) -> fx.Input:
    return world.frame(random.choice(["input_audio_buffer.append", "nonsense"]), audio="%")


def _voice(world: World, random: Random) -> fx.Input:
    return fx.SpeechLikelihood(probability=random.uniform(0.7, 1), end=world.next_frame(), samples=FRAME, lag=LAG)


def _silence(world: World, random: Random) -> fx.Input:
    return fx.SpeechLikelihood(probability=random.uniform(0, 0.6), end=world.next_frame(), samples=FRAME, lag=LAG)


def _frame(world: World, random: Random) -> fx.Input:
    if random.random() < 0.06:
        world.voiced = not world.voiced
    return (_voice if world.voiced else _silence)(world, random)


def _estimate(world: World, random: Random) -> fx.Input:
    return fx.TurnEstimate(at=random.choice(world.estimates[-2:]), probability=random.random())


def _transcript(world: World, random: Random) -> fx.Input:
    return fx.TranscriptReady(item_id=_some(random, world.items), text=random.choice(["", "Hello."]), seconds=1.0)


def _no_transcript(world: World, random: Random) -> fx.Input:
    return fx.TranscriptMissing(item_id=_some(random, world.items), code="engine_failed", message="Broken.")


def _hypothesis(world: World, random: Random) -> fx.Input:
    look = random.choice(world.looks) if world.looks else fx.Transcribe(item_id="item_nobody", pcm=b"", voice_end=None)
    return fx.Hypothesis(
        item_id=random.choice([look.item_id, world.rules.announced or _some(random, world.items)]),
        text=random.choice(["", "Well", "Well, no", "well no. Now", "東京"]),
        start=look.start,
        end=look.start + len(look.pcm) // random.choice([2, 3]),
        voice_end=look.voice_end,
        settle=look.settle,
    )


def _began(world: World, random: Random) -> fx.Input:
    return fx.AnswerBegan(response_id=_some(random, world.responses))


def _words(world: World, random: Random) -> fx.Input:
    return fx.AnswerText(response_id=_some(random, world.responses), text=random.choice(["", "Well, ", "yes."]))


def _times(world: World, random: Random) -> fx.Input:
    ends = sorted((random.randrange(8), random.randrange(960)) for _ in range(random.randrange(3)))
    return fx.AnswerTimes(response_id=_some(random, world.responses), ends=tuple(ends))


def _sound(world: World, random: Random) -> fx.Input:
    return fx.AnswerAudio(response_id=_some(random, world.responses), data=pcm(20), samples=480)


def _call(world: World, random: Random) -> fx.Input:
    response_id = _some(random, world.responses)
    return fx.AnswerCall(response_id=response_id, name=random.choice(world.callable.get(response_id) or ["look"]))


def _arguments(world: World, random: Random) -> fx.Input:
    return fx.AnswerArguments(response_id=_some(random, world.responses), delta=random.choice(["{", "}", "", '"a"']))


def _called(world: World, random: Random) -> fx.Input:
    return fx.AnswerCalled(response_id=_some(random, world.responses))


def _listed(world: World, random: Random) -> fx.Input:
    return fx.ToolsListed(item_id=_some(random, world.asked), tools=TOOLS[: random.randrange(3)])


def _unlisted(world: World, random: Random) -> fx.Input:
    return fx.ToolsMissing(item_id=_some(random, world.asked), message="Nobody there.")


def _returned(world: World, random: Random) -> fx.Input:
    return fx.ToolReturned(item_id=_some(random, world.asked), output=random.choice(["", "Tea."]))


def _unreturned(world: World, random: Random) -> fx.Input:
    faults: list[McpFault] = [HttpFault(code=500, message="No."), ExecutionFault(message="No.")]
    fault = random.choice(faults)
    return fx.ToolFailed(item_id=_some(random, world.asked), fault=fault)


def _finished(world: World, random: Random) -> fx.Input:
    return fx.AnswerFinished(
        response_id=_some(random, world.responses), reason=random.choice(["stop", "length", "content_filter"])
    )


def _failed(world: World, random: Random) -> fx.Input:
    return fx.AnswerFailed(response_id=_some(random, world.responses), code="engine_failed", message="Broken.")


def _uncleaned(world: World, random: Random) -> fx.Input:
    return fx.NoiseReductionFailed(code="engine_failed", message="Broken.")


def _plays(world: World, random: Random) -> fx.Input:
    return fx.PlaybackStarted(response_id=_some(random, world.responses))


def _played(world: World, random: Random) -> fx.Input:
    response_id = _some(random, world.responses)
    world.line.pop(response_id, None)
    return fx.PlaybackStopped(response_id=response_id)


def _cleared(world: World, random: Random) -> fx.Input:
    played = {response_id: random.choice([samples, samples // 2, 10**9]) for response_id, samples in world.line.items()}
    world.line.clear()
    return fx.PlayoutCleared(played=played)


def _pressed(world: World, random: Random) -> fx.Input:
    return fx.KeyPressed(key=random.choice("0159*#D"), at=1_800_000_000)


def _tick(world: World, random: Random) -> fx.Input:
    return fx.Tick()


MAKERS: dict[str, Maker] = {
    "session.update": _update,
    "input_audio_buffer.append": _audio,
    "input_audio_buffer.commit": lambda world, random: world.frame("input_audio_buffer.commit"),
    "output_audio_buffer.clear": lambda world, random: world.frame("output_audio_buffer.clear"),
    "input_audio_buffer.clear": lambda world, random: world.frame("input_audio_buffer.clear"),
    "conversation.item.create": _create_item,
    "conversation.item.retrieve": _retrieve,
    "conversation.item.truncate": _truncate,
    "conversation.item.delete": _delete,
    "response.create": _create_response,
    "response.cancel": _cancel,
    "bad frame": _bad,
    "voice": _voice,
    "silence": _silence,
    "frame": _frame,
    "turn estimate": _estimate,
    "transcript": _transcript,
    "no transcript": _no_transcript,
    "hypothesis": _hypothesis,
    "first token": _began,
    "words": _words,
    "times": _times,
    "sound": _sound,
    "call": _call,
    "arguments": _arguments,
    "called": _called,
    "servers": _servers,
    "tools listed": _listed,
    "tools missing": _unlisted,
    "tool returned": _returned,
    "tool failed": _unreturned,
    "finished": _finished,
    "failed": _failed,
    "uncleaned": _uncleaned,
    "line plays": _plays,
    "line played": _played,
    "line cleared": _cleared,
    "key": _pressed,
    "tick": _tick,
    "speaks": lambda world, random: fx.Speaks(),
    "joined": lambda world, random: fx.Joined(),
}
OFTEN = {
    "input_audio_buffer.append": 30,
    "frame": 40,
    "words": 4,
    "sound": 4,
    "turn estimate": 2,
    "call": 4,
    "called": 4,
}
"""What a conversation is mostly made of; everything else once in so many."""

"""`session.update`: what is accepted takes effect and shows, what is refused changes nothing (PROTOCOL.md 2.1, 3)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from vivavoce.conformance.client import Suite
from vivavoce.conformance.steps import (
    answered,
    ask,
    differing,
    expect,
    in_force,
    not_offered,
    refused,
    unchanged,
)
from vivavoce.conformance.verdict import Check, Failed, NotOffered, Section
from vivavoce.testing.client import Event, at, text

_TOOL = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}
_INPUT = "audio.input"
_DETECTION = "audio.input.turn_detection"
_CAPTIONS = "audio.input.transcription"
_OUTPUT = "audio.output"


def nested(path: str, value: object) -> dict[str, object]:
    """`{"a": {"b": value}}` for `a.b`."""
    for name in reversed(path.split(".")):
        value = {name: value}
    assert isinstance(value, dict)
    return value


async def accepted(
    suite: Suite, path: str, value: object, shown: tuple[object, ...] = (), base: Mapping[str, object] | None = None
) -> None:
    """One setting: it shows in `session.updated` and nothing else changes, or it is refused by name.

    `shown` are the values that it may be shown as, where that is not the value that was sent. `base` are settings
    that it may need, sent before it; a server that refuses them is asked without them.
    """
    async with suite.session() as wire:
        if base:
            await wire.send("session.update", session={"type": "realtime", **base})
            await wire.next("session.updated", "error")
        before = await in_force(wire)
        event_id = await wire.send("session.update", session={"type": "realtime", **nested(path, value)})
        event = await wire.next("session.updated", "error")
        if event.get("type") == "error":
            expect(at(event, "error", "event_id") == event_id, "The error should echo the event_id.", event)
            await unchanged(wire, before, f"A refused {path}")
            not_offered(event, f"session.{path}")
        session = at(event, "session")
        now = at(session, *path.split("."))
        holds = any(_within(wanted, now) for wanted in shown or (value,))
        expect(holds, f"session.updated should show {path} as {value!r}, not {now!r}.", event)
        place = f"session.{path}"
        others = [each for each in differing(before, session) if not _one_in_other(each, place)]
        expect(not others, f"A change of {path} should leave {', '.join(others)} alone.", event)
        later = at(await in_force(wire), *path.split("."))
        expect(now == later, f"{path} should stay {now!r}, as session.updated showed it, and not become {later!r}.")


def _one_in_other(path: str, other: str) -> bool:
    return path.startswith(other) or other.startswith(path)


def _within(wanted: object, shown: object) -> bool:
    """Whether all that was sent is shown; a server may fill in what was left out."""
    if isinstance(wanted, dict):
        return isinstance(shown, dict) and all(
            name in shown and _within(value, shown[name]) for name, value in wanted.items()
        )
    return wanted == shown


def accepts(
    path: str, value: object, shown: tuple[object, ...] = (), base: Mapping[str, object] | None = None
) -> Callable[[Suite], Awaitable[None]]:
    """`accepted` as a check."""

    async def run(suite: Suite) -> None:
        await accepted(suite, path, value, shown, base)

    return run


def refuses(session: Mapping[str, object], param: str | None, *codes: str) -> Callable[[Suite], Awaitable[None]]:
    """A check that an update is refused whole: it comes with a change of the instructions that must not happen."""

    async def run(suite: Suite) -> None:
        async with suite.session() as wire:
            before = await in_force(wire)
            event_id = await wire.send("session.update", session={"instructions": "Not to be.", **session})
            event = await refused(wire, event_id, "this session.update", codes=codes)
            if param is not None:
                said = text(event, "error", "param")
                near = said.startswith(param) or param.startswith(f"{said}.")
                expect(near and said, f"The error should have the param {param!r}, not {said!r}.", event)
            await unchanged(wire, before, "A refused session.update")

    return run


_WHOLE: Mapping[str, tuple[type, ...]] = {
    "id": (str,),
    "object": (str,),
    "model": (str,),
    "expires_at": (int,),
    "output_modalities": (list,),
    "instructions": (str,),
    "tools": (list,),
    "tool_choice": (str, dict),
    "max_output_tokens": (int, str),
    "truncation": (str, dict),
    "audio.input.format": (dict,),
    "audio.input.transcription": (dict, type(None)),
    "audio.input.noise_reduction": (dict, type(None)),
    "audio.input.turn_detection.type": (str,),
    "audio.input.turn_detection.threshold": (int, float),
    "audio.input.turn_detection.prefix_padding_ms": (int,),
    "audio.input.turn_detection.silence_duration_ms": (int,),
    "audio.output.format": (dict,),
    "audio.output.voice": (str,),
    "audio.output.speed": (int, float),
}
"""What the effective session of a new connection shows, with server_vad as its turn detection (3.1)."""


async def whole(suite: Suite) -> None:
    async with suite.session(audio=nested("input.turn_detection", {"type": "server_vad"})) as wire:
        event = wire.events[-1]
        for path, kind in _WHOLE.items():
            *place, name = path.split(".")
            holder = at(event, "session", *place)
            there = isinstance(holder, dict) and name in holder and isinstance(holder[name], kind)
            expect(there, f"session.updated should show {path}.", event)


async def as_created(suite: Suite) -> None:
    async with suite.session() as wire:
        created = at(wire.events[0], "session")
        others = differing(created, await in_force(wire))
        expect(not others, f"session.created should show what is in force: {', '.join(others)}.", wire.events[0])


async def merges(suite: Suite) -> None:
    async with suite.session(instructions="First.", max_output_tokens=100) as wire:
        await wire.send("session.update", session={"type": "realtime", "instructions": ""})
        event = await wire.next("session.updated")
        expect(at(event, "session", "instructions") == "", 'instructions "" should clear them.', event)
        kept = at(event, "session", "max_output_tokens")
        expect(kept == 100, f"max_output_tokens should stay 100 when it is left out, not become {kept!r}.", event)


async def same_model(suite: Suite) -> None:
    async with suite.session() as wire:
        model = text(wire.events[0], "session", "model")
        await wire.send("session.update", session={"type": "realtime", "model": model})
        event = await wire.next("session.updated")
        expect(text(event, "session", "model") == model, "The model should stay the same.", event)


async def keeps_voice(suite: Suite) -> None:
    async with suite.session() as wire:
        voice = text(wire.events[0], "session", "audio", "output", "voice")
        await ask(wire)
        await answered(wire)
        other = "cedar" if voice != "cedar" else "alloy"
        event_id = await wire.send("session.update", session=_voiced(other))
        codes = ("cannot_update_voice", "invalid_value", "unsupported_value")
        await refused(wire, event_id, "another voice after the assistant was heard", codes=codes)
        await wire.send("session.update", session=_voiced(voice))
        await wire.next("session.updated")


def _voiced(voice: str) -> dict[str, object]:
    return {"type": "realtime", "audio": {"output": {"voice": voice}}}


async def unknown_prompt(suite: Suite) -> None:
    async with suite.session() as wire:
        before = await in_force(wire)
        await wire.send("session.update", session={"type": "realtime", "prompt": {"id": "pmpt_no_such_prompt"}})
        event = await wire.next("session.updated", "error")
        if event.get("type") == "session.updated":
            raise Failed("A stored prompt that there is not should be refused.", event)
        await unchanged(wire, before, "A refused prompt")
        if at(event, "error", "code") == "unsupported_value":
            not_offered(event, "session.prompt")


async def another_voice(suite: Suite) -> None:
    async with suite.session() as wire:
        voice = text(wire.events[0], "session", "audio", "output", "voice")
    await accepted(suite, "audio.output.voice", "cedar" if voice != "cedar" else "alloy")


async def tools(suite: Suite) -> None:
    await accepted(suite, "tools", [_TOOL], shown=_TOOLS_SHOWN)


_TOOLS_SHOWN = ([_TOOL], [{**_TOOL, "description": None}], [{**_TOOL, "description": ""}])


async def modality_matters(suite: Suite) -> None:
    async with suite.session() as wire:
        await wire.send("session.update", session={"type": "realtime", "output_modalities": ["text"]})
        event = await wire.next("session.updated", "error")
        if event.get("type") == "error":
            raise NotOffered(text(event, "error", "message"))
        await ask(wire)
        answer = await answered(wire)
        expect(not answer.audio(), "A session for text should give no audio.", answer.done)
        expect(at(answer.done, "response", "output_modalities") == ["text"], "It should say text.", answer.done)


_VAD: Event = {
    "type": "server_vad",
    "threshold": 0.6,
    "prefix_padding_ms": 200,
    "silence_duration_ms": 700,
    "create_response": False,
    "interrupt_response": False,
}
_SEMANTIC: Event = {"type": "semantic_vad", "eagerness": "high", "create_response": True, "interrupt_response": False}
_WHISPER: Event = {"model": "whisper-1", "language": "en"}
_RATIO: Event = {"type": "retention_ratio", "retention_ratio": 0.8, "token_limits": {"post_instructions": 4000}}
_LOGPROBS = ["item.input_audio_transcription.logprobs"]
_NEAR: Event = {"type": "near_field", "strength": 0.5}
_TRACING: Event = {"workflow_name": "check", "group_id": "1", "metadata": {"a": "b"}}
_IDLE: Event = {"type": "server_vad", "idle_timeout_ms": 6000}
_R: Event = {"type": "realtime"}


def _captions(model: str) -> dict[str, object]:
    return nested(_CAPTIONS, {"model": model})


def _refused_audio(path: str, value: object) -> dict[str, object]:
    return {**_R, **nested(path, value)}


SECTION = Section(
    "session-update",
    "session.update",
    (
        Check("session.created shows what is in force", as_created),
        Check("a session is shown whole", whole),
        Check("what is left out stays, and empty instructions clear them", merges),
        Check("instructions show", accepts("instructions", "Answer in one short sentence.")),
        Check("output_modalities show", accepts("output_modalities", ["text"])),
        Check("output_modalities take effect", modality_matters),
        Check("max_output_tokens shows", accepts("max_output_tokens", 321)),
        Check("the same model may be sent again", same_model),
        Check("server_vad shows with all its fields", accepts(_DETECTION, _VAD)),
        Check("idle_timeout_ms shows", accepts(_DETECTION, _IDLE)),
        Check("semantic_vad shows with all its fields", accepts(_DETECTION, _SEMANTIC)),
        Check("turn_detection null switches it off", accepts(_DETECTION, None)),
        Check("transcription shows", accepts(_CAPTIONS, _WHISPER)),
        Check(
            "a transcription prompt shows",
            accepts(f"{_CAPTIONS}.prompt", "Vivavoce, Rheinau", base=_captions("whisper-1")),
        ),
        Check(
            "transcription keywords show",
            accepts(f"{_CAPTIONS}.keywords", ["Vivavoce"], base=_captions("gpt-transcribe")),
        ),
        Check(
            "transcription languages show",
            accepts(f"{_CAPTIONS}.languages", ["en", "de"], base=_captions("gpt-transcribe")),
        ),
        Check(
            "transcription delay shows", accepts(f"{_CAPTIONS}.delay", "low", base=_captions("gpt-realtime-whisper"))
        ),
        Check("noise_reduction shows", accepts(f"{_INPUT}.noise_reduction", _NEAR)),
        Check("the input format shows", accepts(f"{_INPUT}.format", {"type": "audio/pcmu"})),
        Check("the output format shows", accepts(f"{_OUTPUT}.format", {"type": "audio/pcma"})),
        Check("another voice shows", another_voice),
        Check("speed shows", accepts(f"{_OUTPUT}.speed", 1.25)),
        Check("tools show", tools),
        Check("tool_choice shows", accepts("tool_choice", "none")),
        Check("parallel_tool_calls shows", accepts("parallel_tool_calls", False)),
        Check("reasoning shows", accepts("reasoning", {"effort": "low"})),
        Check("truncation 'disabled' shows", accepts("truncation", "disabled")),
        Check("truncation with a retention ratio shows", accepts("truncation", _RATIO)),
        Check("include shows", accepts("include", _LOGPROBS)),
        Check("tracing 'auto' is accepted", accepts("tracing", "auto", shown=("auto", None))),
        Check("tracing with a configuration shows", accepts("tracing", _TRACING)),
        Check("an unknown stored prompt is refused", unknown_prompt),
        Check("a voice that was heard is kept", keeps_voice),
        Check("an update without a type is refused", refuses({}, "session.type", "missing_required_parameter")),
        Check(
            "an unknown key is refused by its name", refuses({**_R, "bogus": 1}, "session.bogus", "unknown_parameter")
        ),
        Check(
            "an unknown turn detection is refused",
            refuses(_refused_audio(_DETECTION, {"type": "no_vad"}), f"session.{_DETECTION}.type", "invalid_value"),
        ),
        Check("text and audio together are refused", refuses({**_R, "output_modalities": ["text", "audio"]}, None)),
        Check("an unknown modality is refused", refuses({**_R, "output_modalities": ["smell"]}, None)),
        Check(
            "a rate of 16 kHz is refused",
            refuses(
                _refused_audio(f"{_INPUT}.format", {"type": "audio/pcm", "rate": 16000}),
                f"session.{_INPUT}.format.rate",
            ),
        ),
        Check(
            "audio/pcm without a rate is refused",
            refuses(
                _refused_audio(f"{_INPUT}.format", {"type": "audio/pcm"}),
                f"session.{_INPUT}.format.rate",
                "missing_required_parameter",
            ),
        ),
        Check(
            "G.711 with a rate is refused",
            refuses(
                _refused_audio(f"{_OUTPUT}.format", {"type": "audio/pcmu", "rate": 8000}),
                f"session.{_OUTPUT}.format.rate",
                "unknown_parameter",
            ),
        ),
        Check(
            "semantic_vad with a silence duration is refused",
            refuses(
                _refused_audio(_DETECTION, {"type": "semantic_vad", "silence_duration_ms": 500}),
                f"session.{_DETECTION}",
            ),
        ),
    ),
)

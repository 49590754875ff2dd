"""What that server is told of a prompt beside its messages (PROTOCOL.md 3.1, 3.9)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from vivavoce.audio.pcm import WIRE_RATE
from vivavoce.engines.calls import callable_tools
from vivavoce.engines.realtime.events import Audio, Format, Session
from vivavoce.engines.realtime.link import Json
from vivavoce.ports import Prompt, Retention, Tool, Voice

FORMAT: Json = {"type": "audio/pcm", "rate": WIRE_RATE}


def session(prompt: Prompt, before: Json | None) -> Json:
    """The session for such prompts. `before`: the one in force; what was named there is named again.

    What has a default that every server knows is not named while it has it: not every server knows the field.
    """
    output: dict[str, object] = {"format": FORMAT, "voice": prompt.voice.name}
    settings: dict[str, object] = {
        "type": "realtime",
        "instructions": prompt.instructions,
        "output_modalities": ["audio" if prompt.spoken else "text"],
        "tools": _tools(prompt.tools),
        "audio": {"input": {"format": FORMAT, "turn_detection": None}, "output": output},
    }
    if prompt.voice.speed != 1.0 or _named(before, "audio", "output", "speed"):
        output["speed"] = prompt.voice.speed
    if prompt.truncation != "auto" or _named(before, "truncation"):
        settings["truncation"] = _truncation(prompt)
    return settings


def beside(prompt: Prompt, held: Prompt) -> Prompt:
    """The prompt in force there, with what no answer beside the conversation can be given alone: speed, truncation."""
    speed = prompt.voice.speed if prompt.spoken else held.voice.speed
    return replace(held, voice=Voice(held.voice.name, speed), truncation=prompt.truncation)


def misheard(agreed: Session) -> str | None:
    """Why the voice that goes there or comes from there would be noise: it is in another format than `FORMAT`."""
    audio = agreed.audio or Audio()
    for what, side in (("hears", audio.input), ("speaks", audio.output)):
        told = side.format if side else None
        if isinstance(told, str):
            told = Format("audio/pcm" if told == "pcm16" else told)
        if told and (told.type not in (None, FORMAT["type"]) or told.rate not in (None, FORMAT["rate"])):
            rate = f" at {told.rate:g} Hz" if told.rate else ""
            return f"{what} {told.type}{rate}, and was asked for {FORMAT['type']} at {FORMAT['rate']} Hz"
    return None


def overrides(prompt: Prompt, aside: bool) -> dict[str, object]:
    """What holds for this answer alone; `aside`: it is not one of the session's conversation."""
    params: dict[str, object] = {}
    if prompt.max_tokens is not None:
        params["max_output_tokens"] = prompt.max_tokens
    if prompt.effort is not None:
        params["reasoning"] = {"effort": prompt.effort}
    if prompt.parallel_tool_calls is not None:
        params["parallel_tool_calls"] = prompt.parallel_tool_calls
    if prompt.tool_choice != "auto":
        params["tool_choice"] = prompt.tool_choice
    if prompt.callable is not None and prompt.tool_choice != "none":
        params["tools"] = _tools(callable_tools(prompt))
    if aside:
        params |= {
            "conversation": "none",
            "instructions": prompt.instructions,
            "output_modalities": ["audio" if prompt.spoken else "text"],
            "audio": {"output": {"format": FORMAT, "voice": prompt.voice.name}},
        }
        params.setdefault("tools", _tools(prompt.tools))
    return params


def _tools(tools: Iterable[Tool]) -> list[Json]:
    return [
        {"type": "function", "name": each.name, "description": each.description, "parameters": each.parameters}
        for each in tools
    ]


def _truncation(prompt: Prompt) -> object:
    kept = prompt.truncation
    if not isinstance(kept, Retention):
        return kept
    truncation: dict[str, object] = {"type": "retention_ratio", "retention_ratio": kept.ratio}
    if kept.post_instructions is not None:
        truncation["token_limits"] = {"post_instructions": kept.post_instructions}
    return truncation


def _named(settings: object, *path: str) -> bool:
    for name in path:
        if not isinstance(settings, dict) or name not in settings:
            return False
        settings = settings[name]
    return True

"""A model that hears and speaks all the time decides by itself when: what it cannot be told is refused by name.

It hears the caller's audio and nothing else. So there is no prompt to change, no item to read and no tool to call, and
nobody can ask it for an answer; what it knew before its first audio is what it knows.
"""

from __future__ import annotations

from collections.abc import Iterator

from vivavoce.core import effects as fx
from vivavoce.core.capabilities import Capabilities
from vivavoce.protocol import client as c
from vivavoce.protocol.errors import ProtocolError, unsupported
from vivavoce.protocol.session import ServerVad, SessionObject

_DETECTION = "audio.input.turn_detection"
_DEAF = "The configured model hears the caller's voice and nothing else"


def meets(settings: SessionObject, can: Capabilities) -> list[fx.Output]:
    """The model shall listen, if it does not yet: with the session's first audio, and again with each turn, for it may
    have been lost meanwhile."""
    if not can.duplex or settings.type != "realtime":
        return []
    return [fx.Converse(voice=settings.audio.output.voice, instructions=settings.instructions)]


def check_session(before: SessionObject, after: SessionObject, can: Capabilities, begun: bool) -> None:
    """Raises `ProtocolError` for what a session may not become. `begun`: the model has heard the caller already."""
    if not can.duplex:
        return
    if begun and after.audio.output.voice != before.audio.output.voice:
        message = "Cannot update the voice: the model has it from the first audio on."
        raise ProtocolError("cannot_update_voice", message, param="session.audio.output.voice")
    for param, message in _refused(before, after, can, begun):
        raise unsupported(f"session.{param}", message)


def check_event(event: c.ClientRequest, can: Capabilities) -> None:
    """Raises `ProtocolError` for a request that the model would never learn of."""
    if not can.duplex:
        return
    match event:
        case c.ResponseCreate():
            raise unsupported("type", "The configured model decides by itself when it speaks: it cannot be asked to.")
        case c.ConversationItemCreate():
            raise unsupported("type", f"{_DEAF}: it cannot be given items.")
        case c.ConversationItemDelete():
            raise unsupported("type", f"{_DEAF}: it cannot be made to forget items.")
        case _:
            pass


def _refused(before: SessionObject, after: SessionObject, can: Capabilities, begun: bool) -> Iterator[tuple[str, str]]:
    detection = after.audio.input.turn_detection
    if detection is None:
        yield _DETECTION, "The configured model hears the caller all the time, not only what is committed."
    elif not detection.create_response:
        yield f"{_DETECTION}.create_response", "The configured model decides by itself when it speaks."
    if isinstance(detection, ServerVad) and detection.idle_timeout_ms is not None:
        yield f"{_DETECTION}.idle_timeout_ms", "The configured model cannot be asked to break a silence."
    if after.output_modalities != ("audio",):
        yield "output_modalities", "The configured model speaks, and does not write."
    if after.instructions != before.instructions:
        param = "instructions" if after.prompt == before.prompt else "prompt"
        if not can.instructed:
            yield param, f"{_DEAF}: it takes no instructions."
        elif begun:
            yield param, "The configured model takes its instructions before the first audio, and no others."
    if after.max_output_tokens != "inf":
        yield "max_output_tokens", "The configured model cannot be limited: it speaks until it has finished."
    if after.truncation != "auto":
        yield "truncation", "The configured model remembers what it can: its memory cannot be chosen."

"""The settings of an engine that hears and speaks all the time."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from vivavoce.config.phone import Rule
from vivavoce.config.remote import EngineOptions, Seconds


class MoshiResponder(EngineOptions, frozen=True, kw_only=True, tag="moshi"):
    """Moshi's own server, or PersonaPlex, hears and speaks all the time: no [engines.llm], no [engines.tts]."""

    url: Annotated[
        str, Meta(pattern="^wss?://[^/]", description="Its WebSocket address, as in ws://host:8998/api/chat")
    ]
    voices: Annotated[
        dict[str, str],
        Meta(
            description="Names that callers use, and that server's names for them, as alloy = 'NATF0.pt' "
            "(PersonaPlex). None: it has one voice, which is called moshi."
        ),
    ] = field(default_factory=dict)
    instructed: Annotated[
        bool,
        Meta(description="It takes instructions (PersonaPlex). Otherwise they are refused, and sessions have none."),
    ] = False
    query: Annotated[
        dict[str, object],
        Meta(description="Further parameters of every conversation, such as text_temperature = 0.7 (Rust)."),
    ] = field(default_factory=dict)
    ca: Annotated[
        str | None, Meta(description="PEM file that its certificate is checked by, where it has made its own.")
    ] = None
    conversations: Annotated[
        int, Meta(ge=1, le=10_000, description="How many it has at a time: the servers in Python have one.")
    ] = 1
    connect_timeout_s: Annotated[Seconds, Meta(description="To open a connection.")] = 5.0
    ready_timeout_s: Annotated[Seconds, Meta(description="Until the model has read its prompts and listens.")] = 20.0


def unread(responder: EngineOptions) -> list[str]:
    """Certificates beside an address without any."""
    if not isinstance(responder, MoshiResponder) or responder.ca is None or responder.url.startswith("wss:"):
        return []
    return ["engines.responder.ca: a server at ws:// shows no certificate; its address begins with wss:// if it does."]


def unsaid(name: str, filler: str) -> list[str]:
    """Words for a responder of this name that says its own alone."""
    why = f"the responder {name} says what its model says, and cannot be given the words."
    return [f"tools.filler: {why}"] if filler else []


def ungreeted(name: str, rules: tuple[Rule, ...]) -> list[str]:
    """Rules of the telephone by which a model should greet that cannot be asked to."""
    why = f"the responder {name} decides by itself when it speaks."
    return [f"sip.rules[{index}].greet: {why}" for index, rule in enumerate(rules) if rule.greet]

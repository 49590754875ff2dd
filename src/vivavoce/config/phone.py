"""The settings of who decides about telephone calls: rules, webhooks, and what may be called."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta, field
from msgspec.structs import replace

from vivavoce.config.section import Section, Variable
from vivavoce.protocol.explain import explain
from vivavoce.protocol.session import SessionPatch

_Pattern = Annotated[str, Meta(min_length=1)]


class Webhook(Section, frozen=True, kw_only=True):
    """An application that is told of calls, and decides about them."""

    url: Annotated[str, Meta(pattern="^https?://[^/]", description="Where realtime.call.incoming is posted.")]
    secret: Annotated[
        str | None,
        Meta(description="What it is signed with, as whsec_... (base64); secret_env keeps it out of files."),
    ] = None
    secret_env: Annotated[Variable | None, Meta(description="Environment variable that holds the secret.")] = None
    project: Annotated[str | None, Meta(description="Whose calls; absent: those of no project.")] = None
    timeout_s: Annotated[float, Meta(gt=0, le=60, description="For the answer to one try.")] = 5.0


class Rule(Section, frozen=True, kw_only=True):
    """What happens to a call by itself. Of all conditions each must fit; * in one stands for anything."""

    then: Annotated[
        Literal["accept", "reject", "webhook"],
        Meta(description="webhook: the applications decide, as for calls that no rule fits."),
    ]
    called: Annotated[
        _Pattern | None,
        Meta(description='The number that was called, as "+4930*", or with its host, as "*@a.example".'),
    ] = None
    caller: Annotated[_Pattern | None, Meta(description="Who calls, in the same way. Anybody can claim it.")] = None
    header: Annotated[dict[str, str], Meta(description='Headers of the INVITE, as {"X-Queue" = "sales*"}.')] = field(
        default_factory=dict
    )
    project: Annotated[
        str | None, Meta(description="To whom the call belongs; absent: to the project that is called by its name.")
    ] = None
    status: Annotated[int, Meta(ge=300, le=699, description="SIP status of a rejection.")] = 603
    session: Annotated[
        dict[str, object], Meta(description="The session of an accepted call, as in a client secret.")
    ] = field(default_factory=dict)
    greet: Annotated[bool, Meta(description="An accepted call begins with an answer: the model greets.")] = False

    def __repr__(self) -> str:
        """Tools of a session may hold credentials, which never reach a log."""
        return f"Rule(then={self.then!r}, called={self.called!r}, caller={self.caller!r}, ...)"


class Outbound(Section, frozen=True, kw_only=True):
    """Calls that applications make: POST /v1/realtime/calls with a SIP URI."""

    allow: Annotated[
        tuple[_Pattern, ...],
        Meta(description='Whom they may call, as ("+49*@trunk.example",). None: nobody.'),
    ] = ()
    caller: Annotated[
        Annotated[str, Meta(pattern="^sips?:[^@]+@[^@]+$")] | None,
        Meta(description="Who calls, as sip:+493012345@trunk.example."),
    ] = None
    ring_s: Annotated[
        float, Meta(gt=0, le=3600, description="How long it may ring there before the call is given up.")
    ] = 180.0
    username: Annotated[str | None, Meta(description="For peers that ask for it.")] = None
    password: Annotated[str | None, Meta(description="Its password; password_env keeps it out of files.")] = None
    password_env: Annotated[Variable | None, Meta(description="Environment variable that holds the password.")] = None


def resolve_webhooks(hooks: tuple[Webhook, ...], environ: Mapping[str, str]) -> tuple[tuple[Webhook, ...], list[str]]:
    """With the secrets of the environment filled in, and what is wrong."""
    problems: list[str] = []
    filled = []
    for index, hook in enumerate(hooks):
        place = f"sip.webhooks[{index}]"
        if hook.secret_env:
            found = environ.get(hook.secret_env, "").strip()
            if hook.secret:
                problems.append(f"{place}.secret_env: secret is set too; keep one of them.")
            elif not found:
                problems.append(f"{place}.secret_env: the environment variable {hook.secret_env} is not set.")
            hook = replace(hook, secret=hook.secret or found)
        elif not hook.secret:
            problems.append(f"{place}.secret: it is missing, and without it nobody could tell who posts.")
        if hook.secret and not _is_secret(hook.secret):
            problems.append(f"{place}.secret: what follows whsec_ is not base64.")
        filled.append(hook)
    return tuple(filled), problems


def resolve_outbound(outbound: Outbound, environ: Mapping[str, str]) -> tuple[Outbound, list[str]]:
    """With the password of the environment filled in, and what is wrong."""
    problems: list[str] = []
    if outbound.password_env:
        found = environ.get(outbound.password_env, "").strip()
        if outbound.password:
            problems.append("sip.outbound.password_env: password is set too; keep one of them.")
        elif not found:
            where = outbound.password_env
            problems.append(f"sip.outbound.password_env: the environment variable {where} is not set.")
        outbound = replace(outbound, password=outbound.password or found)
    elif bool(outbound.username) != bool(outbound.password):
        problems.append("sip.outbound.password: a username and a password go together.")
    return outbound, problems


def wrong_rules(rules: tuple[Rule, ...]) -> list[str]:
    """What is wrong with them, as far as no engine needs to be asked."""
    problems: list[str] = []
    for index, rule in enumerate(rules):
        place = f"sip.rules[{index}]"
        if rule.then != "accept" and (rule.session or rule.greet):
            problems.append(f"{place}.session: it is for calls that are accepted, and this rule accepts none.")
        found = explain(SessionPatch, {"type": "realtime", **rule.session}, f"{place}.session")
        if found is not None:
            problems.append(f"{found.param}: {found.message}")
    return problems


def wrong_projects(hooks: tuple[Webhook, ...], rules: tuple[Rule, ...], known: frozenset[str]) -> list[str]:
    """Projects that are named and not there."""
    named = [(f"sip.webhooks[{index}]", hook.project) for index, hook in enumerate(hooks)]
    named += [(f"sip.rules[{index}]", rule.project) for index, rule in enumerate(rules)]
    return [
        f"{place}.project: there is no project '{project}' in [projects]."
        for place, project in named
        if project is not None and project not in known
    ]


def _is_secret(text: str) -> bool:
    if not text.startswith("whsec_"):
        return True
    try:
        return bool(base64.b64decode(text.removeprefix("whsec_"), validate=True))
    except binascii.Error:
        return False

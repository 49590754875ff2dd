"""`POST /v1/realtime/client_secrets` (PROTOCOL.md 1.3, 1.6)."""

from __future__ import annotations

import time
from collections.abc import Mapping

from vivavoce.conformance.checks.models import body, is_error, offered
from vivavoce.conformance.client import Suite
from vivavoce.conformance.rules import Rule
from vivavoce.conformance.shapes import session as session_faults
from vivavoce.conformance.steps import expect
from vivavoce.conformance.verdict import Check, NotOffered, Section
from vivavoce.testing.client import Event, at, text

_PATH = "/realtime/client_secrets"
_OF_TRANSLATION = "/realtime/translations/client_secrets"
_CLOCKS_APART_S = 120


async def _minted(suite: Suite, request: Mapping[str, object], path: str = _PATH) -> Event:
    """A secret. Raises `NotOffered` where there are none."""
    async with suite.http() as http:
        return offered(await http.post(path, json=request))


def _session(suite: Suite, **more: object) -> dict[str, object]:
    return {"type": "realtime", "model": suite.target.model, **more}


async def mints(suite: Suite) -> None:
    value = await _minted(suite, {"session": _session(suite)})
    expect(text(value, "value").startswith("ek_"), "The value of a secret should begin with 'ek_'.", value)
    session = at(value, "session")
    expect(isinstance(session, dict), "A secret should come with its session.", value)
    expect(text(session, "id").startswith("sess_"), "The session should have its id.", value)
    expect(at(session, "object") == "realtime.session", "Its object should be 'realtime.session'.", value)
    faults = (
        [fault.why for fault in session_faults(session) if fault.rule is Rule.SESSION]
        if isinstance(session, dict)
        else []
    )
    expect(not faults, f"The session should be whole: {'; '.join(faults)}.", value)


async def expires(suite: Suite) -> None:
    for seconds in (None, 60):
        after = {} if seconds is None else {"expires_after": {"anchor": "created_at", "seconds": seconds}}
        value = await _minted(suite, {"session": _session(suite), **after})
        left = at(value, "expires_at")
        expect(isinstance(left, int), "expires_at should be in unix seconds.", value)
        wanted = time.time() + (seconds or 600)
        near = isinstance(left, int) and abs(left - wanted) < _CLOCKS_APART_S
        expect(near, f"The secret should expire {seconds or 600} s from now.", value)


async def opens(suite: Suite) -> None:
    wanted = "Speak like a lighthouse keeper."
    value = await _minted(suite, {"session": _session(suite, instructions=wanted, output_modalities=["text"])})
    secret = text(value, "value")
    for _ in range(2):
        async with suite.dial(headers={"Authorization": f"Bearer {secret}"}) as wire:
            event = await wire.next("session.created")
            expect(text(event, "session", "instructions") == wanted, "The session should have its instructions.", event)
            shown = at(event, "session", "output_modalities")
            expect(shown == ["text"], f"The session should have its output_modalities, not {shown!r}.", event)


async def from_browsers(suite: Suite) -> None:
    value = await _minted(suite, {"session": _session(suite, instructions="From a browser.")})
    token = f"openai-insecure-api-key.{text(value, 'value')}"
    async with suite.dial(headers={}, subprotocols=("realtime", token)) as wire:
        event = await wire.next("session.created")
        shown = text(event, "session", "instructions")
        expect(shown == "From a browser.", "The session should be the secret's.", event)


async def overridden(suite: Suite) -> None:
    value = await _minted(suite, {"session": _session(suite, instructions="First.")})
    headers = {"Authorization": f"Bearer {text(value, 'value')}"}
    async with suite.dial(headers=headers) as wire:
        await wire.next("session.created")
        await wire.send("session.update", session={"type": "realtime", "instructions": "Second."})
        event = await wire.next("session.updated")
        expect(text(event, "session", "instructions") == "Second.", "A client may override it.", event)


async def of_transcription(suite: Suite) -> None:
    session = {"type": "transcription", "audio": {"input": {"transcription": {"model": "whisper-1"}}}}
    async with suite.http() as http:
        response = await http.post(_PATH, json={"session": session})
    if response.status_code == 400:
        is_error(response, 400)
        raise NotOffered(text(body(response), "error", "message"))
    value = offered(response)
    wanted = "realtime.transcription_session"
    expect(text(value, "session", "object") == wanted, f"Its object should be {wanted!r}.", value)
    headers = {"Authorization": f"Bearer {text(value, 'value')}"}
    async with suite.dial(query={"intent": "transcription"}, headers=headers) as wire:
        event = await wire.next("session.created")
        kind = text(event, "session", "type")
        expect(kind == "transcription", f"Its session should be of type 'transcription', not {kind!r}.", event)


async def of_translation(suite: Suite) -> None:
    session = {"model": suite.target.translation_model, "audio": {"output": {"language": "es"}}}
    async with suite.http() as http:
        response = await http.post(_OF_TRANSLATION, json={"session": session})
    if response.status_code == 400:
        is_error(response, 400)
        raise NotOffered(text(body(response), "error", "message"))
    value = offered(response)
    expect(text(value, "value").startswith("ek_"), "The value of a secret should begin with 'ek_'.", value)
    kind = text(value, "session", "type")
    expect(kind == "translation", f"Its session should be of type 'translation', not {kind!r}.", value)


async def refuses(suite: Suite) -> None:
    await _minted(suite, {"session": _session(suite)})
    for request in (
        {"session": _session(suite), "expires_after": {"anchor": "created_at", "seconds": 1}},
        {"session": _session(suite), "expires_after": {"anchor": "created_at", "seconds": 7201}},
        {"session": _session(suite, bogus=1)},
        {"session": _session(suite), "bogus": 1},
    ):
        async with suite.http() as http:
            is_error(await http.post(_PATH, json=request), 400, 422)


async def broken(suite: Suite) -> None:
    await _minted(suite, {"session": _session(suite)})
    async with suite.http() as http:
        is_error(await http.post(_PATH, content="{", headers={"Content-Type": "application/json"}), 400, 422)


async def unauthorised(suite: Suite) -> None:
    await _minted(suite, {"session": _session(suite)})
    async with suite.http(authorised=False) as http:
        response = await http.post(_PATH, json={"session": _session(suite)})
    if response.status_code == 200:
        raise NotOffered("The server asks for no key.")
    is_error(response, 401)


SECTION = Section(
    "client-secrets",
    "REST: client secrets",
    (
        Check("a secret comes with its whole session", mints),
        Check("a secret expires when it should", expires),
        Check("a secret opens sessions with its settings, more than once", opens),
        Check("a secret works from a browser", from_browsers),
        Check("a client may override its settings", overridden),
        Check("a secret can be of a transcription session", of_transcription),
        Check("a secret can be of a translation session", of_translation),
        Check("what is out of range or unknown is 400, in the API's shape", refuses),
        Check("a body that is no JSON is 400, in the API's shape", broken),
        Check("without a key it is 401, in the API's shape", unauthorised),
    ),
)

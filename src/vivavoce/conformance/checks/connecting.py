"""Coming in, and being turned away (PROTOCOL.md 1.1, 1.2)."""

from __future__ import annotations

from collections.abc import Mapping

from vivavoce.conformance.client import Rejected, Suite, error_of
from vivavoce.conformance.steps import expect
from vivavoce.conformance.verdict import Check, NotOffered, Section
from vivavoce.testing.client import Event, at, text

_RECONNECTABLE = (1001, 1005, 1006, 1011, 1012, 1013, 1015)
"""Close codes on which stock clients try again: wrong for what would fail again."""


async def begins(suite: Suite) -> None:
    async with suite.dial() as wire:
        event = await wire.next("session.created")
        session = at(event, "session")
        expect(text(session, "type") == "realtime", "A new session's type should be 'realtime'.", event)
        expect(text(session, "id"), "A new session should have an id.", event)
        expect(text(session, "object") == "realtime.session", "Its object should be 'realtime.session'.", event)
        expect(isinstance(at(session, "model"), str), "A new session should name its model.", event)


async def browser(suite: Suite) -> None:
    key = f"openai-insecure-api-key.{suite.target.key or 'any'}"
    async with suite.dial(headers={}, subprotocols=("realtime", key, "openai-agents-sdk.0.20.0")) as wire:
        expect(wire.subprotocol == "realtime", f"The server should select 'realtime', not {wire.subprotocol!r}.")
        await wire.next("session.created")


async def plain(suite: Suite) -> None:
    async with suite.dial() as wire:
        expect(wire.subprotocol is None, "A subprotocol that was not offered should not be selected.")
        await wire.next("session.created")


async def without_model(suite: Suite) -> None:
    error = await _turned_away(suite, "a connection without a model", query={})
    if error is None:
        raise NotOffered("The server takes a connection that names no model.")
    if error:
        expect(at(error, "error", "code") == "missing_model", "The code should be missing_model.", error)


async def unknown_model(suite: Suite) -> None:
    error = await _turned_away(suite, "an unknown model", query={"model": "no-such-model-anywhere"})
    expect(error is not None, "A model that there is not should be refused.")
    if error:
        expect(at(error, "error", "code") == "invalid_model", "The code should be invalid_model.", error)


async def wrong_key(suite: Suite) -> None:
    error = await _turned_away(suite, "a wrong key", headers={"Authorization": "Bearer sk-wrong-key-of-a-check"})
    if error is None:
        raise NotOffered("The server takes any key.")
    if error:
        expect(at(error, "error", "code") == "invalid_api_key", "The code should be invalid_api_key.", error)


async def no_key(suite: Suite) -> None:
    error = await _turned_away(suite, "a connection without a key", headers={})
    if error is None:
        raise NotOffered("The server asks for no key.")


async def beta(suite: Suite) -> None:
    headers = {"Authorization": suite.target.bearer, "OpenAI-Beta": "realtime=v1"}
    error = await _turned_away(suite, "the beta shape", headers=headers)
    if error is None:
        raise NotOffered("The server takes connections with the beta header.")
    if error:
        wanted = "beta_api_shape_disabled"
        expect(at(error, "error", "code") == wanted, f"The code should be {wanted}.", error)


async def apart(suite: Suite) -> None:
    async with suite.session() as one, suite.session() as other:
        ids = [text(wire.events[0], "session", "id") for wire in (one, other)]
        expect(ids[0] != ids[1], "Two sessions should have ids of their own.", other.events[0])
        await one.send("session.update", session={"type": "realtime", "instructions": "Only here."})
        await one.next("session.updated")
        await other.send("session.update", session={"type": "realtime"})
        event = await other.next("session.updated")
        expect(text(event, "session", "instructions") != "Only here.", "A session should be alone with itself.", event)


async def _turned_away(
    suite: Suite, what: str, query: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> Event | None:
    """The error before the close; empty for a refusal by HTTP status; None when the server lets it in."""
    try:
        async with suite.dial(query=query, headers=headers) as wire:
            event = await wire.next("session.created", "error")
            if event.get("type") == "session.created":
                return None
            code = await wire.closed()
            expect(
                code not in _RECONNECTABLE,
                f"The close for {what} should not have code {code}, on which clients try again.",
                event,
            )
            expect(error_of(event), f"The error for {what} should say what is wrong.", event)
            return event
    except Rejected as rejected:
        expect(400 <= rejected.status < 500, f"{what} should be a client's fault, not HTTP status {rejected.status}.")
        return {}


SECTION = Section(
    "connecting",
    "Connecting and refusals",
    (
        Check("a session begins with session.created", begins),
        Check("a browser's subprotocols are understood, and 'realtime' is selected", browser),
        Check("a client that offers no subprotocol gets none", plain),
        Check("a connection without a model is refused", without_model),
        Check("an unknown model is refused", unknown_model),
        Check("a wrong key is refused", wrong_key),
        Check("a connection without a key is refused", no_key),
        Check("the beta header is refused", beta),
        Check("two sessions have nothing in common", apart),
    ),
)

"""Faults of behaviour: those that the check that meets them finds."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.faulty import Event, Fault, Frame
from tests.conformance.planting import (
    ALWAYS,
    CALL_ARGUMENTS,
    COMPLETED,
    Planted,
    calling,
    changed,
    check,
    code,
    drop_audio,
    dropped,
    half_refused,
    ignored_update,
    instead,
    late,
    no_answer,
    no_voice,
    not_cancelled,
    renamed,
    talks_over,
    untrue,
)

from vivavoce.conformance.rules import Rule


def broken_behaviour() -> Iterator[Planted]:
    """Each breaks what one check is about."""
    yield from _behaviours()
    yield from _elsewhere()
    yield from _sessions_of_other_kinds()
    yield from _calls()


def _behaviours() -> Iterator[Planted]:
    error = "error"
    yield check(
        "errors",
        "each of several errors names its own event",
        "event_id is not echoed",
        changed(error, lambda event: event["error"].update(event_id=None)),
    )
    yield check(
        "text-response",
        "metadata is echoed",
        "metadata is not echoed",
        changed(("response.created", "response.done"), lambda event: event["response"].update(metadata=None)),
    )
    yield check("session-update", "session.created shows", "another first session", changed("session.created", untrue))
    yield check("session-update", "a session is shown whole", "half a session", changed("session.updated", no_voice))
    yield check("session-update", "instructions show", "a change is ignored", ignored_update)
    yield check("session-update", "an unknown key is refused by its name", "half of an update", half_refused)
    yield check("interruption", "no audio of the answer comes", "audio after speech_started", talks_over)
    yield check("interruption", "speech cancels the answer", "not interrupted", changed("response.done", not_cancelled))
    retrieved = "conversation.item.retrieved"
    yield check("input-buffer", "a recording can be retrieved", "no audio", changed(retrieved, drop_audio))
    yield check("audio-response", "its audio can be retrieved", "no audio of an answer", changed(retrieved, drop_audio))
    yield check("items", "messages of user", "no item.done", instead("conversation.item.done", dropped))
    yield check("cancel", "a cancel of nothing", "another code", changed(error, code("cancel_failed")))
    yield check("items", "an id that is taken", "another code for a taken id", changed(error, code("duplicate")))
    yield check(
        "turn-detection",
        "create_response false",
        "committed before stopped",
        late("input_audio_buffer.speech_stopped", "input_audio_buffer.committed"),
    )
    yield check("text-response", "it has words", "never done", instead("response.done", dropped))


def _calls() -> Iterator[Planted]:
    done, error, added = "response.done", "error", "conversation.item.added"
    acknowledged = instead(error, lambda event: [{"type": added, "event_id": "event_taken", "item": {}}])
    yield check("tools", "a call comes in", "a call before its item", late(added, f"{CALL_ARGUMENTS}.done"))
    yield check("tools", "a call comes in", "no deltas", instead(f"{CALL_ARGUMENTS}.delta", dropped))
    yield check(
        "tools",
        "a call comes in",
        "another call_id at its end",
        changed(f"{CALL_ARGUMENTS}.done", lambda event: event.update(call_id="call_other")),
    )
    yield check(
        "tools",
        "a call is kept",
        "arguments forgotten",
        changed("conversation.item.retrieved", lambda event: event["item"].update(arguments="{}")),
    )
    yield check("tools", "its output is answered", "a silent answer", instead("response.output_text.delta", dropped))
    yield check("tools", "the conversation goes on", "it waits for the output", changed(done, no_answer))
    yield check("tools", "a function that is named", "another function", changed(done, renamed))
    yield check("tools", "tool_choice none", "a call all the same", changed(done, calling))
    yield check(
        "tools",
        "tools of a response",
        "the session's tools are gone",
        changed("session.updated", lambda event: event["session"].update(tools=[])),
    )
    yield check("tools", "an output of a call that", "the output of nothing is taken", acknowledged)
    yield check("tools", "a second output", "another output is taken", acknowledged)
    yield check(
        "tools",
        "a tool without a name",
        "the tool is not named",
        changed(error, lambda event: event["error"].update(param="session.tools")),
    )
    yield check("tools", "a choice of a function", "a choice of nobody is taken", acknowledged)


def _elsewhere() -> Iterator[Planted]:
    accept, close = "websocket.accept", "websocket.close"
    yield check(
        "connecting",
        "an unknown model",
        "a close that invites another try",
        changed(close, lambda e: e.update(code=1011)),
    )
    yield check(
        "connecting",
        "a browser's subprotocols",
        "no subprotocol",
        changed(accept, lambda e: e.update(subprotocol=None)),
    )
    yield check("models", "the models are listed", "a model without its owner", lambda: _no_owner)
    yield check("models", "an unknown model is 404", "an error without param", lambda: _no_param)


def _sessions_of_other_kinds() -> Iterator[Planted]:
    created, updated = "session.created", "session.updated"
    kind = changed(created, lambda event: event["session"].update(type="realtime"))
    yield check("transcription-sessions", "intent=transcription begins", "a conversation instead", kind)
    voiced = changed(created, lambda event: event["session"]["audio"].update(output={"voice": "alloy"}))
    yield check("transcription-sessions", "intent=transcription begins", "a voice to transcribe with", voiced)
    yield check(
        "transcription-sessions",
        "a turn that the server found",
        "an answer to what is only transcribed",
        instead(COMPLETED, lambda event: [event, {**ANSWER, "event_id": "event_answer"}]),
    )
    yield check(
        "translation-sessions",
        "its language can be set",
        "another language",
        changed(updated, lambda event: event["session"]["audio"]["output"].update(language="fr")),
    )
    yield check(
        "translation-sessions",
        "speech comes back",
        "no translated speech",
        instead("session.output_audio.delta", dropped),
    )
    yield check(
        "translation-sessions",
        "time goes forward",
        "odd steps of time",
        changed("session.output_transcript.delta", lambda event: event.update(elapsed_ms=event["elapsed_ms"] + 7)),
    )
    yield check("translation-sessions", "session.close is answered", "never closed", instead("session.closed", dropped))
    yield Planted(
        "a conversation's event in a translation",
        ("translation-sessions", "speech comes back"),
        (ALWAYS, Rule.TYPE.value),
        changed("session.output_transcript.delta", lambda event: event.update(type="response.output_text.delta")),
    )
    secret = ("client-secrets", "a secret comes with its whole session")
    yield Planted("a secret by another name", secret, secret, lambda: _no_secret)
    yield check("client-secrets", "a secret expires", "a secret for ever", lambda: _for_ever)
    yield check(
        "client-secrets", "a secret opens", "a session without the secret's settings", changed(created, forgetful)
    )
    yield check(
        "sideband",
        "connections of a session see each other's changes",
        "changes are not told",
        instead(updated, dropped),
    )
    yield check("sideband", "connections of a session see each other's items", "deaf on one side", deaf)


ANSWER: Event = {
    "type": "response.created",
    "response": {"object": "realtime.response", "id": "resp_1", "status": "in_progress", "output": []},
}


def forgetful(event: Event) -> None:
    event["session"]["instructions"] = "Be yourself."


def deaf() -> Fault:
    """What others caused is not told: here, items that this connection did not create itself."""
    return lambda event: [] if event.get("type") == "conversation.item.added" else [event]


def _no_secret(body: Event) -> list[Frame]:
    if "value" in body:
        body["value"] = body["value"].removeprefix("ek_")
    return [body]


def _for_ever(body: Event) -> list[Frame]:
    if "expires_at" in body:
        body["expires_at"] += 100_000
    return [body]


def _no_owner(body: Event) -> list[Frame]:
    for model in body.get("data", []):
        model.pop("owned_by")
    return [body]


def _no_param(body: Event) -> list[Frame]:
    if "error" in body:
        body["error"].pop("param")
    return [body]

"""Bodies of HTTP requests, and what is said about bad ones."""

from __future__ import annotations

import json

import pytest

from vivavoce.protocol.errors import ProtocolError
from vivavoce.protocol.rest import ExpiresAfter, SecretRequest, TranslationSecretRequest, read
from vivavoce.protocol.session import SessionPatch, TranscriptionSessionPatch


def refused(body: bytes | dict[str, object], type_: type = SecretRequest) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        read(body if isinstance(body, bytes) else json.dumps(body).encode(), type_)
    return caught.value


@pytest.mark.parametrize("body", [b"", b" \n", b"{}"])
def test_a_secret_needs_no_body(body: bytes) -> None:
    assert read(body, SecretRequest) == SecretRequest(expires_after=ExpiresAfter("created_at", 600))


def test_a_secret_may_bind_either_kind_of_session_and_lock_parts_of_it() -> None:
    body = b'{"session": {"type": "realtime", "instructions": "Hi."}, "lock": ["instructions"]}'
    assert read(body, SecretRequest) == SecretRequest(session=SessionPatch(instructions="Hi."), lock=["instructions"])
    request = read(b'{"session": {"type": "transcription"}}', SecretRequest)
    assert request.session == TranscriptionSessionPatch()


@pytest.mark.parametrize("seconds", [10, 7200])
def test_the_shortest_and_the_longest_life(seconds: int) -> None:
    body = json.dumps({"expires_after": {"anchor": "created_at", "seconds": seconds}}).encode()
    assert read(body, SecretRequest).expires_after.seconds == seconds


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"expires_after": {"seconds": 9}}, "integer_below_min_value", "expires_after.seconds"),
        ({"expires_after": {"seconds": 7201}}, "integer_above_max_value", "expires_after.seconds"),
        ({"expires_after": {"anchor": "last_use"}}, "invalid_value", "expires_after.anchor"),
        ({"session": {}}, "missing_required_parameter", "session.type"),
        ({"session": {"type": "realtime", "voice": "alloy"}}, "unknown_parameter", "session.voice"),
        ({"session": {"type": "beta"}}, "invalid_value", "session.type"),
        ({"lock": ["voice"]}, "invalid_value", "lock[0]"),
        ({"model": "gpt-realtime"}, "unknown_parameter", "model"),
        (b"[]", "invalid_type", None),
        (b"{", "invalid_json", None),
        (b"\xff", "invalid_json", None),
        (b"[" * 100_000, "invalid_json", None),
    ],
)
def test_what_is_wrong_with_a_body(body: bytes | dict[str, object], code: str, param: str | None) -> None:
    error = refused(body)
    assert (error.code, error.param) == (code, param)


def test_a_translation_needs_a_model_and_has_no_locks() -> None:
    error = refused({"session": {"audio": {}}}, TranslationSecretRequest)
    assert (error.code, error.param) == ("missing_required_parameter", "session.model")
    error = refused({"session": {"model": "m"}, "lock": []}, TranslationSecretRequest)
    assert (error.code, error.param) == ("unknown_parameter", "lock")


def test_a_fault_that_only_the_decoder_sees_is_told_in_its_words() -> None:
    error = refused(b'{"lock": 5, "lock": []}')
    assert (error.code, error.message) == ("invalid_value", "Invalid body: Expected `array`, got `int` - at `$.lock`")

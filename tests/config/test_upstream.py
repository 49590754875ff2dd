"""The settings of an engine that is another realtime server."""

from __future__ import annotations

from pathlib import Path

import pytest

from vivavoce.config import ConfigError, engine_options, load
from vivavoce.config.render import render
from vivavoce.config.upstream import RealtimeResponder
from vivavoce.engines import build

SETTINGS = {
    "VIVAVOCE_ENGINES__RESPONDER__NAME": "realtime",
    "VIVAVOCE_ENGINES__RESPONDER__URL": "wss://far.example/v1/realtime",
    "VIVAVOCE_ENGINES__RESPONDER__MODEL": "gpt-realtime",
}


def wrong(environ: dict[str, str]) -> list[str]:
    """What is wrong with these settings."""
    with pytest.raises(ConfigError) as caught:
        load(None, environ)
    return caught.value.problems


def test_the_key_comes_from_the_environment_and_is_never_shown() -> None:
    config = load(None, {**SETTINGS, "VIVAVOCE_ENGINES__RESPONDER__API_KEY_ENV": "FAR", "FAR": "sk-secret-key\n"})
    responder = config.engines.responder
    assert isinstance(responder, RealtimeResponder)
    assert responder.api_key == "sk-secret-key"
    assert "sk-secret-key" not in render(config)
    assert "sk-secret-key" not in repr(config)


def test_it_is_made_of_its_settings() -> None:
    config = load(None, {**SETTINGS, "VIVAVOCE_ENGINES__RESPONDER__VOICES": '["nova"]'})
    built = build(engine_options(config), lambda name: Path("nowhere") / name)
    assert (built.llm, built.tts) == (None, None)
    assert built.responder.name == "realtime"
    assert "nova" in built.responder.voices
    assert built.by_role()["responder"] is built.responder


def test_a_key_that_is_not_there_is_named() -> None:
    (problem,) = wrong({**SETTINGS, "VIVAVOCE_ENGINES__RESPONDER__API_KEY_ENV": "FAR"})
    assert problem == "engines.responder.api_key_env: the environment variable FAR is not set."


def test_an_address_of_another_kind_is_refused() -> None:
    (problem,) = wrong({**SETTINGS, "VIVAVOCE_ENGINES__RESPONDER__URL": "https://far.example/v1/realtime"})
    assert problem.startswith("engines.responder.url")


def test_words_that_it_cannot_be_made_to_say_are_refused_by_name() -> None:
    (problem,) = wrong({**SETTINGS, "VIVAVOCE_TOOLS__FILLER": "One moment."})
    assert problem.startswith("tools.filler: the responder realtime")


def test_parts_of_a_cascade_are_refused_beside_it() -> None:
    (problem,) = wrong({**SETTINGS, "VIVAVOCE_ENGINES__TTS__NAME": "kokoro"})
    assert problem.startswith("engines.tts: the responder realtime answers by itself")

"""Settings of models that hear and speak themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.config.test_mistakes import problems

from vivavoce.config import engine_options, load
from vivavoce.engines import build

REMOTE = 'base_url = "http://127.0.0.1:8091/v1"\nmodel = "m"\n'
INSTANT = "".join(f'[engines.{role}]\nname = "instant"\n' for role in ("vad", "turn", "asr"))
NONE = "".join(f'[engines.{role}]\nname = "none"\n' for role in ("noise", "images"))


def test_a_responder_is_made_of_its_settings(tmp_path: Path) -> None:
    path = tmp_path / "vivavoce.toml"
    more = 'voices = ["nova"]\nvoice_field = "speaker"\nlanguages = ["es", "en"]\nimages = true\n'
    path.write_text(f'{INSTANT}{NONE}[engines.responder]\nname = "chat-audio"\n{REMOTE}{more}')
    built = build(engine_options(load(path, {})), Path)
    assert (built.llm, built.tts, built.responder.name) == (None, None, "chat-audio")
    assert built.by_role()["responder"] is built.responder
    assert "nova" in built.responder.voices
    assert built.responder.languages == ("es", "en")
    assert {"speech", "images", "tools"} <= set(built.responder.features)


def test_a_language_model_that_hears_says_so(tmp_path: Path) -> None:
    path = tmp_path / "vivavoce.toml"
    for option, hears in (("speech = true", True), ("", False)):
        path.write_text(
            f'{INSTANT}{NONE}[engines.tts]\nname = "instant"\n[engines.llm]\nname = "openai"\n{REMOTE}{option}\n'
        )
        built = build(engine_options(load(path, {})), Path)
        assert ("speech" in built.responder.features) is hears


def test_a_filler_that_nobody_can_say_is_refused(tmp_path: Path) -> None:
    toml = f'[engines.responder]\nname = "chat-audio"\n{REMOTE}[tools]\nfiller = "One moment."'
    assert problems(tmp_path, toml) == [
        "tools.filler: the responder chat-audio says what its model says, and cannot be given the words."
    ]


@pytest.mark.parametrize("option", ['speech_part = "audio_url"', "speech_s = 10", "speech_turns = 5"])
def test_how_a_voice_is_sent_to_a_model_that_hears_none_is_refused(tmp_path: Path, option: str) -> None:
    [problem] = problems(tmp_path, f'[engines.llm]\nname = "openai"\n{REMOTE}{option}\n')
    assert problem == f"engines.llm.{option.split()[0]}: the model is given no voice without speech = true."

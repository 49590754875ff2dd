"""Settings come from the defaults, a file, and the environment over it."""

from __future__ import annotations

from pathlib import Path

import pytest

from vivavoce.config import Config, ConfigError, engine_options, load
from vivavoce.config.tree import LlamaLlm, OpenAiLlm, Project, WhisperAsr

MODELS = {
    "silero-vad": "vad",
    "gtcrn": "noise",
    "smart-turn": "turn",
    "whisper-base": "asr",
    "qwen2.5-coder-1.5b": "llm",
    "pp-ocr": "images",
}


def from_text(tmp_path: Path, toml: str, **environ: str) -> Config:
    path = tmp_path / "vivavoce.toml"
    path.write_text(toml, encoding="utf-8")
    return load(path, environ, MODELS)


def from_env(**environ: str) -> Config:
    return load(None, environ, MODELS)


def test_without_a_file_the_defaults_serve_this_machine_only() -> None:
    config = from_env()
    assert config == Config()
    assert (config.server.host, config.server.port, config.server.keys) == ("127.0.0.1", 8700, ())
    assert config.trace.folder is None


def test_a_file_changes_what_it_names(tmp_path: Path) -> None:
    config = from_text(tmp_path, '[server]\nport = 9000\n[engines.asr]\nname = "whisper"\nworkers = 4\n')
    assert config.server.port == 9000
    assert config.engines.asr == WhisperAsr(workers=4)


def test_options_without_a_name_are_those_of_the_default_engine(tmp_path: Path) -> None:
    assert from_text(tmp_path, "[engines.llm]\nslots = 8\n").engines.llm == LlamaLlm(slots=8)


def test_the_environment_stands_over_the_file(tmp_path: Path) -> None:
    config = from_text(tmp_path, "[server]\nport = 9000\n", VIVAVOCE_SERVER__PORT="9001")
    assert config.server.port == 9001


def test_a_variable_has_the_type_of_its_setting() -> None:
    config = from_env(
        VIVAVOCE_MODEL__NAME="42",
        VIVAVOCE_SERVER__PORT="9000",
        VIVAVOCE_TIMEOUTS__TURN_S="0.5",
        VIVAVOCE_LOG__JSON="true",
        VIVAVOCE_SERVER__KEYS='["sk-one", "sk-two"]',
        VIVAVOCE_ENGINES__LLM__SLOTS="2",
    )
    assert config.model.name == "42"
    assert config.server.port == 9000
    assert config.timeouts.turn_s == 0.5
    assert config.log.json
    assert config.server.keys == ("sk-one", "sk-two")
    assert config.engines.llm == LlamaLlm(slots=2)


def test_empty_and_foreign_variables_are_not_looked_at() -> None:
    config = from_env(VIVAVOCE_SERVER__HOST="", VIVAVOCE_PORT="tcp://10.0.0.1:8700", SERVER__PORT="1")
    assert config == Config()


def test_without_an_environment_the_process_own_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIVAVOCE_SERVER__PORT", "9002")
    assert load(None).server.port == 9002


def test_keys_may_come_from_a_variable_of_ones_own() -> None:
    config = from_env(VIVAVOCE_SERVER__KEYS_ENV="MY_KEYS", VIVAVOCE_SERVER__HOST="0.0.0.0", MY_KEYS="a, b,")
    assert config.server.keys == ("a", "b")


def test_a_project_s_keys_may_too_and_are_keys_enough() -> None:
    config = from_env(
        VIVAVOCE_SERVER__HOST="0.0.0.0",
        VIVAVOCE_PROJECTS__SHOP__KEYS='["sk-one"]',
        VIVAVOCE_PROJECTS__SHOP__KEYS_ENV="SHOP_KEYS",
        VIVAVOCE_PROJECTS__SHOP__MAX_SESSIONS="3",
        SHOP_KEYS="sk-two, sk-three",
    )
    assert config.projects == {
        "shop": Project(keys=("sk-one", "sk-two", "sk-three"), keys_env="SHOP_KEYS", max_sessions=3)
    }


def test_an_engines_key_comes_from_the_variable_it_names() -> None:
    config = from_env(
        VIVAVOCE_ENGINES__LLM__NAME="openai",
        VIVAVOCE_ENGINES__LLM__BASE_URL="http://localhost:8000/v1",
        VIVAVOCE_ENGINES__LLM__MODEL="some-model",
        VIVAVOCE_ENGINES__LLM__API_KEY_ENV="THEIR_KEY",
        THEIR_KEY="sk-theirs",
    )
    assert isinstance(config.engines.llm, OpenAiLlm)
    assert config.engines.llm.api_key == "sk-theirs"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost"])
def test_this_machine_needs_no_keys(host: str) -> None:
    assert from_env(VIVAVOCE_SERVER__HOST=host).server.host == host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "voice.example.org", ""])
def test_other_machines_need_keys(tmp_path: Path, host: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_text(tmp_path, f'[server]\nhost = "{host}"\n')
    assert "server.host" in str(caught.value)
    assert "keys = [" in str(caught.value)
    assert from_text(tmp_path, f'[server]\nhost = "{host}"\nkeys = ["sk-one"]\n').server.host == host


def test_a_repr_never_holds_a_key() -> None:
    config = from_env(VIVAVOCE_SERVER__KEYS='["sk-secret"]')
    assert "sk-secret" not in repr(config)
    assert "port=8700" in repr(config)


def test_engine_options_hold_the_name_and_every_option() -> None:
    options = engine_options(Config())
    assert options["vad"] == {"name": "silero", "model": "silero-vad"}
    assert options["tts"] == {"name": "hibari", "workers": 1}

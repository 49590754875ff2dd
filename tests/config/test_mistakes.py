"""Every mistake is named at once, with its key and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from vivavoce.config import ConfigError, load

MODELS = {
    "silero-vad": "vad",
    "gtcrn": "noise",
    "smart-turn": "turn",
    "whisper-base": "asr",
    "qwen2.5-coder-1.5b": "llm",
    "pp-ocr": "images",
}


def problems(tmp_path: Path, toml: str, **environ: str) -> list[str]:
    path = tmp_path / "vivavoce.toml"
    path.write_text(toml, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(path, environ, MODELS)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def test_all_mistakes_of_a_file_come_together(tmp_path: Path) -> None:
    toml = """
    servr = 1
    [server]
    hots = "0.0.0.0"
    port = 99999
    [log]
    level = "warn"
    [engines.llm]
    slot = 3
    """
    assert problems(tmp_path, toml) == [
        "servr: there is no such setting. Did you mean 'server'? Known here: server, webrtc, sip, model, engines, "
        "tools, mcp, limits, prices, timeouts, turns, trace, tracing, log, projects, prompts.",
        "server.hots: there is no such setting. Did you mean 'host'? Known here: host, port, keys, keys_env, "
        "tls_cert, tls_key, cors_origins, playground.",
        "server.port: integer above maximum value. Expected a value <= 65535, but got 99999 instead.",
        "log.level: Invalid value: 'warn'. Supported values are: 'debug', 'error', 'info', and 'warning'. "
        "Did you mean 'warning'?",
        "engines.llm.slot: there is no such setting. Did you mean 'slots'? "
        "Known here: model, slots, context, longest_answer, threads, prompt_cache_mib.",
    ]


def test_an_unknown_engine_is_named_once_whatever_its_options(tmp_path: Path) -> None:
    toml = '[engines.asr]\nname = "whispr"\nanything = 1\n[engines.tts]\nname = "zzz"\n'
    assert problems(tmp_path, toml) == [
        "engines.asr.name: Invalid value: 'whispr'. Supported values are: 'whisper', 'openai', and 'instant'. "
        "Did you mean 'whisper'?",
        "engines.tts.name: Invalid value: 'zzz'. Supported values are: 'hibari', 'kokoro', 'openai', and 'instant'.",
    ]


def test_what_an_engine_cannot_do_without_is_asked_for(tmp_path: Path) -> None:
    toml = '[engines.llm]\nname = "openai"\nbase_url = "localhost"\n'
    assert problems(tmp_path, toml) == [
        "engines.llm.base_url: string does not match pattern. "
        "Expected a string that matches the pattern '^https?://[^/]'.",
    ]
    toml = '[engines.llm]\nname = "openai"\nmodel = "m"\n'
    assert problems(tmp_path, toml) == ["engines.llm.base_url: Missing required parameter: 'engines.llm.base_url'."]


def test_a_mistake_in_a_variable_names_the_variable(tmp_path: Path) -> None:
    assert problems(
        tmp_path,
        "[server]\nport = 1\n",
        VIVAVOCE_LIMITS__MAX_SESSIONS="many",
        VIVAVOCE_LIMITS__SESSION_MINUTES="-1",
        VIVAVOCE_SERVER__PORT__X="1",
    ) == [
        "VIVAVOCE_SERVER__PORT__X: 'server.port' is not a table of the configuration.",
        "limits.max_sessions (from VIVAVOCE_LIMITS__MAX_SESSIONS): "
        "Invalid type: expected an integer, but got a string instead.",
        "limits.session_minutes (from VIVAVOCE_LIMITS__SESSION_MINUTES): "
        "integer below minimum value. Expected a value >= 0, but got -1 instead.",
    ]


def test_tables_and_lists_of_the_wrong_shape(tmp_path: Path) -> None:
    toml = 'server = 1\n[engines]\nvad = "silero"\n[model]\naliases = ["a", 2]\n"a.b" = 1\n'
    assert problems(tmp_path, toml) == [
        "server: Invalid type: expected an object, but got an integer instead.",
        "engines.vad: Invalid type: expected an object, but got a string instead.",
        "model.aliases[1]: Invalid type: expected a string, but got an integer instead.",
        "model.a.b: there is no such setting. Known here: name, aliases, transcription_aliases, translation_aliases, "
        "instructions, voice.",
    ]


def test_engines_of_the_wrong_shape(tmp_path: Path) -> None:
    assert problems(tmp_path, "engines = []\n") == [
        "engines: Invalid type: expected an object, but got an array instead."
    ]


def test_tls_needs_both_files(tmp_path: Path) -> None:
    toml = '[server]\ntls_cert = "cert.pem"\n'
    assert problems(tmp_path, toml) == ["server.tls_key: server.tls_cert is set, and TLS needs both."]
    toml = '[server]\ntls_key = "key.pem"\n'
    assert problems(tmp_path, toml) == ["server.tls_cert: server.tls_key is set, and TLS needs both."]


def test_a_model_that_the_catalogue_does_not_have(tmp_path: Path) -> None:
    toml = '[engines.asr]\nmodel = "whisper-bse"\n[engines.llm]\nmodel = "whisper-base"\n'
    toml += '[engines.tts]\nname = "kokoro"\n'
    assert problems(tmp_path, toml) == [
        "engines.asr.model: the catalogue has no asr model called 'whisper-bse'. "
        "Supported values are: 'whisper-base'. Did you mean 'whisper-base'?",
        "engines.llm.model: the catalogue has no llm model called 'whisper-base'. "
        "Supported values are: 'qwen2.5-coder-1.5b'.",
        "engines.tts.model: the catalogue has no tts model called 'kokoro'. Supported values are: none.",
    ]


def test_keys_that_are_not_where_they_should_be(tmp_path: Path) -> None:
    remote = 'name = "openai"\nbase_url = "http://x"\nmodel = "m"\napi_key_env = "THEIR_KEY"\n'
    toml = '[server]\nhost = "0.0.0.0"\nkeys_env = "MY_KEYS"\n[engines.llm]\n' + remote
    toml += '[engines.tts]\napi_key = "sk-secret"\n' + remote
    found = problems(tmp_path, toml, MY_KEYS=" ,")
    assert found == [
        "server.keys_env: the environment variable MY_KEYS is not set.",
        "engines.llm.api_key_env: the environment variable THEIR_KEY is not set.",
        "engines.tts.api_key_env: engines.tts.api_key is set too; keep one of them.",
    ]


def test_a_project_needs_keys_that_are_nobody_else_s(tmp_path: Path) -> None:
    toml = """
    [server]
    keys = ["sk-common"]
    [projects.shop]
    keys_env = "SHOP_KEYS"
    [projects.desk]
    keys = ["sk-desk", "sk-common", "sk-desk"]
    [projects.empty]
    [projects.lost]
    keys_env = "LOST_KEYS"
    """
    assert problems(tmp_path, toml, SHOP_KEYS="sk-shop,sk-desk") == [
        "projects.desk.keys: a key of it belongs to projects.shop too; each has one owner.",
        "projects.desk.keys: a key of it belongs to server too; each has one owner.",
        "projects.empty.keys: a project without keys has no callers.",
        "projects.lost.keys_env: the environment variable LOST_KEYS is not set.",
    ]


def test_a_key_in_the_place_of_a_variables_name_is_not_shown(tmp_path: Path) -> None:
    found = problems(tmp_path, '[server]\nkeys_env = "sk-secret"\n')
    assert "sk-secret" not in str(found)


def test_a_file_that_is_missing_or_not_toml(tmp_path: Path) -> None:
    missing = tmp_path / "missing.toml"
    with pytest.raises(ConfigError, match="No such file"):
        load(missing, {})
    assert "is not TOML" in problems(tmp_path, "[server")[0]
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    with pytest.raises(ConfigError, match="is not TOML"):
        load(tmp_path / "latin.toml", {})

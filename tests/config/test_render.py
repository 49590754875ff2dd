"""The settings in force, as text."""

from __future__ import annotations

from pathlib import Path

from vivavoce.config import load, render

KEY = "sk-abcdefghijklmnopqrst"


def test_what_is_shown_reads_back_the_same(tmp_path: Path) -> None:
    environ = {
        "VIVAVOCE_MODEL__INSTRUCTIONS": 'Say "ciao"\n\\ and \x7f é.',
        "VIVAVOCE_ENGINES__TURN__NAME": "none",
        "VIVAVOCE_TRACE__FOLDER": "/tmp/traces",
        "VIVAVOCE_LOG__JSON": "true",
    }
    config = load(None, environ)
    path = tmp_path / "shown.toml"
    path.write_text(render(config), encoding="utf-8")
    assert load(path, {}) == config


def test_secrets_are_masked() -> None:
    environ = {
        "VIVAVOCE_SERVER__KEYS": f'["{KEY}", "short"]',
        "VIVAVOCE_ENGINES__LLM__NAME": "openai",
        "VIVAVOCE_ENGINES__LLM__BASE_URL": "http://localhost/v1",
        "VIVAVOCE_ENGINES__LLM__MODEL": "m",
        "VIVAVOCE_ENGINES__LLM__API_KEY": KEY,
    }
    text = render(load(None, environ))
    assert KEY not in text
    assert 'keys = ["sk-ab***st", "***"]' in text
    assert 'api_key = "sk-ab***st"' in text


def test_keys_of_projects_are_masked_and_what_is_not_set_is_left_out(tmp_path: Path) -> None:
    text = render(load(None, {"VIVAVOCE_PROJECTS__SHOP__KEYS": f'["{KEY}"]'}))
    assert KEY not in text
    assert 'projects = {"shop" = {"keys" = ["sk-ab***st"]}}' in text
    path = tmp_path / "shown.toml"
    path.write_text(text, encoding="utf-8")
    assert load(path, {}).projects["shop"].keys == ("sk-ab***st",)


def test_each_setting_is_explained() -> None:
    text = render(load(None, {}))
    assert '# One of: silero, instant.\nname = "silero"' in text
    assert "# TCP port; 0 takes any free one.\nport = 8700" in text
    assert "# keys_env is not set" in text
    assert "WITH ALL AUDIO AND TEXT" in text


def test_tables_of_the_operators_own_are_shown(tmp_path: Path) -> None:
    toml = """
    [engines.llm]
    name = "openai"
    base_url = "http://localhost/v1"
    model = "m"
    extra = { temperature = 0.7, stop = ["a", "b"], "chat.template" = { think = false } }
    """
    path = tmp_path / "a.toml"
    path.write_text(toml, encoding="utf-8")
    config = load(path, {})
    path.write_text(render(config), encoding="utf-8")
    assert load(path, {}) == config

"""The settings of MCP servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from vivavoce.config import Config, ConfigError, engine_options, load, render

TOML = """
[mcp]
allow = ["tools.internal", "10.1.0.0/16", "::1"]
call_timeout_s = 30

[mcp.servers.weather]
url = "https://weather.example/mcp"
headers = { "X-Team" = "blue-team-secret" }
token_env = "WEATHER_TOKEN"

[mcp.servers.files]
command = "files-server"
args = ["--root", "/srv"]
env = { LANG = "C", KEY = "another-long-secret" }
pass_env = ["FILES_KEY"]
"""
ENVIRON = {"WEATHER_TOKEN": "token-of-the-weather\n", "FILES_KEY": "key-of-the-files"}


def loaded(tmp_path: Path, toml: str, environ: dict[str, str] | None = None) -> Config:
    path = tmp_path / "vivavoce.toml"
    path.write_text(toml, encoding="utf-8")
    return load(path, environ or {})


def problems(tmp_path: Path, toml: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, toml)
    return caught.value.problems


def test_servers_are_what_the_adapter_takes(tmp_path: Path) -> None:
    options = engine_options(loaded(tmp_path, TOML, ENVIRON))["mcp"]
    assert options["name"] == "mcp"
    assert options["allow"] == ("tools.internal", "10.1.0.0/16", "::1")
    assert options["call_timeout_s"] == 30.0
    assert options["servers"] == {
        "weather": {
            "url": "https://weather.example/mcp",
            "headers": {"X-Team": "blue-team-secret", "Authorization": "Bearer token-of-the-weather"},
            "command": None,
            "args": (),
            "env": {},
        },
        "files": {
            "url": None,
            "headers": {},
            "command": "files-server",
            "args": ("--root", "/srv"),
            "env": {"LANG": "C", "KEY": "another-long-secret", "FILES_KEY": "key-of-the-files"},
        },
    }


def test_what_they_are_let_in_with_is_never_shown(tmp_path: Path) -> None:
    config = loaded(tmp_path, TOML, ENVIRON)
    shown = repr(config) + render(config)
    for secret in ("token-of-the-weather", "blue-team-secret", "key-of-the-files", "another-long-secret"):
        assert secret not in shown
    assert 'url" = "https://weather.example/mcp"' in shown


def test_it_may_be_switched_off() -> None:
    assert "mcp" in engine_options(load(None, {}))
    assert "mcp" not in engine_options(load(None, {"VIVAVOCE_MCP__ENABLED": "false"}))


@pytest.mark.parametrize(
    ("toml", "wrong"),
    [
        ("[mcp.servers.a]", "mcp.servers.a: it needs either url or command."),
        ('[mcp.servers.a]\nurl = "http://x"\ncommand = "x"', "mcp.servers.a: it needs either url or command."),
        (
            '[mcp.servers.a]\nurl = "http://x"\nargs = ["x"]',
            "mcp.servers.a.args: it goes with command, which is not set.",
        ),
        (
            '[mcp.servers.a]\ncommand = "x"\nheaders = {A = "b"}',
            "mcp.servers.a.headers: it goes with url, which is not set.",
        ),
        (
            '[mcp.servers.a]\nurl = "http://x"\ntoken_env = "GONE"',
            "mcp.servers.a.token_env: the environment variable GONE is not set.",
        ),
        (
            '[mcp.servers.a]\ncommand = "x"\npass_env = ["GONE"]',
            "mcp.servers.a.pass_env: the environment variable GONE is not set.",
        ),
        ('[mcp]\nallow = ["10.0.0.0/99"]', "mcp.allow: '10.0.0.0/99' is no network."),
    ],
)
def test_what_does_not_go_together_is_named(tmp_path: Path, toml: str, wrong: str) -> None:
    assert problems(tmp_path, toml) == [wrong]


def test_there_is_one_authorization(tmp_path: Path) -> None:
    toml = '[mcp.servers.a]\nurl = "http://x"\nheaders = {authorization = "b"}\ntoken_env = "HOME"'
    path = tmp_path / "vivavoce.toml"
    path.write_text(toml, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(path, {"HOME": "x"})
    assert caught.value.problems == ["mcp.servers.a.token_env: headers holds an Authorization too; keep one of them."]


@pytest.mark.parametrize(
    ("toml", "key"),
    [
        ('[mcp.servers.a]\nurl = "weather.example"', "mcp.servers.a.url"),
        ('[mcp]\nallow = ["http://x"]', "mcp.allow[0]"),
        ('[mcp.servers."a b"]\nurl = "http://x"', "mcp.servers"),
        ("[mcp]\nmax_answer_kib = 0", "mcp.max_answer_kib"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, toml: str, key: str) -> None:
    [problem, *_] = problems(tmp_path, toml)
    assert problem.startswith(f"{key}")

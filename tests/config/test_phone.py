"""The settings of who decides about telephone calls."""

from __future__ import annotations

from pathlib import Path

import pytest

from vivavoce.config import Config, ConfigError, load, render

TOML = """
[projects.sales]
keys = ["sk-of-sales"]

[sip]
listen = ["udp:127.0.0.1:5060"]

[[sip.webhooks]]
url = "https://one.example/hook"
secret = "whsec_c2VjcmV0IG9mIHRoZSBob29r"

[[sip.webhooks]]
url = "http://127.0.0.1:9000/hook"
secret_env = "HOOK_SECRET"
project = "sales"
timeout_s = 2.5

[[sip.rules]]
then = "reject"
caller = "anonymous"
status = 433

[[sip.rules]]
then = "accept"
called = "+4930*"
header = { "X-Queue" = "pizza*" }
greet = true
project = "sales"
session = { instructions = "Take orders.", audio = { output = { voice = "echo" } } }

[sip.outbound]
allow = ["+49*@trunk.example"]
caller = "sip:+4930123@trunk.example"
ring_s = 60
username = "us"
password_env = "TRUNK_PASSWORD"
"""
ENVIRON = {"HOOK_SECRET": "plain secret of the hook\n", "TRUNK_PASSWORD": "password-of-the-trunk"}


def loaded(tmp_path: Path, toml: str, environ: dict[str, str] | None = None) -> Config:
    path = tmp_path / "vivavoce.toml"
    path.write_text(toml, encoding="utf-8")
    return load(path, environ or {})


def problems(tmp_path: Path, toml: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, toml)
    return caught.value.problems


def test_secrets_come_from_the_environment(tmp_path: Path) -> None:
    sip = loaded(tmp_path, TOML, ENVIRON).sip
    assert [hook.secret for hook in sip.webhooks] == ["whsec_c2VjcmV0IG9mIHRoZSBob29r", "plain secret of the hook"]
    assert sip.outbound.password == "password-of-the-trunk"
    assert sip.outbound.ring_s == 60
    assert sip.rules[1].session == {"instructions": "Take orders.", "audio": {"output": {"voice": "echo"}}}


def test_no_secret_is_shown(tmp_path: Path) -> None:
    tool = {
        "type": "mcp",
        "server_label": "crm",
        "server_url": "https://crm.example/mcp",
        "authorization": "crm-token-1",
    }
    session = ", ".join(f'{name} = "{value}"' for name, value in tool.items())
    toml = TOML + f'\n[[sip.rules]]\nthen = "accept"\nsession = {{ tools = [{{ {session} }}] }}\n'
    config = loaded(tmp_path, toml, ENVIRON)
    shown = render(config)
    for secret in ("c2VjcmV0IG9mIHRoZSBob29r", "plain secret", "password-of-the-trunk", "crm-token-1"):
        assert secret not in shown
        assert secret not in repr(config)
    assert "pizza*" in shown


@pytest.mark.parametrize(
    ("toml", "problem"),
    [
        ('[[sip.webhooks]]\nurl = "https://a.example"', "sip.webhooks[0].secret: it is missing"),
        (
            '[[sip.webhooks]]\nurl = "https://a.example"\nsecret = "whsec_%%"',
            "sip.webhooks[0].secret: what follows whsec_ is not base64.",
        ),
        (
            '[[sip.webhooks]]\nurl = "https://a.example"\nsecret_env = "NONE"',
            "sip.webhooks[0].secret_env: the environment variable NONE is not set.",
        ),
        (
            '[[sip.webhooks]]\nurl = "https://a.example"\nsecret = "a"\nsecret_env = "NONE"',
            "sip.webhooks[0].secret_env: secret is set too; keep one of them.",
        ),
        (
            '[[sip.webhooks]]\nurl = "https://a.example"\nsecret = "a"\nproject = "nobody"',
            "sip.webhooks[0].project: there is no project 'nobody' in [projects].",
        ),
        ('[[sip.rules]]\nthen = "accept"\nproject = "nobody"', "sip.rules[0].project: there is no project 'nobody'"),
        ('[[sip.rules]]\nthen = "reject"\ngreet = true', "sip.rules[0].session: it is for calls that are accepted"),
        (
            '[[sip.rules]]\nthen = "accept"\nsession = { voice = "echo" }',
            "sip.rules[0].session.voice: Unknown parameter: 'sip.rules[0].session.voice'.",
        ),
        ('[sip.outbound]\npassword_env = "NONE"', "sip.outbound.password_env: the environment variable NONE"),
        ("[sip.outbound]\nring_s = 0", "sip.outbound.ring_s: "),
        ('[sip.outbound]\nusername = "us"', "sip.outbound.password: a username and a password go together."),
        ('[sip.outbound]\npassword = "a"\npassword_env = "NONE"', "sip.outbound.password_env: password is set too"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, toml: str, problem: str) -> None:
    (found,) = problems(tmp_path, toml)
    assert found.startswith(problem)

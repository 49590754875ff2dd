"""The settings of calls from browsers."""

from __future__ import annotations

from pathlib import Path

import pytest

from vivavoce.config import ConfigError, load, render


def problems(tmp_path: Path, toml: str, **environ: str) -> list[str]:
    path = tmp_path / "vivavoce.toml"
    path.write_text(toml, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(path, environ)
    return caught.value.problems


def test_they_may_all_come_from_the_environment() -> None:
    environ = {
        "VIVAVOCE_WEBRTC__UDP_PORTS": "40000-40999",
        "VIVAVOCE_WEBRTC__PUBLIC_ADDRESS": "203.0.113.9",
        "VIVAVOCE_WEBRTC__STUN": "stun:stun.example.com",
        "VIVAVOCE_WEBRTC__TURN": "turns:turn.example.com:443?transport=tcp",
        "VIVAVOCE_WEBRTC__TURN_PASSWORD_ENV": "RELAY",
        "RELAY": "open sesame\n",
        "VIVAVOCE_SERVER__CORS_ORIGINS": '["https://app.example.com"]',
    }
    config = load(None, environ)
    assert config.webrtc.udp_ports == "40000-40999"
    assert config.webrtc.public_address == "203.0.113.9"
    assert config.webrtc.turn_password == "open sesame"
    assert config.server.cors_origins == ("https://app.example.com",)
    assert "open sesame" not in repr(config) + render(config)


@pytest.mark.parametrize(
    ("ports", "wrong"),
    [
        ("41000-40000", "webrtc.udp_ports: 41000-40000 is no range of ports; they go from 1 to 65535."),
        ("0-9", "webrtc.udp_ports: 0-9 is no range of ports; they go from 1 to 65535."),
        ("9-70000", "webrtc.udp_ports: 9-70000 is no range of ports; they go from 1 to 65535."),
    ],
)
def test_a_range_of_ports_is_one(tmp_path: Path, ports: str, wrong: str) -> None:
    assert problems(tmp_path, f'[webrtc]\nudp_ports = "{ports}"\n') == [wrong]


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('udp_ports = "40000"', "webrtc.udp_ports"),
        ('stun = "stun.example.com"', "webrtc.stun"),
        ('turn = "turn:turn.example.com?transport=tls"', "webrtc.turn"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, line: str, key: str) -> None:
    [problem] = problems(tmp_path, f"[webrtc]\n{line}\n")
    assert problem.startswith(f"{key}: string does not match pattern.")


def test_an_address_is_an_address(tmp_path: Path) -> None:
    assert problems(tmp_path, '[webrtc]\npublic_address = "voice.example.com"\n') == [
        "webrtc.public_address: 'voice.example.com' is not an IP address."
    ]


def test_a_relay_s_password_has_one_place(tmp_path: Path) -> None:
    relay = '[webrtc]\nturn = "turn:turn.example.com"\nturn_password_env = "RELAY"\n'
    assert problems(tmp_path, relay) == ["webrtc.turn_password_env: the environment variable RELAY is not set."]
    assert problems(tmp_path, relay + 'turn_password = "x"\n', RELAY="y") == [
        "webrtc.turn_password_env: webrtc.turn_password is set too; keep one of them."
    ]
    assert problems(tmp_path, '[webrtc]\nturn_username = "me"\n') == [
        "webrtc.turn: it is not set, and the user and password of webrtc are for it."
    ]


def test_an_origin_is_written_as_browsers_do(tmp_path: Path) -> None:
    [problem] = problems(tmp_path, '[server]\ncors_origins = ["https://app.example.com/page"]\n')
    assert problem.startswith("server.cors_origins[0]: string does not match pattern.")

"""`[sip]`: what is wrong is said by name, and nobody listens to the world by accident."""

from __future__ import annotations

from pathlib import Path

import pytest

from vivavoce.config.load import ConfigError, load
from vivavoce.config.render import render


def write(folder: Path, text: str) -> Path:
    path = folder / "vivavoce.toml"
    path.write_text(text)
    return path


def problems(folder: Path, text: str, environ: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(write(folder, text), environ or {})
    return caught.value.problems


def test_it_is_off_until_it_is_told_where_to_listen(tmp_path: Path) -> None:
    assert load(None, {}).sip.listen == ()


def test_passwords_come_from_the_environment_and_are_never_shown(tmp_path: Path) -> None:
    text = """
    [server]
    tls_cert = "cert.pem"
    tls_key = "key.pem"
    [sip]
    listen = ["udp:0.0.0.0:5060", "tls:[::]:5061"]
    [sip.users.ann]
    password = "s3cret"
    [sip.users.bob]
    password_env = "BOB"
    [sip.registrations.carrier]
    address = "sip:4930@carrier.example"
    password_env = "CARRIER"
    """
    config = load(write(tmp_path, text), {"BOB": "hush\n", "CARRIER": "quiet"})
    assert {name: user.password for name, user in config.sip.users.items()} == {"ann": "s3cret", "bob": "hush"}
    assert config.sip.registrations["carrier"].password == "quiet"
    assert (config.sip.tls_cert, config.sip.tls_key) == ("cert.pem", "key.pem")
    for shown in (render(config), repr(config)):
        assert not [secret for secret in ("s3cret", "hush", "quiet") if secret in shown]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('listen = ["udp:0.0.0.0:5060"]', "sip.allow: sip.listen can be reached from other machines"),
        ('listen = ["udp:127.0.0.1:70000"]', "sip.listen: 'udp:127.0.0.1:70000' is no IP address with a port."),
        ('listen = ["udp:1.2.3:5060"]', "sip.listen: 'udp:1.2.3:5060' is no IP address with a port."),
        ('listen = ["tls:127.0.0.1:5061"]', "sip.tls_cert: sip.listen has a TLS address"),
        ('tls_cert = "a.pem"', "sip.tls_key: sip.tls_cert is set, and TLS needs both."),
        ('tls_key = "a.pem"', "sip.tls_cert: sip.tls_key is set, and TLS needs both."),
        ('allow = ["10.0.0.0/99"]', "sip.allow: '10.0.0.0/99' is no network."),
        ('public_address = "example.com"', "sip.public_address: 'example.com' is not an IP address."),
        ("[sip.users.ann]", "sip.users.ann.password: it is missing."),
        ('[sip.users.ann]\npassword_env = "NOT_SET"', "sip.users.ann.password_env: the environment variable NOT_SET"),
        ('[sip.users.ann]\npassword = "a"\npassword_env = "X"', "sip.users.ann.password_env: password is set too"),
        ('[sip.registrations.a]\naddress = "sip:a@b"', "sip.registrations.a.password: it is missing."),
    ],
)
def test_mistakes_are_told_by_name(tmp_path: Path, text: str, found: str) -> None:
    (said,) = [each for each in problems(tmp_path, f"[sip]\n{text}\n") if each.startswith("sip.")][:1]
    assert said.startswith(found)


def test_a_registrar_alone_may_be_who_calls(tmp_path: Path) -> None:
    text = """
    [sip]
    listen = ["udp:0.0.0.0:5060"]
    [sip.registrations.carrier]
    address = "sip:4930@carrier.example"
    password = "quiet"
    """
    assert load(write(tmp_path, text), {}).sip.allow == ()


def test_loopback_needs_nobody_s_permission(tmp_path: Path) -> None:
    text = '[sip]\nlisten = ["udp:127.0.0.1:5060", "tcp:[::1]:5060"]'
    assert len(load(write(tmp_path, text), {}).sip.listen) == 2

"""The settings of the audio of telephone calls, each of which takes effect."""

from __future__ import annotations

from pathlib import Path

import pytest

from vivavoce.config import Config, ConfigError, load
from vivavoce.telephony import media_options
from vivavoce.transports.sip.negotiation import Terms

ALL = """ports = "30001-30003"
address = "127.0.0.1"
codecs = ["pcma"]
srtp = "required"
timeout_s = 12.5
in_band_keys = true"""


def loaded(folder: Path, media: str) -> Config:
    path = folder / "vivavoce.toml"
    path.write_text(f'[sip]\nlisten = ["udp:127.0.0.1:5060"]\npublic_address = "203.0.113.9"\n[sip.media]\n{media}\n')
    return load(path, {})


def test_what_is_set_is_how_it_travels(tmp_path: Path) -> None:
    options = media_options(loaded(tmp_path, ALL).sip)
    assert options.terms == Terms(("pcma",), "required")
    assert (options.host, options.public_address) == ("127.0.0.1", "203.0.113.9")
    assert (options.timeout_s, options.tones) == (12.5, True)
    pair = options.ports.open("127.0.0.1")
    assert pair.port == 30_002
    pair.close()


def test_without_any_every_codec_is_spoken_and_any_port_is_used(tmp_path: Path) -> None:
    options = media_options(loaded(tmp_path, "").sip)
    assert options.terms == Terms(("opus", "pcmu", "pcma"), "allowed")
    assert (options.host, options.timeout_s, options.tones) == (None, 30.0, False)


@pytest.mark.parametrize(
    ("media", "problem"),
    [
        ('ports = "30001-30002"', "sip.media.ports: 30001-30002 holds no even port with the next one behind it."),
        ('ports = "30002-30000"', "sip.media.ports: 30002-30000 holds no even port with the next one behind it."),
        ('ports = "0-9"', "sip.media.ports: 0-9 holds no even port with the next one behind it."),
        ('ports = "9-65536"', "sip.media.ports: 9-65536 holds no even port with the next one behind it."),
        ('address = "phone"', "sip.media.address: 'phone' is not an IP address."),
    ],
)
def test_mistakes(tmp_path: Path, media: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, media)
    assert caught.value.problems == [problem]

"""One server for all tests of this folder: its own process, the real models, the defaults and a telephone."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.certificates import certificate

from vivavoce.commands.local_server import LocalServer, local_server
from vivavoce.models import cache_dir, catalogue, state


@dataclass(frozen=True)
class Exchange:
    """Where the server is called by telephone: its ports."""

    config: Path
    udp: int
    tcp: int
    tls: int


@pytest.fixture(scope="session")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Exchange:
    """Every call is answered, without an application."""
    folder = tmp_path_factory.mktemp("exchange")
    files = certificate(folder)
    udp, tcp, tls = (_free_port(kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM, socket.SOCK_STREAM))
    config = f"""
        [sip]
        listen = ["udp:127.0.0.1:{udp}", "tcp:127.0.0.1:{tcp}", "tls:127.0.0.1:{tls}"]
        tls_cert = "{files.cert}"
        tls_key = "{files.key}"

        [[sip.rules]]
        then = "accept"
    """
    (folder / "vivavoce.toml").write_text(config)
    return Exchange(folder / "vivavoce.toml", udp, tcp, tls)


@pytest.fixture(scope="session")
def server(exchange: Exchange) -> Iterator[LocalServer]:
    """Ready and warm; skips the test where a default model is not in the cache."""
    cache = cache_dir(os.environ)
    for asset in catalogue().assets:
        if asset.default and (found := state(asset, cache)) != "present":
            pytest.skip(f"the model {asset.name} is {found} in the cache: run `vivavoce models pull`")
    # Whatever else this machine is configured to do: these tests are about the defaults,
    # and the telephone beside them.
    environ = {name: value for name, value in os.environ.items() if not _configures(name)}
    with local_server(environ, exchange.config, lambda _: None) as running:
        yield running


def _configures(variable: str) -> bool:
    return variable.startswith("VIVAVOCE_") and variable != "VIVAVOCE_CACHE"


def _free_port(kind: socket.SocketKind) -> int:
    with socket.socket(type=kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

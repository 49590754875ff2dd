"""`vivavoce serve` as a program of its own: it says when it is ready, what to do next, and what stops it."""

from __future__ import annotations

import gc
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.certificates import certificate

from vivavoce.commands.serve import next_steps
from vivavoce.config import Config
from vivavoce.config.tree import Server
from vivavoce.serving import settle

INSTANT = "[engines]\n" + "".join(f'{role} = {{ name = "instant" }}\n' for role in ("vad", "turn", "asr", "llm", "tts"))


@pytest.fixture
def instant(tmp_path: Path) -> str:
    path = tmp_path / "instant.toml"
    path.write_text(INSTANT, encoding="utf-8")
    return str(path)


def start(*arguments: str, **environ: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "vivavoce", "serve", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env={**os.environ, **environ}, stdout=pipe, stderr=pipe, text=True)


@pytest.fixture
def server(instant: str) -> Iterator[subprocess.Popen[str]]:
    with start("--config", instant, "--port", "0") as process:
        yield process
        process.kill()


def ready_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return next(line for line in process.stdout if "ready" in line)


def test_it_serves_until_ctrl_c(server: subprocess.Popen[str]) -> None:
    url = ready_line(server).split()[4]
    health = httpx.get(f"{url}/health", trust_env=False)
    assert (health.status_code, health.json()["status"]) == (200, "ok")
    server.send_signal(signal.SIGINT)
    _, errors = server.communicate(timeout=60)
    assert server.returncode == 0
    assert "Traceback" not in errors


def test_it_says_which_engines_server_is_down(instant: str, tmp_path: Path) -> None:
    Path(instant).write_text(
        INSTANT.replace(
            'llm = { name = "instant" }', 'llm = { name = "openai", model = "m", base_url = "http://[::1]:9" }'
        )
    )
    with start("--config", instant, "--port", "0") as process:
        try:
            url = ready_line(process).split()[4]
            health = httpx.get(f"{url}/health", trust_env=False)
            assert (health.status_code, list(health.json()["unreachable"])) == (503, ["llm"])
            assert process.stderr is not None
            told = next(line for line in process.stderr if line.startswith("Answers have to wait"))
            assert "The language model (m at ::1:9) cannot be reached yet" in told
        finally:
            process.kill()


def test_with_a_certificate_it_serves_tls(instant: str, tmp_path: Path) -> None:
    files = certificate(tmp_path)
    tls = {"VIVAVOCE_SERVER__TLS_CERT": files.cert, "VIVAVOCE_SERVER__TLS_KEY": files.key}
    with start("--config", instant, "--port", "0", **tls) as process:
        try:
            url = ready_line(process).split()[4]
            assert url.startswith("https://127.0.0.1:")
            trusted = ssl.create_default_context(cafile=files.authority)
            assert httpx.get(f"{url}/health", verify=trusted, trust_env=False).json()["status"] == "ok"
            with pytest.raises(httpx.TransportError):
                httpx.get(f"{url.replace('https', 'http')}/health", trust_env=False)
        finally:
            process.kill()


def test_no_tls_is_stronger_than_the_settings(instant: str, tmp_path: Path) -> None:
    tls = {"VIVAVOCE_SERVER__TLS_CERT": "none.pem", "VIVAVOCE_SERVER__TLS_KEY": "none.pem"}
    with start("--config", instant, "--port", "0", "--no-tls", **tls) as process:
        try:
            url = ready_line(process).split()[4]
            assert httpx.get(f"{url}/health", trust_env=False).json()["status"] == "ok"
        finally:
            process.kill()


def test_a_certificate_that_cannot_be_used_is_one_sentence(instant: str, tmp_path: Path) -> None:
    files = certificate(tmp_path)
    for key, why in ((str(tmp_path / "none.pem"), "No such file or directory"), (files.cert, "[SSL]")):
        tls = {"VIVAVOCE_SERVER__TLS_CERT": files.cert, "VIVAVOCE_SERVER__TLS_KEY": key}
        with start("--config", instant, "--port", "0", **tls) as process:
            output, errors = process.communicate(timeout=60)
        assert (process.returncode, output) == (1, "")
        assert errors.startswith(f"Cannot serve TLS with server.tls_cert {files.cert} and server.tls_key {key}: {why}")
        assert errors.count("\n") == 1


def test_a_port_in_use_is_one_sentence(instant: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with start("--config", instant, "--port", port) as process:
            output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (1, "")
    assert (
        errors
        == f"Cannot listen on port {port} of 127.0.0.1: Address already in use. Choose another with --port or --host.\n"
    )


def test_missing_models_are_one_sentence(tmp_path: Path) -> None:
    with start("--port", "0", VIVAVOCE_CACHE=str(tmp_path)) as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "is missing. Fetch it with `vivavoce models pull" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:1"), ("0.0.0.0", "http://127.0.0.1:1"), ("::1", "http://[::1]:1")],
)
def test_what_to_do_next_names_an_address_that_works_here(host: str, url: str) -> None:
    assert f"ready at {url} " in next_steps(Config(server=Server(host=host)), 1)


@pytest.mark.parametrize("playground", [True, False])
def test_what_to_do_next_names_the_page_where_there_is_one(playground: bool) -> None:
    text = next_steps(Config(server=Server(playground=playground)), 1)
    assert ("open it in a browser" in text) is playground


def test_what_to_do_next_never_shows_a_key() -> None:
    text = next_steps(Config(server=Server(keys=("sk-secret",))), 1)
    assert "sk-secret" not in text
    assert 'api_key="YOUR-KEY"' in text
    assert "Bearer YOUR-KEY" in text


def test_collections_leave_alone_what_was_there_at_the_start() -> None:
    before = len(gc.get_objects())
    settle()
    try:
        assert len(gc.get_objects()) < before / 10
    finally:
        gc.unfreeze()

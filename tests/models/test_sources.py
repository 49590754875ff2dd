"""What pip and npm say, and what becomes of it. Programs of the same names stand in for them."""

import base64
import hashlib
import json
import os
import sys
from pathlib import Path

import pytest

from vivavoce.models.sources import Registries, SourceError

HEX = hashlib.sha512(b"").hexdigest()


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def program(folder: Path, name: str, output: str, complaint: str = "", status: int = 0) -> None:
    path = folder / name
    path.write_text(
        f"#!{sys.executable}\nimport sys\n"
        f"sys.stdout.write({output!r}); sys.stderr.write({complaint!r}); sys.exit({status})\n"
    )
    path.chmod(0o755)


def pip_entry(**hashes: str) -> str:
    download = {"url": "https://example.org/f/Tiny_Part-1.0.whl#x", "archive_info": {"hashes": hashes}}
    entry = {"download_info": download, "metadata": {"name": "Tiny_Part", "version": "1.0"}}
    return json.dumps({"version": "1", "install": [entry]})


def test_pips_report_gives_the_address_and_the_digest(programs: Path) -> None:
    program(programs, "python", pip_entry(sha256="abc"))
    remote = Registries(str(programs / "python")).wheels(["tiny-part==1.0"])["tiny-part==1.0"]
    assert (remote.filename, remote.algorithm, remote.digest) == ("Tiny_Part-1.0.whl", "sha256", "abc")


@pytest.mark.parametrize(
    ("output", "complaint", "status", "sentence"),
    [
        ("", "ERROR: versions: none\nERROR: No matching distribution found for a==1\n", 1, "pip: No matching dis"),
        ("", "WARNING: Retrying after connection broken\nERROR: No matching", 1, "index cannot be reached"),
        ("", "", 1, "without a word"),
        ("no json", "", 0, "an answer that cannot be read"),
        (pip_entry(md5="abc"), "", 0, "gives no sha256 for Tiny_Part-1.0.whl"),
        ('{"install": []}', "", 0, "pip found no a==1"),
    ],
)
def test_what_pip_cannot_do_is_said(output: str, complaint: str, status: int, sentence: str, programs: Path) -> None:
    program(programs, "python", output, complaint, status)
    with pytest.raises(SourceError, match=sentence):
        Registries(str(programs / "python")).wheels(["a==1"])


def test_npm_gives_the_address_and_the_digest(programs: Path) -> None:
    integrity = "sha512-" + base64.b64encode(bytes.fromhex(HEX)).decode()
    program(programs, "npm", json.dumps({"tarball": "https://example.org/a-1.tgz", "integrity": integrity}))
    remote = Registries().tarball("a", "1")
    assert (remote.filename, remote.algorithm, remote.digest) == ("a-1.tgz", "sha512", HEX)


@pytest.mark.parametrize(
    ("integrity", "sentence"),
    [("sha1-abcd", "unknown kind 'sha1'"), ("sha512-@@@", "not base64")],
)
def test_a_digest_that_npm_gives_in_another_way_is_refused(integrity: str, sentence: str, programs: Path) -> None:
    program(programs, "npm", json.dumps({"tarball": "https://example.org/a.tgz", "integrity": integrity}))
    with pytest.raises(SourceError, match=sentence):
        Registries().tarball("a", "1")


def test_npms_error_code_is_said(programs: Path) -> None:
    program(programs, "npm", "", "npm error code E404\nnpm error 404 Not Found\nnpm error A complete log", 1)
    with pytest.raises(SourceError, match="npm: it failed with E404"):
        Registries().tarball("a", "1")


def test_a_machine_without_npm_is_told_so(programs: Path) -> None:
    assert os.listdir(programs) == []
    with pytest.raises(SourceError, match="npm is not installed"):
        Registries().tarball("a", "1")

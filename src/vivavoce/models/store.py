"""What is on the disk: where each asset lives, and whether its files are the ones that the catalogue pins.

A file counts only under its final name, and only after its sha256 was compared. Hashing a gigabyte takes
seconds, so a marker remembers the comparison together with the file's size and modification time; whoever
changes the file invalidates it. Markers live in the cache, also those of files that a package ships.
"""

import hashlib
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Literal

from .catalogue import Asset, File, ModelError, Package

State = Literal["missing", "partial", "present", "corrupt"]
FileState = Literal["missing", "good", "bad"]


def cache_dir(environ: Mapping[str, str]) -> Path:
    """The cache folder: `$VIVAVOCE_CACHE`, else `$XDG_CACHE_HOME/vivavoce`, else `~/.cache/vivavoce`."""
    if own := environ.get("VIVAVOCE_CACHE"):
        return Path(own).expanduser()
    base = environ.get("XDG_CACHE_HOME", "")
    # The XDG specification says to ignore a relative path here.
    if Path(base).is_absolute():
        return Path(base) / "vivavoce"
    home = Path(environ["HOME"]) if environ.get("HOME") else Path.home()
    return home / ".cache" / "vivavoce"


def asset_dir(asset: Asset, cache: Path) -> Path:
    """The folder that holds the asset's files, whether or not they are there yet.

    For an asset that ships in an installed package this is a folder of that package; raises `ModelError`
    where the package is not installed.
    """
    if package := asset.package:
        return _package_dir(asset, package)
    return cache / "models" / asset.name


def downloads_dir(asset: Asset, cache: Path) -> Path:
    """The folder for what is on its way; nothing in it counts as a model file."""
    return cache / "models" / asset.name / ".downloads"


def state(asset: Asset, cache: Path) -> State:
    """How much of the asset is there. Costs a few `stat` calls, unless a file was never compared before."""
    states = {inspect(asset, file, cache) for file in asset.files}
    if "bad" in states:
        return "corrupt"
    if states == {"good"}:
        return "present"
    begun = "good" in states or downloads_dir(asset, cache).is_dir()
    return "partial" if begun else "missing"


def verify(asset: Asset, cache: Path) -> list[str]:
    """Compare every byte with the catalogue; the problems found, as sentences (none: the asset is good)."""
    try:
        folder = asset_dir(asset, cache)
    except ModelError as error:
        return [str(error)]
    problems = []
    for file in asset.files:
        if problem := _compare(file, folder / file.name):
            _marker(asset, file, cache).unlink(missing_ok=True)
            problems.append(f"{asset.name}: {folder / file.name} {problem}.")
        else:
            mark_verified(asset, file, cache)
    return problems


def inspect(asset: Asset, file: File, cache: Path) -> FileState:
    """Whether the file is there and is the right one."""
    try:
        path = asset_dir(asset, cache) / file.name
        found = path.stat()
    except (OSError, ModelError):
        return "missing"
    if found.st_size != file.size:
        return "bad"
    if _read(_marker(asset, file, cache)) == _fingerprint(file, path):
        return "good"
    if _compare(file, path):
        return "bad"
    mark_verified(asset, file, cache)
    return "good"


def mark_verified(asset: Asset, file: File, cache: Path) -> None:
    """Remember that the file was compared. A cache that cannot be written to just compares anew each time."""
    marker = _marker(asset, file, cache)
    try:
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.write_text(_fingerprint(file, asset_dir(asset, cache) / file.name))
    except OSError:
        return


def _compare(file: File, path: Path) -> str | None:
    """What is wrong with the file, as the end of a sentence."""
    if not path.is_file():
        return "is missing"
    size = path.stat().st_size
    if size != file.size:
        return f"has {size} bytes where the catalogue says {file.size}"
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return None if digest == file.sha256 else f"has the sha256 {digest} where the catalogue says {file.sha256}"


def _fingerprint(file: File, path: Path) -> str:
    found = path.stat()
    return f"{file.sha256} {found.st_size} {found.st_mtime_ns}\n"


def _marker(asset: Asset, file: File, cache: Path) -> Path:
    return cache / "models" / asset.name / ".verified" / file.name


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None


def _package_dir(asset: Asset, package: Package) -> Path:
    try:
        found = distribution(package.package)
    except PackageNotFoundError:
        message = f"{asset.name} ships in the Python package {package.package}, which is not installed."
        raise ModelError(message) from None
    return Path(str(found.locate_file(package.folder)))

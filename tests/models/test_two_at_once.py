"""Two processes that pull the same model at once download it once."""

import multiprocessing
from multiprocessing.synchronize import Barrier
from pathlib import Path

from tests.models.loopback import Site, noise, sha256

from vivavoce.models.catalogue import Asset, File, Url
from vivavoce.models.fetch import pull
from vivavoce.models.report import Silent
from vivavoce.models.store import state

MODEL = noise(500_000)
PROCESSES = 3


def _pull_when_all_are_ready(ready: Barrier, asset: Asset, cache: Path) -> None:
    ready.wait()
    pull([asset], cache, Silent())


def test_two_processes_download_once(site: Site, cache: Path) -> None:
    site.content["model.bin"] = MODEL
    source = Url(url=site.url("model.bin"))
    tiny = Asset("tiny", "asr", True, "MIT", "", (File("model.bin", len(MODEL), sha256(MODEL)),), (source,))
    # Spawned, since this process has the server's thread, and a fork would copy its locks in any state.
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(PROCESSES)
    work = [context.Process(target=_pull_when_all_are_ready, args=(ready, tiny, cache)) for _ in range(PROCESSES)]
    for process in work:
        process.start()
    for process in work:
        process.join()
    assert [process.exitcode for process in work] == [0] * PROCESSES
    assert len(site.requests) == 1
    assert state(tiny, cache) == "present"

"""What counts as growth in a call that goes on."""

from __future__ import annotations

from vivavoce.bench.holdings import Holdings
from vivavoce.bench.long_call import growth


def held(tasks: int, megabytes: float) -> Holdings:
    return Holdings(sessions=1, tasks=tasks, threads=7, fds=19, rss=int(megabytes * 1e6))


def test_the_first_turns_do_not_count() -> None:
    samples = [held(10, 100), held(12, 150), held(16, 170), held(16, 171), held(15, 170), held(16, 172)]
    assert all(each.within for each in growth(samples))


def test_what_grows_later_does() -> None:
    flat = [held(16, 170)] * 6
    more = {each.name: each for each in growth([*flat, held(16, 170), held(17, 175.1), held(16, 170)])}
    assert {name for name, each in more.items() if not each.within} == {"tasks", "memory, MB"}
    assert more["tasks"].more == 1

"""Engines on other servers: what is missing at the start is looked for, ever more seldom, until it comes."""

from __future__ import annotations

import asyncio

from vivavoce.engines.instant import InstantLlm, InstantTts
from vivavoce.runtime.reach import LONGEST_PAUSE_S, Reach
from vivavoce.testing.clock import run_virtual


class Late(InstantLlm):
    """Its server comes up at `at`."""

    def __init__(self, at: float) -> None:
        super().__init__()
        self.at = at
        self.looks: list[float] = []

    async def unreachable(self) -> str | None:
        now = asyncio.get_running_loop().time()
        self.looks.append(now)
        return None if now >= self.at else "The language model (m at host:1) cannot be reached yet."


def test_engines_that_are_here_are_never_missing() -> None:
    async def main() -> None:
        reach = Reach({"llm": InstantLlm(), "tts": InstantTts()})
        await reach.look()
        assert reach.missing == {}
        await reach.wait()

    run_virtual(main())


def test_a_server_that_comes_up_late_is_found_by_itself() -> None:
    async def main() -> None:
        here, late = Late(at=0), Late(at=asyncio.get_running_loop().time() + 5)
        here.at = late.at - 5
        reach = Reach({"llm": late, "asr": here})
        await reach.look()
        assert reach.missing == {"llm": "The language model (m at host:1) cannot be reached yet."}
        await reach.wait()
        assert reach.missing == {}
        start = late.looks[0]
        assert [look - start for look in late.looks] == [0, 1, 3, 7]
        assert len(here.looks) == 1

    run_virtual(main())


class Rude(Late):
    """It breaks the contract: at first it raises, then it takes for ever."""

    async def unreachable(self) -> str | None:
        await super().unreachable()
        if len(self.looks) == 1:
            raise ZeroDivisionError
        if len(self.looks) == 2:
            await asyncio.get_running_loop().create_future()
        return None


def test_one_that_raises_or_never_answers_is_missing_and_holds_nobody_up() -> None:
    async def main() -> None:
        rude = Rude(at=0)
        reach = Reach({"asr": Late(at=0), "llm": rude})
        await reach.look()
        assert reach.missing == {"llm": "The server of engines.llm failed."}
        await reach.look()
        assert reach.missing == {"llm": "The server of engines.llm did not answer within 10 s."}
        await reach.wait()
        assert reach.missing == {}
        assert len(rude.looks) == 3

    run_virtual(main())


def test_a_server_that_stays_away_is_looked_for_seldom() -> None:
    async def main() -> None:
        late = Late(at=asyncio.get_running_loop().time() + 600)
        reach = Reach({"llm": late})
        await reach.look()
        await reach.wait()
        pauses = [after - before for before, after in zip(late.looks, late.looks[1:], strict=False)]
        assert max(pauses) == LONGEST_PAUSE_S
        assert len(late.looks) < 30

    run_virtual(main())

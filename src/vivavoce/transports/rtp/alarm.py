"""Waiting for something, or for its time."""

from __future__ import annotations

import asyncio


class Alarm:
    """Something to wait for that comes when it is set, or when its time comes."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        """Now."""
        self._event.set()

    async def wait(self, at: float | None) -> bool:
        """Until it is set, or until `at` on the loop's clock: whether that came. It counts once."""
        came = False

        def ring() -> None:
            nonlocal came
            came = True
            self._event.set()

        timer = None if at is None else asyncio.get_running_loop().call_at(at, ring)
        try:
            await self._event.wait()
            self._event.clear()
        finally:
            if timer is not None:
                timer.cancel()
        return came

"""Several recorders of one session as one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager

from vivavoce.core import effects as fx
from vivavoce.runtime.runner import Recorder


class _Several:
    def __init__(self, recorders: Sequence[Recorder]) -> None:
        self._recorders = recorders

    def record(self, now: float, event: fx.AnyInput, outputs: Sequence[fx.AnyOutput]) -> None:
        """Each writes its own."""
        for recorder in self._recorders:
            recorder.record(now, event, outputs)


@contextmanager
def recording(recorders: Iterable[AbstractContextManager[Recorder]]) -> Iterator[Recorder | None]:
    """All of them, open inside; None when there are none."""
    with ExitStack() as stack:
        opened = [stack.enter_context(recorder) for recorder in recorders]
        yield _Several(opened) if opened else None

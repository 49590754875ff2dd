"""The settings of functions that clients run."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from vivavoce.config.section import Section


class Tools(Section, frozen=True, kw_only=True):
    """Calls of functions that the client runs."""

    filler: Annotated[
        Annotated[str, Meta(max_length=200)],
        Meta(description='Said while a function takes its time, as "One moment, please."; empty: nothing is.'),
    ] = ""
    filler_after_s: Annotated[
        float, Meta(gt=0, le=60, description="How long nobody has spoken then. It is said once for each call.")
    ] = 3.0

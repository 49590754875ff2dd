"""The settings of logs and of spans."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from vivavoce.config.section import Section


class Tracing(Section, frozen=True, kw_only=True):
    """OpenTelemetry spans of the sessions that ask for `tracing`: times and tokens, never audio or words."""

    endpoint: Annotated[
        Annotated[str, Meta(pattern="^https?://")] | None,
        Meta(
            description="OTLP over HTTP, such as http://localhost:4318/v1/traces. Absent: sessions cannot be traced.",
        ),
    ] = None
    headers: Annotated[dict[str, str], Meta(description="Sent with every request, as for a key.")] = field(
        default_factory=dict
    )
    service_name: Annotated[str, Meta(min_length=1, description="What this server is called there.")] = "vivavoce"


class Log(Section, frozen=True, kw_only=True):
    """What goes to standard error; never audio, transcripts or keys."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    json: Annotated[bool, Meta(description="One JSON object per line instead of text for people.")] = False

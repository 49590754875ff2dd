"""Types of every shape that the wire and the configuration are made of."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType


class Pcm(Struct, forbid_unknown_fields=True, tag_field="type", tag="audio/pcm"):
    rate: Annotated[int, Meta(ge=24_000, le=24_000)]


class Pcmu(Struct, forbid_unknown_fields=True, tag_field="type", tag="audio/pcmu"):
    pass


class Pcma(Struct, forbid_unknown_fields=True, tag_field="type", tag="audio/pcma"):
    pass


class Ratio(Struct, forbid_unknown_fields=True):
    retention_ratio: Annotated[float, Meta(ge=0, le=1)]


class Tool(Struct, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, max_length=8, pattern="^[a-z]+$", description="What to call.")]
    parameters: dict[str, Any] | UnsetType = UNSET


Metadata = Annotated[dict[Annotated[str, Meta(max_length=4)], str], Meta(min_length=1, max_length=2)]


class Session(Struct, forbid_unknown_fields=True):
    type: Literal["realtime"]
    format: Pcm | Pcmu | Pcma | UnsetType | None = UNSET
    speed: Annotated[float, Meta(gt=0.25, lt=1.5)] | UnsetType = UNSET
    tokens: Literal["inf"] | Annotated[int, Meta(ge=1, le=4096)] | UnsetType = UNSET
    truncation: Literal["auto", "disabled"] | Ratio | UnsetType = UNSET
    eagerness: Literal["low", "medium", "high"] | UnsetType | None = UNSET
    tools: Annotated[list[Tool], Meta(max_length=2)] | UnsetType = UNSET
    modalities: tuple[str, ...] | UnsetType = UNSET
    metadata: Metadata | UnsetType | None = UNSET
    strict: bool | UnsetType = UNSET
    number: int | float | None = None
    audio: bytes | UnsetType = UNSET
    level: Literal[1, 2] | str | UnsetType = UNSET
    amount: float | str | UnsetType = UNSET

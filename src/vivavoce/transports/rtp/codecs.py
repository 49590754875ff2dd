"""The codecs of calls, by the names that session descriptions have for them (RFC 8866 6.6)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

Codec = Literal["opus", "pcmu", "pcma"]

DESCRIBED: Mapping[Codec, tuple[str, int | None]] = MappingProxyType(
    {"opus": ("opus/48000/2", None), "pcmu": ("PCMU/8000", 0), "pcma": ("PCMA/8000", 8)}
)
"""In the order of preference: what stands in `a=rtpmap`, and the static payload type (RFC 3551 6, RFC 7587 7)."""
OPUS_PARAMETERS = "minptime=10;useinbandfec=1"
"""What stands in its `a=fmtp`: a lost packet is made up for from its copy in the next (RFC 7587 6.1)."""


def named(codec: Codec, rtpmap: str) -> bool:
    """Whether this is `codec`, as somebody else writes it: in any case, and G.711 with or without its one channel."""
    return rtpmap.strip().lower().removesuffix("/1") == DESCRIBED[codec][0].lower()

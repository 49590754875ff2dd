"""Moshi, and models with a server like its own: full-duplex, over a WebSocket.

The protocol is that of kyutai-labs/moshi (`rust/protocol.md`, and what its servers in Python and Rust do), with the
prompts that NVIDIA's PersonaPlex takes. docs/duplex.md says how to start them.
"""

from __future__ import annotations

from vivavoce.ports import Duplex


def moshi(
    model_path: object,
    *,
    url: str,
    voices: dict[str, str],
    instructed: bool,
    query: dict[str, object],
    ca: str | None,
    conversations: int,
    connect_timeout_s: float,
    ready_timeout_s: float,
) -> Duplex:
    """The engine as it is configured; no model of ours. Raises `ValueError` for certificates that cannot be read."""
    from vivavoce.engines.moshi.engine import Moshi
    from vivavoce.engines.moshi.stream import Patience

    patience = Patience(connect_timeout_s, ready_timeout_s)
    return Moshi(
        url,
        voices=voices,
        instructed=instructed,
        query=query,
        ca=ca,
        conversations=conversations,
        patience=patience,
    )

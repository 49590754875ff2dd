"""API keys in sentences: enough of one to recognise it, too little to use it."""

from __future__ import annotations

_HEAD, _TAIL, _SHORTEST = 5, 2, 16


def masked(key: str) -> str:
    """`sk-ab***yz`; of a key so short that its ends would give it away, nothing."""
    return f"{key[:_HEAD]}***{key[-_TAIL:]}" if len(key) >= _SHORTEST else "***"

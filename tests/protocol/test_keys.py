"""Masked keys."""

from __future__ import annotations

from vivavoce.protocol.keys import masked


def test_only_the_ends_of_a_long_key_are_shown() -> None:
    assert masked("sk-abcdefghijklmnopqrstuvwxyz") == "sk-ab***yz"


def test_nothing_of_a_short_key_is_shown() -> None:
    assert masked("secret") == "***"

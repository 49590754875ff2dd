"""Pairs of ports: even and odd, in the range, and not the one that was just given back."""

from __future__ import annotations

import socket
from contextlib import suppress

import pytest

from vivavoce.transports.sip.ports import NoPorts, Ports, reachable_from

HOST = "127.0.0.1"


def free() -> int:
    """The first of six ports in a row that were free just now."""
    for _ in range(50):
        pair = Ports().open(HOST)
        first = pair.port
        pair.close()
        with suppress(OSError):
            for at in range(first, first + 6, 2):
                Ports(at, at + 1).open(HOST).close()
            return first
    raise AssertionError("this machine has no six ports in a row")


def test_an_even_port_and_the_next() -> None:
    pair = Ports().open(HOST)
    assert pair.port % 2 == 0
    assert pair.reports.getsockname() == (HOST, pair.port + 1)
    pair.close()


def test_every_pair_of_the_range_and_then_none() -> None:
    first = free()
    ports = Ports(first - 1, first + 4)  # an odd beginning, and an end that has no port behind it
    pairs = [ports.open(HOST) for _ in range(2)]
    assert [pair.port for pair in pairs] == [first, first + 2]
    with pytest.raises(NoPorts, match="2 pairs"):
        ports.open(HOST)
    for pair in pairs:
        pair.close()


def test_what_was_given_back_is_used_as_late_as_can_be() -> None:
    first = free()
    ports = Ports(first, first + 5)
    used = []
    for _ in range(4):
        pair = ports.open(HOST)
        used.append(pair.port)
        pair.close()
    assert used == [first, first + 2, first + 4, first]


def test_a_pair_of_which_somebody_else_has_one_is_left_out() -> None:
    first = free()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((HOST, first + 1))
        pair = Ports(first, first + 3).open(HOST)
        assert pair.port == first + 2
        pair.close()


def test_a_range_without_a_pair() -> None:
    with pytest.raises(ValueError, match="5001 to 5002"):
        Ports(5001, 5002)


def test_an_address_that_is_not_ours() -> None:
    with pytest.raises(OSError, match="assign"):
        Ports().open("192.0.2.1")


def test_the_way_to_somebody() -> None:
    assert reachable_from(HOST) == HOST

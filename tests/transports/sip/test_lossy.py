"""Whole calls between two user agents over a network that loses, repeats and swaps: both come to the same end."""

from __future__ import annotations

from contextlib import suppress

import pytest
from tests.transports.sip.network import Network
from tests.transports.sip.scene import ANSWER, OFFER, OTHER

from vivavoce.transports.sip.actions import (
    Answered,
    Cancelled,
    Confirmed,
    Ended,
    Invited,
    News,
    NoSuchCall,
    Offered,
    Refused,
)

SEEDS = range(40)


def calling(net: Network) -> str:
    dialog, actions = net.agents["ann"].invite(
        "sip:bob@192.0.2.2", OFFER, net.flow("ann"), net.now, from_uri="sip:ann@192.0.2.1"
    )
    net.perform("ann", actions)
    return dialog


def answering(net: Network) -> None:
    """Bob rings and answers everything."""

    def react(name: str, news: News) -> None:
        agent = net.agents[name]
        if isinstance(news, Invited):
            net.perform(name, agent.ring(news.dialog, net.now))
            net.perform(name, agent.answer(news.dialog, ANSWER, net.now))
        elif isinstance(news, Offered):
            net.perform(name, agent.answer_offer(news.dialog, OTHER, net.now))

    net.react = react


@pytest.mark.parametrize("seed", SEEDS)
def test_a_call_is_set_up_and_hung_up(seed: int) -> None:
    net = Network(seed, loss=0.3, copies=0.2, delay_s=0.4)
    answering(net)
    dialog = calling(net)
    net.run(31)
    assert [type(each) for each in net.news["bob"]][:2] == [Invited, Confirmed]
    assert net.news["ann"][-1] == Answered(dialog, ANSWER)
    assert all(isinstance(each, Invited | Confirmed) for each in net.news["bob"])
    net.perform("ann", net.agents["ann"].bye(dialog, net.now))
    net.run(120)
    (last,) = [each for each in net.news["bob"] if isinstance(each, Ended)]
    assert last.reason == "bye"
    assert [len(agent) for agent in net.agents.values()] == [0, 0]
    assert [agent.deadline() for agent in net.agents.values()] == [None, None]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_call_is_cancelled_at_any_moment(seed: int) -> None:
    net = Network(seed, loss=0.2, delay_s=0.3)

    def react(name: str, news: News) -> None:
        if isinstance(news, Invited):
            net.perform(name, net.agents[name].ring(news.dialog, net.now))
        elif isinstance(news, Answered):
            net.perform(name, net.agents[name].bye(news.dialog, net.now))

    net.react = react
    dialog = calling(net)
    net.run(seed / 10)
    if seed % 2 and (invited := [each for each in net.news["bob"] if isinstance(each, Invited)]):
        net.perform("bob", net.agents["bob"].answer(invited[0].dialog, ANSWER, net.now))
        net.run(seed % 3 / 10)
    with suppress(NoSuchCall):  # it was answered before
        net.perform("ann", net.agents["ann"].cancel(dialog, net.now))
    net.run(200)
    assert isinstance(net.news["ann"][-1], Refused | Answered)
    assert not net.news["bob"] or isinstance(net.news["bob"][-1], Cancelled | Ended)
    assert [len(agent) for agent in net.agents.values()] == [0, 0]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_session_is_kept_alive_for_hours(seed: int) -> None:
    net = Network(seed, loss=0.1, copies=0.1, expires_s=90)
    answering(net)
    dialog = calling(net)
    net.run(3600)
    assert not [each for news in net.news.values() for each in news if isinstance(each, Ended | Refused)]
    net.perform("ann", net.agents["ann"].bye(dialog, net.now))
    net.run(100)
    assert [len(agent) for agent in net.agents.values()] == [0, 0]


def test_a_peer_that_vanishes_is_noticed() -> None:
    net = Network(1, loss=0.0, expires_s=90)
    answering(net)
    calling(net)
    net.run(10)
    net._loss = 1.0
    net.run(200)
    assert [type(news[-1]) for news in net.news.values()] == [Ended, Ended]
    assert [len(agent) for agent in net.agents.values()] == [0, 0]


def test_a_thousand_calls_leave_nothing_behind() -> None:
    net = Network(7, loss=0.05, copies=0.05)
    answering(net)
    dialogs = []
    for _ in range(1000):
        dialogs.append(calling(net))
        net.run(0.2)  # all ring at once for no longer than that
    net.run(40)
    for dialog in dialogs:
        net.perform("ann", net.agents["ann"].bye(dialog, net.now))
    net.run(100)
    assert sum(isinstance(each, Confirmed) for each in net.news["bob"]) == 1000
    assert sum(isinstance(each, Ended) for each in net.news["bob"]) == 1000
    for agent in net.agents.values():
        office = agent._office
        assert (len(agent), len(office.timers), len(office.timers._heap), len(office.ringing)) == (0, 0, 0, 0)

"""What the runtime tells appears in the exposition."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from prometheus_client.parser import text_string_to_metric_families

from vivavoce.observe.metrics import LAG_PERIOD_S, Metrics
from vivavoce.runtime.observer import Observer, Timeline


@dataclass
class Busy:
    name: str
    running: int


def samples(metrics: Metrics) -> dict[str, float]:
    """Each sample by its name and labels, as written in the exposition."""
    text = metrics.render()[0].decode()
    return {
        sample.name + "".join(f" {key}={value}" for key, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_sessions_events_errors_and_responses_are_counted() -> None:
    metrics = Metrics()
    observer: Observer = metrics
    observer.session_started("sess_1")
    observer.session_started("sess_2")
    observer.session_ended("sess_1")
    observer.event_sent("session.created")
    observer.error(None)
    observer.error("invalid_value")
    observer.response_done("cancelled", "turn_detected")
    observer.response_done("completed", None)
    found = samples(metrics)
    assert found["vivavoce_sessions"] == 1
    assert found["vivavoce_sessions_started_total"] == 2
    assert found["vivavoce_events_sent_total type=session.created"] == 1
    assert found["vivavoce_errors_total code=none"] == 1
    assert found["vivavoce_errors_total code=invalid_value"] == 1
    assert found["vivavoce_responses_total reason=turn_detected status=cancelled"] == 1
    assert found["vivavoce_responses_total reason=none status=completed"] == 1
    assert not any("sess_" in name for name in found)


def test_calls_of_tools_are_counted_by_who_runs_them_and_how_they_end() -> None:
    metrics = Metrics()
    observer: Observer = metrics
    observer.call_ended("function", "completed")
    observer.call_ended("mcp", "declined")
    observer.call_ended("mcp", "declined")
    found = samples(metrics)
    assert found["vivavoce_tool_calls_total kind=function outcome=completed"] == 1
    assert found["vivavoce_tool_calls_total kind=mcp outcome=declined"] == 2


def test_a_turns_stages_are_measured_from_the_end_of_speech() -> None:
    metrics = Metrics()
    metrics.turn(Timeline(10.0, turn_decided=10.22, transcript=9.9, first_audio=11.1))
    found = samples(metrics)
    assert found["vivavoce_turns_total"] == 1
    assert found["vivavoce_turn_seconds_sum stage=turn_decided"] == pytest.approx(0.22)
    assert found["vivavoce_turn_seconds_bucket le=0.25 stage=turn_decided"] == 1
    assert found["vivavoce_turn_seconds_bucket le=0.2 stage=turn_decided"] == 0
    assert found["vivavoce_turn_seconds_sum stage=transcript"] == 0
    assert found["vivavoce_turn_seconds_sum stage=first_audio"] == pytest.approx(1.1)
    assert "vivavoce_turn_seconds_sum stage=first_token" not in found


def test_engines_are_looked_at_when_scraped() -> None:
    metrics = Metrics()
    engine = Busy("llama", 0)
    metrics.watch_engines({"llm": engine})
    engine.running = 3
    assert samples(metrics)["vivavoce_engine_running engine=llama role=llm"] == 3


def test_each_server_has_its_own_numbers() -> None:
    one, other = Metrics(), Metrics()
    one.session_started("sess_1")
    assert samples(other)["vivavoce_sessions"] == 0
    assert "process_resident_memory_bytes" in samples(other)
    assert one.render()[1].startswith("text/plain")


async def _watched(metrics: Metrics) -> None:
    task = asyncio.create_task(metrics.watch_loop())
    await asyncio.sleep(LAG_PERIOD_S * 1.5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_the_event_loops_lag_is_measured() -> None:
    metrics = Metrics()
    asyncio.run(_watched(metrics))
    assert samples(metrics)["vivavoce_event_loop_lag_seconds_count"] == 1


@dataclass
class Ahead(Busy):
    answering: int


def test_an_engine_that_works_ahead_says_what_is_for_an_answer() -> None:
    metrics = Metrics()
    metrics.watch_engines({"llm": Ahead("llama", 3, 2), "tts": Busy("hibari", 1)})
    found = samples(metrics)
    assert found["vivavoce_engine_running engine=llama role=llm"] == 3
    assert found["vivavoce_engine_answering engine=llama role=llm"] == 2
    assert "vivavoce_engine_answering engine=hibari role=tts" not in found


def test_the_event_loops_tasks_are_counted() -> None:
    async def scraped() -> dict[str, float]:
        other = asyncio.create_task(asyncio.sleep(60))
        found = samples(metrics)
        other.cancel()
        return found

    metrics = Metrics()
    assert asyncio.run(scraped())["vivavoce_tasks"] == 2
    assert samples(metrics)["vivavoce_tasks"] == 0  # no loop, no tasks

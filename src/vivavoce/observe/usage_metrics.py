"""What all sessions together have used, for Prometheus: read from the book at each scrape, so it costs callers nothing.

Labels are roles, engines and modalities: as many as the configuration has.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from vivavoce.observe.book import Book
from vivavoce.observe.sums import RATE, Sums


class UsageCollector(Collector):
    """One server's."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Everything since the server began."""
        sums = self._book.everything()
        yield CounterMetricFamily(
            "vivavoce_connected_seconds", "Time that sessions were connected.", value=sums.connected_ms / 1000
        )
        audio = CounterMetricFamily("vivavoce_audio_seconds", "Audio of callers and answers.", labels=["what"])
        counted = {"heard": sums.heard, "made": sums.made, "played": sums.played or 0}
        for what, samples in counted.items():
            audio.add_metric([what], samples / RATE)
        audio.add_metric(["transcribed"], sums.transcribed_ms / 1000)
        yield audio
        yield _tokens(sums)
        yield from self._engines(sums)

    def _engines(self, sums: Sums) -> Iterator[CounterMetricFamily]:
        labels = ["role", "engine"]
        requests = CounterMetricFamily("vivavoce_engine_requests", "Calls of engines.", labels=labels)
        audio = CounterMetricFamily("vivavoce_engine_audio_seconds", "Audio recognised or spoken.", labels=labels)
        characters = CounterMetricFamily("vivavoce_engine_characters", "Given to a voice to say.", labels=labels)
        cpu = CounterMetricFamily(
            "vivavoce_engine_cpu_seconds", "CPU time on this machine, where it is measured.", labels=labels
        )
        for role, effort in sorted(sums.efforts.items()):
            whose = [role, self._book.engines[role]]
            if effort.requests:
                requests.add_metric(whose, effort.requests)
            if effort.samples:
                audio.add_metric(whose, effort.samples / RATE)
            if effort.characters:
                characters.add_metric(whose, effort.characters)
            if effort.cpu_ns is not None:
                cpu.add_metric(whose, effort.cpu_ns / 1e9)
        yield from (requests, audio, characters, cpu)


def _tokens(sums: Sums) -> CounterMetricFamily:
    family = CounterMetricFamily("vivavoce_tokens", "Tokens of answers.", labels=["direction", "modality"])
    tokens = sums.tokens
    counted = {
        ("input", "text"): tokens.input_text,
        ("input", "audio"): tokens.input_audio,
        ("input", "image"): tokens.input_image,
        ("cached", "text"): tokens.cached_text,
        ("cached", "audio"): tokens.cached_audio,
        ("cached", "image"): tokens.cached_image,
        ("output", "text"): tokens.output_text,
        ("output", "audio"): tokens.output_audio,
    }
    for labels, count in counted.items():
        family.add_metric(list(labels), count)
    return family

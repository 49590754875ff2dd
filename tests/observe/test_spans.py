"""`tracing` of a session becomes OpenTelemetry spans: what is in them, and that they reach a collector."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

from msgspec.structs import replace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from tests.core.caller import CAN, SETTINGS, Caller

from vivavoce.core import effects as fx
from vivavoce.observe.recording import recording
from vivavoce.observe.spans import SpanRecorder, Tracing
from vivavoce.protocol.session import TracingConfig
from vivavoce.protocol.tool_events import McpCallCompleted, McpCallFailed
from vivavoce.protocol.tools import McpTool

TRACED = replace(SETTINGS, tracing=TracingConfig("support", "g1", {"tier": 2, "plan": "gold"}))


class Traced(Caller):
    """A caller whose every step is recorded."""

    def __init__(self, recorder: SpanRecorder | None = None, **options: object) -> None:
        self.recorder = recorder
        super().__init__(can=replace(CAN, tracing=True))

    def tell(self, event: fx.Input) -> list[fx.Output]:
        self.now += 0.001
        outputs = super().tell(event)
        if self.recorder is not None:
            self.recorder.record(self.now, event, outputs)
        return outputs


@contextmanager
def traced(tracing: Tracing, settings: object = TRACED) -> Iterator[Traced]:
    with tracing.recorder(settings, 100.0) as recorder:  # type: ignore[arg-type]
        yield Traced(recorder)


def spans(run: object, settings: object = TRACED) -> dict[str, ReadableSpan]:
    """The spans of one session, by name; the last of each."""
    exporter = InMemorySpanExporter()
    tracing = Tracing(exporter, "vivavoce", "0")
    with traced(tracing, settings) as caller:
        run(caller)  # type: ignore[operator]
    tracing.close()
    return {span.name: span for span in exporter.get_finished_spans()}


def a_turn(caller: Traced) -> None:
    outputs = caller.speak_turn()
    (item_id,) = {output.item_id for output in outputs if isinstance(output, fx.Transcribe)}
    caller.tell(fx.TranscriptReady(item_id=item_id, text="A secret.", seconds=1.0))
    caller.began()
    caller.words("Yes.")
    caller.sound(100)
    caller.sound(100)
    caller.finish(input_tokens=30, output_tokens=5, cached_tokens=20)


def test_a_turn_is_speech_transcription_and_response_under_one_session() -> None:
    found = spans(a_turn)
    assert set(found) == {"support", "speech", "transcription", "response"}
    root = found["support"]
    assert dict(root.attributes or {}) == {
        "session.id": "sess_1",
        "gen_ai.request.model": "gpt-realtime",
        "workflow.name": "support",
        "workflow.group_id": "g1",
        "metadata.tier": "2",
        "metadata.plan": "gold",
    }
    for name in ("speech", "transcription", "response"):
        parent, context = found[name].parent, root.context
        assert parent is not None
        assert context is not None
        assert parent.span_id == context.span_id


def test_the_response_tells_its_cost_and_marks_its_first_token_and_first_audio() -> None:
    response = spans(a_turn)["response"]
    attributes = dict(response.attributes or {})
    assert attributes["response.status"] == "completed"
    assert (attributes["gen_ai.usage.cached_tokens"], attributes["gen_ai.usage.output_tokens"]) == (20, 9)
    assert [event.name for event in response.events] == ["first_token", "first_audio"]
    assert response.start_time is not None
    assert response.end_time is not None
    assert response.start_time < response.events[0].timestamp < response.events[1].timestamp < response.end_time


def test_a_call_of_a_server_s_tool_is_a_span_and_marks_its_response() -> None:
    exporter = InMemorySpanExporter()
    tracing = Tracing(exporter, "vivavoce", "0")
    with traced(tracing) as caller:
        assert caller.recorder is not None
        caller.speak_turn()
        began = fx.AnswerCall(response_id="resp_1", name="buy")
        for item_id, outcome in (("mcp_1", McpCallCompleted), ("mcp_2", McpCallFailed)):
            call = fx.CallTool(item_id=item_id, server=McpTool(server_label="shop"), name="buy", arguments="{}")
            caller.recorder.record(1.0, began, [call])
            caller.recorder.record(3.0, fx.Tick(), [outcome(item_id=item_id, output_index=0)])
        caller.finish()
    tracing.close()
    spans = exporter.get_finished_spans()
    done, failed = (span for span in spans if span.name == "mcp_call")
    assert (done.end_time or 0) - (done.start_time or 0) == 2_000_000_000
    assert dict(done.attributes or {}) == {"id": "mcp_1"}
    assert (failed.status.status_code, failed.status.description) == (StatusCode.ERROR, "failed")
    (response,) = (span for span in spans if span.name == "response")
    assert [event.name for event in response.events].count("tool_call") == 2


def test_nothing_that_was_said_is_in_a_span() -> None:
    everything = " ".join(span.to_json() for span in spans(a_turn).values())
    assert "secret" not in everything
    assert "Yes." not in everything


def test_faults_are_marked() -> None:
    def run(caller: Traced) -> None:
        caller.send("response.cancel")
        outputs = caller.speak_turn()
        (item_id,) = {output.item_id for output in outputs if isinstance(output, fx.Transcribe)}
        caller.tell(fx.TranscriptMissing(item_id=item_id, code="engine_timeout", message="m"))
        caller.tell(fx.AnswerFailed(response_id="resp_1", code="engine_failed", message="m"))

    found = spans(run)
    assert (found["transcription"].status.status_code, found["transcription"].status.description) == (
        StatusCode.ERROR,
        "engine_timeout",
    )
    assert found["response"].status.description == "engine_failed"
    (error,) = found["support"].events
    assert dict(error.attributes or {}) == {"code": "response_cancel_not_active", "param": ""}


def test_a_cut_answer_says_why_and_what_is_open_ends_with_the_session() -> None:
    def run(caller: Traced) -> None:
        caller.speak_turn()
        caller.words("Well.")
        caller.hear(96, 0.9)

    found = spans(run)
    assert dict(found["response"].attributes or {})["response.status_reason"] == "turn_detected"
    assert all(span.end_time is not None for span in found.values())
    assert "speech" in found


def test_a_session_without_tracing_makes_no_span() -> None:
    assert spans(a_turn, SETTINGS) == {}


def test_tracing_may_begin_in_mid_session() -> None:
    def run(caller: Traced) -> None:
        caller.speak_turn()
        caller.update(tracing="auto")
        caller.answer()

    assert set(spans(run, SETTINGS)) == {"Realtime session"}


def test_several_recorders_are_one() -> None:
    exporters = [InMemorySpanExporter(), InMemorySpanExporter()]
    tracings = [Tracing(exporter, "vivavoce", "0") for exporter in exporters]
    with recording(tracing.recorder(TRACED, 100.0) for tracing in tracings) as recorder:
        assert recorder is not None
        recorder.record(101.0, fx.Tick(), [])
    for tracing in tracings:
        tracing.close()
    assert [len(exporter.get_finished_spans()) for exporter in exporters] == [1, 1]
    with recording([]) as nobody:
        assert nobody is None


def test_spans_reach_a_collector_over_http() -> None:
    received: list[tuple[str, ExportTraceServiceRequest]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.append((self.headers["x-key"], ExportTraceServiceRequest.FromString(body)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Not to the test's output."""

    with HTTPServer(("127.0.0.1", 0), Collector) as collector:
        thread = threading.Thread(target=collector.serve_forever)
        thread.start()
        try:
            endpoint = f"http://127.0.0.1:{collector.server_port}/v1/traces"
            tracing = Tracing.to(endpoint, {"x-key": "k"}, "vivavoce", "0")
            with traced(tracing) as caller:
                a_turn(caller)
            tracing.close()
        finally:
            collector.shutdown()
            thread.join()
    names: Sequence[str] = [
        span.name
        for _, request in received
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert sorted(names) == ["response", "speech", "support", "transcription"]
    assert {key for key, _ in received} == {"k"}

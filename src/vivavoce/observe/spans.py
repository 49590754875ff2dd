"""`tracing` of a session as OpenTelemetry spans, sent over OTLP to where the configuration says (PROTOCOL.md 3.1).

A span for the session, and under it one for each stretch of the caller's speech, each transcription and each response,
which marks its first token and first audio. Times, tokens, ids and codes; never audio, words or keys.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

import msgspec
from msgspec import UNSET
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Span, StatusCode, Tracer

from vivavoce.core import effects as fx
from vivavoce.protocol import server as wire
from vivavoce.protocol import tool_events
from vivavoce.protocol.session import SessionObject, TracingConfig

WORKFLOW = "Realtime session"
"""The workflow's name where the client gives none."""


class Tracing:
    """Where the spans of all sessions go. A thread sends them in batches; what it cannot send is dropped."""

    def __init__(self, exporter: SpanExporter, service: str, version: str) -> None:
        self._provider = TracerProvider(resource=Resource.create({"service.name": service, "service.version": version}))
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("vivavoce", version)

    @classmethod
    def to(cls, endpoint: str, headers: Mapping[str, str], service: str, version: str) -> Tracing:
        """To an OTLP collector: `endpoint` is the full address of its traces, over HTTP."""
        return cls(OTLPSpanExporter(endpoint, headers=dict(headers), timeout=10), service, version)

    def recorder(self, session: SessionObject, now: float) -> SpanRecorder:
        """For one session, which begins `now` (monotonic seconds)."""
        return SpanRecorder(self._tracer, session, now)

    def close(self) -> None:
        """Send what is left. Blocks for some seconds at most."""
        self._provider.shutdown()


class SpanRecorder:
    """One session's spans; a `Recorder` of the runtime. Nothing is made until the session has tracing on."""

    def __init__(self, tracer: Tracer, session: SessionObject, now: float) -> None:
        self._tracer = tracer
        self._id = session.id
        self._model = session.model
        self._epoch_ns = time.time_ns() - int(now * 1e9)
        self._latest = now
        self._root: Span | None = None
        self._open: dict[str, Span] = {}
        """Spans in progress by their item's or response's id, after a word for what they are."""
        self._sounding: set[str] = set()
        """Responses that have been heard."""
        self._enable(session, now)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End what is open with the session."""
        for span in (*self._open.values(), *([self._root] if self._root else [])):
            span.end(self._ns(self._latest))

    def record(self, now: float, event: fx.AnyInput, outputs: Sequence[fx.AnyOutput]) -> None:
        """One step of the session."""
        self._latest = now
        for output in outputs:
            if isinstance(output, wire.SessionUpdated) and isinstance(output.session, SessionObject):
                self._enable(output.session, now)
        if self._root is None:
            return
        self._input(event, now)
        for output in outputs:
            self._output(output, now)

    # --- inside ---

    def _ns(self, now: float) -> int:
        return self._epoch_ns + int(now * 1e9)

    def _enable(self, session: SessionObject, now: float) -> None:
        if session.tracing is None or self._root is not None:
            return
        config = session.tracing if isinstance(session.tracing, TracingConfig) else TracingConfig()
        name = config.workflow_name or WORKFLOW
        attributes = {"session.id": self._id, "gen_ai.request.model": self._model, "workflow.name": name}
        if config.group_id:
            attributes["workflow.group_id"] = config.group_id
        if config.metadata is not UNSET:
            attributes |= {f"metadata.{key}": _plain(value) for key, value in config.metadata.items()}
        self._root = self._tracer.start_span(name, start_time=self._ns(now), attributes=attributes)

    def _begin(self, what: str, id_: str, now: float) -> None:
        assert self._root is not None
        context = trace.set_span_in_context(self._root)
        start = self._ns(now)
        self._open[f"{what} {id_}"] = self._tracer.start_span(what, context, attributes={"id": id_}, start_time=start)

    def _end(self, what: str, id_: str, now: float, error: str | None = None, **attributes: str | int) -> None:
        span = self._open.pop(f"{what} {id_}", None)
        if span is None:
            return  # tracing was switched on after it had begun
        span.set_attributes(attributes)
        if error is not None:
            span.set_status(StatusCode.ERROR, error)
        span.end(self._ns(now))

    def _mark(self, response_id: str, name: str, now: float) -> None:
        if span := self._open.get(f"response {response_id}"):
            span.add_event(name, timestamp=self._ns(now))

    def _input(self, event: fx.AnyInput, now: float) -> None:
        match event:
            case fx.AnswerBegan():
                self._mark(event.response_id, "first_token", now)
            case fx.AnswerCall():
                self._mark(event.response_id, "tool_call", now)
            case fx.TranscriptReady():
                self._end("transcription", event.item_id, now)
            case fx.TranscriptMissing():
                self._end("transcription", event.item_id, now, event.code)
            case _:
                pass

    def _output(self, output: fx.AnyOutput, now: float) -> None:
        match output:
            case wire.SpeechStarted():
                self._begin("speech", output.item_id, now)
            case wire.SpeechStopped():
                self._end("speech", output.item_id, now)
            case fx.Transcribe(tentative=False):
                self._begin("transcription", output.item_id, now)
            case wire.ResponseCreated():
                self._begin("response", output.response.id, now)
            case wire.OutputAudioDelta() | fx.Play() if output.response_id not in self._sounding:
                self._sounding.add(output.response_id)
                self._mark(output.response_id, "first_audio", now)
            case fx.CallTool():
                self._begin("mcp_call", output.item_id, now)
            case tool_events.McpCallCompleted():
                self._end("mcp_call", output.item_id, now)
            case tool_events.McpCallFailed():
                self._end("mcp_call", output.item_id, now, "failed")
            case wire.ResponseDone():
                self._done(output.response, now)
            case wire.ErrorEvent():
                assert self._root is not None
                error = {"code": output.error.code or "", "param": output.error.param or ""}
                self._root.add_event("error", error, self._ns(now))
            case _:
                pass

    def _done(self, response: wire.ResponseObject, now: float) -> None:
        self._sounding.discard(response.id)
        failed = response.status_details.error if response.status_details else UNSET
        reason = response.status_details.reason if response.status_details else UNSET
        attributes: dict[str, str | int] = {"response.status": response.status}
        if reason is not UNSET:
            attributes["response.status_reason"] = reason
        if response.usage:
            attributes["gen_ai.usage.input_tokens"] = response.usage.input_tokens
            attributes["gen_ai.usage.output_tokens"] = response.usage.output_tokens
            attributes["gen_ai.usage.cached_tokens"] = response.usage.input_token_details.cached_tokens
        code = failed.code if isinstance(failed, wire.ResponseErrorBody) else None
        self._end("response", response.id, now, code, **attributes)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()

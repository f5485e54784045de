"""Spans that are kept where they would be exported."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from conduit_kernel.telemetry.head_sampler import HeadSampler, head_sampler
from conduit_kernel.telemetry.note_queue import NoteQueue
from conduit_kernel.telemetry.server_spans import ServerSpans
from conduit_kernel.telemetry.span_writer import SpanWriter


class WrittenSpans:
    """What begins spans, and what was written of them."""

    def __init__(self, notes: NoteQueue, head: HeadSampler) -> None:
        """Take who decides which are recorded."""
        self._memory = InMemorySpanExporter()
        self.notes = notes
        self.head = head
        self.writer = SpanWriter(SimpleSpanProcessor(self._memory), Resource({}), "test")
        self.spans = ServerSpans(head, notes, self.writer)

    @property
    def all(self) -> tuple[ReadableSpan, ...]:
        """Return those that have ended."""
        self.notes.flush()
        return self._memory.get_finished_spans()

    @property
    def last(self) -> ReadableSpan:
        """Return the last one."""
        return self.all[-1]


@contextmanager
def writing_spans(env: dict[str, str] | None = None) -> Iterator[WrittenSpans]:
    """Have spans written as variables of OpenTelemetry say."""
    notes = NoteQueue()
    try:
        yield WrittenSpans(notes, head_sampler(env or {}))
    finally:
        notes.close()

"""The events of a streamed chat in OpenAI's dialect, passed on as they are.

An event is looked into only as far as it takes to know that it is one, whether a choice is
finished, and what was used. Two kinds are not passed on where they stand: counts are reported as
OpenAI does, to those who asked, in one chunk behind the last choice; and what comes before the
first choice, such as Azure's findings about the prompt, is sent with it.
"""

from copy import copy
from typing import NoReturn

import msgspec

from conduit_kernel.errors import UpstreamError
from conduit_providers.chat_events import ChatEvents
from conduit_providers.codec import MAX_EVENT_BYTES
from conduit_providers.codecs.openai.asked import asked_by, asks_accounting, names_a_tool
from conduit_providers.codecs.openai.bursts import (
    DONE,
    USUAL,
    Burst,
    Chunk,
    read_burst,
    read_chunk,
    read_one,
    unsound,
)
from conduit_providers.codecs.openai.chunks import (
    Members,
    found_at,
    is_empty_delta,
    lacking_in,
    members_of,
    merged,
    with_head,
    without_choices,
    without_usage,
    written,
)
from conduit_providers.codecs.openai.contents import in_types
from conduit_providers.codecs.openai.event_failures import (
    failure_in,
    failure_without_choices,
)
from conduit_providers.codecs.openai.event_template import EventTemplate
from conduit_providers.codecs.openai.form import PLAIN, ChunkChoice, ChunkForm
from conduit_providers.codecs.openai.streamed_counts import StreamedCounts
from conduit_providers.codecs.openai.usage import read_usage
from conduit_providers.codecs.shared.skipping import interruption, may_skip
from conduit_providers.codecs.shared.sse import EventBuffer, events_in
from conduit_providers.failures import error_in_stream, malformed
from conduit_providers.operations.chat import ChatCall
from conduit_providers.quantities import Quantities
from conduit_providers.spec import Endpoint


class OpenAIChatDecoder:
    """Passes on the events of one answer, up to `[DONE]`."""

    __slots__ = (
        "_buffer",
        "_choices",
        "_counts",
        "_early",
        "_early_bytes",
        "_error_path",
        "_failure",
        "_finished",
        "_form",
        "_is_special",
        "_is_usage_asked",
        "_keeps_lists",
        "_lacking",
        "_paths",
        "_provider",
        "_seen",
        "_skipped_for",
        "_template",
        "done",
        "emitted",
        "has_finished",
        "skipped",
    )

    def __init__(self, call: ChatCall, endpoint: Endpoint, *, keeps_lists: bool = False) -> None:
        self._counts = StreamedCounts(endpoint)
        self.done = False
        self.has_finished = False
        self.emitted = 0
        self.skipped = 0
        self._provider = call.provider
        self._keeps_lists = keeps_lists
        asked = asked_by(call)
        self._is_usage_asked = call.include_usage or asks_accounting(asked)
        self._choices = 1 if "n" in endpoint.drop else asked.choices
        self._paths = endpoint.usage
        self._error_path = endpoint.options.stream_error
        # Whether counts or errors are elsewhere than in OpenAI's own events.
        self._is_special = bool(self._paths or self._error_path)
        self._buffer = EventBuffer(call.provider)
        self._failure: UpstreamError | None = None
        # Why an event was left out, should the answer come to nothing.
        self._skipped_for: UpstreamError | None = None
        self._template = EventTemplate()
        self._form = ChunkForm(call.provider, may_stop=names_a_tool(call))
        self._seen: set[int] = set()
        self._finished: set[int] = set()
        # What was said before the first choice.
        self._early: Members = {}
        self._early_bytes = 0
        self._lacking: Members = {}

    @property
    def usage(self) -> Quantities | None:
        """Return what the provider counted so far."""
        return self._counts.usage

    def feed(self, data: bytes) -> ChatEvents | None:
        """Take the next bytes; return the events they complete, or None.

        UpstreamError if the provider reports a failure or sends malformed; events before that are
        returned first.
        """
        if self._failure is not None:
            self._raise_failure()
        block = self._buffer.feed(data)
        return self._pass_on(block) if block and not self.done else None

    def close(self) -> ChatEvents | None:
        """Return what the end of the stream completes. StreamInterrupted if it came too early."""
        if self._failure is not None:
            self._raise_failure()
        if self.done:
            return None
        # A last event that is cut off is none that was left out.
        skipped_for = self._skipped_for
        events = self._pass_on_rest()
        if self.done:
            return events
        if not self.has_finished:
            raise interruption(self._provider, skipped_for)
        self.done = True
        return self._with_end(events.sse if events else b"")

    def _pass_on_rest(self) -> ChatEvents | None:
        # Some servers forget the blank line behind the last event.
        rest = self._buffer.held.strip(b"\n")
        if not rest:
            return None
        try:
            return self._pass_on(rest + b"\n\n")
        except UpstreamError as error:
            if error.metadata.get("kind") != "malformed":
                raise
            return None

    def _pass_on(self, block: bytes) -> ChatEvents | None:
        kept = self._kept(block)
        if self._failure is not None and not kept:
            self._raise_failure()
        return self._with_end(kept)

    def _kept(self, block: bytes) -> bytes:
        """Return what is passed on of events: themselves, nothing, or what is left of them."""
        template = self._template
        if template.is_like(block):
            self.emitted += 1
            return block
        if block.find(b"\n\n") != len(block) - 2:
            return self._kept_of_many(block)
        chunk = read_one(block)
        if chunk is not None and self._go_on([chunk]):
            self.emitted += 1
            if chunk == USUAL:
                template.learn(block)
            return block
        return self._kept_of_burst(block)

    def _kept_of_many(self, block: bytes) -> bytes:
        """Return the same of several events, most of which may be alike."""
        count, size = self._template.leading(block)
        self.emitted += count
        if size == len(block):
            return block
        if count:
            return block[:size] + self._kept(block[size:])
        if not self._template.begin_lesson():
            return self._kept_of_burst(block)
        size = block.find(b"\n\n") + 2
        kept = self._kept(block[:size])
        if self.done or self._failure is not None:
            return kept
        return kept + self._kept(block[size:])

    def _kept_of_burst(self, block: bytes) -> bytes:
        """Return the same of a block whose events are read."""
        burst = read_burst(block)
        if burst is None:
            return self._looked_at(block)
        if burst.is_bare and self._go_on(burst.chunks):
            self.emitted += len(burst.chunks)
            return block
        return self._passed_on(burst)

    def _go_on(self, chunks: list[Chunk]) -> bool:
        """Return whether all are ordinary, and need no change.

        An ordinary event has one choice, which was seen before and goes on.
        """
        seen = self._seen
        if self._is_special or not seen:
            return False
        if 0 in seen and chunks.count(USUAL) == len(chunks):
            return True
        for chunk in chunks:
            choices = chunk.choices
            if chunk.usage is not None or chunk.error is not None or not choices:
                return False
            choice = choices[0]
            if choice.finish_reason is not None or choice.index not in seen or len(choices) != 1:
                return False
            if choice.delta != PLAIN and not self._form.goes_on(choice):
                return False
        return True

    def _passed_on(self, burst: Burst) -> bytes:
        """Return what is passed on of events that were read already."""
        kept: list[bytes] = []
        seen = self._seen
        for chunk, line in zip(burst.chunks, burst.events(), strict=True):
            if chunk == USUAL and 0 in seen and not self._is_special:
                # Most are, and nothing is asked of them.
                kept.append(line)
                continue
            if (wanted := self._wanted_of(chunk, line[:-1])) is not None:
                kept.append(wanted + b"\n")
            if self._failure is not None:
                break
        else:
            if burst.is_ended:
                self._end_by_mark()
        self.emitted += len(kept)
        return b"data: %b\n" % b"\ndata: ".join(kept) if kept else b""

    def _looked_at(self, block: bytes) -> bytes:
        """Return what is passed on of events of any shape, or of none."""
        parts = block.split(b"\n\n")
        parts.pop()
        is_suspect = unsound(block, parts, self._provider) is not None
        kept: list[bytes] = []
        for part in parts:
            if is_suspect and (why := unsound(part, [part], self._provider)) is not None:
                self._skip_or_fail(why, part)
            else:
                self._keep_slowly(part, kept)
            if self._failure is not None or self.done:
                break
        self.emitted += len(kept)
        return b"".join([part + b"\n\n" for part in kept])

    def _with_end(self, events: bytes) -> ChatEvents | None:
        if self.done:
            events += b"".join([b"data: %b\n\n" % event for event in self._last_events()])
        return ChatEvents(sse=events) if events else None

    def _last_events(self) -> list[bytes]:
        events = [written(self._early)] if self._early else []
        if self._is_usage_asked and (counts := self._counts.chunk()) is not None:
            events.append(counts)
        return events

    def _keep_slowly(self, part: bytes, kept: list[bytes]) -> None:
        for event in events_in(part):
            data = event.data.replace(b"\n", b" ").strip()
            if data == DONE:
                self._end_by_mark()
            elif event.event == b"error":
                self._failure = failure_in(data, self._provider)
            elif data and (wanted := self._wanted(data)) is not None:
                kept.append(b"data: " + wanted)

    def _end_by_mark(self) -> None:
        """End the answer, unless choices have no reason to stop or nothing came at all."""
        has_come = self._seen or self._early or self.usage
        if has_come and self._seen <= self._finished:
            self.done = True
        else:
            self._failure = interruption(self._provider, self._skipped_for)

    def _skip_or_fail(self, error: UpstreamError, data: bytes) -> None:
        """Leave out a malformed event, or note that the stream fails of it."""
        if self._seen and may_skip(error, data, self.skipped):
            self.skipped += 1
            self._skipped_for = copy(error)
        else:
            self._failure = copy(error)

    def _raise_failure(self) -> NoReturn:
        assert self._failure is not None  # noqa: S101 # asked by those who know of one
        # What was raised refers to all who were asked, and so to this: it must not refer back.
        raise copy(self._failure)

    def _wanted(self, data: bytes) -> bytes | None:
        """Look into an event; return what is passed on: itself, nothing, or what is left of it."""
        try:
            chunk = read_chunk(data := in_types(data, "delta", keeps_lists=self._keeps_lists))
        except msgspec.DecodeError:
            error = malformed(self._provider, "an event is not a chat completion chunk")
            self._skip_or_fail(error, data)
            return None
        return self._wanted_of(chunk, data)

    def _wanted_of(self, chunk: Chunk, data: bytes) -> bytes | None:
        choices = chunk.choices
        if choices:
            choice = choices[0]
            is_plain = choice.delta == PLAIN and choice.finish_reason is None and len(choices) == 1
            # One choice that was seen before and goes on, as most do.
            if not (is_plain and choice.index in self._seen):
                if chunk.error is None:
                    return self._formed_wanted(chunk, choices, data)
            elif chunk.usage is None and chunk.error is None and not self._is_special:
                return data
        return self._special_wanted(chunk, data)

    def _formed_wanted(self, chunk: Chunk, choices: list[ChunkChoice], data: bytes) -> bytes | None:
        try:
            formed = self._form.kept(choices, data)
        except msgspec.DecodeError:
            error = malformed(self._provider, "an event is not a chat completion chunk")
            self._skip_or_fail(error, data)
            return None
        except UpstreamError as error:
            self._failure = copy(error)
            return None
        return self._special_wanted(chunk, formed)

    def _special_wanted(self, chunk: Chunk, data: bytes) -> bytes | None:
        error = chunk.error
        if error is None and self._error_path and b'"error"' in data:
            error = found_at(data, self._error_path)
        if error is not None:
            self._failure = error_in_stream(error, self._provider)
            return None
        if self._paths:
            self._counts.count(None, data)
        if chunk.usage is not None:
            return self._without_usage(chunk, data)
        if chunk.choices is None:
            self._skip_or_fail(failure_without_choices(data, self._provider), data)
            return None
        return self._noted(chunk.choices, data)

    def _without_usage(self, chunk: Chunk, data: bytes) -> bytes | None:
        """Note the counts of an event; return the rest of it, None if there is none."""
        choices = chunk.choices or []
        was_finished = self._finished.issuperset(choice.index or 0 for choice in choices)
        # Some repeat a choice that is finished, only to have one beside the counts.
        is_apart = was_finished and (not choices or is_empty_delta(data))
        rest = None if is_apart else without_usage(self._noted(choices, data) or data)
        reported = read_usage(chunk.usage)
        if reported is not None:
            self._counts.count(reported, data)
            event = without_choices(data) if is_apart and choices else data
            self._counts.note_report(chunk.usage, event)
        return rest

    def _noted(self, choices: list[ChunkChoice], data: bytes) -> bytes | None:
        """Note the choices of an event; return what is passed on, None if it has to wait."""
        if not choices:
            if self._seen:
                return data
            self._hold(data)
            return None
        if not self._seen and (lacking := lacking_in(data)):
            # Then each event is to have it.
            self._lacking, self._is_special = lacking, True
        if self._lacking:
            data = with_head(data, self._lacking)
        self._counts.note_event(data)
        for choice in choices:
            index = choice.index or 0
            self._seen.add(index)
            if choice.finish_reason:
                self._finished.add(index)
        self.has_finished = len(self._finished) >= max(self._choices, len(self._seen))
        if self._early:
            data = merged(data, self._early)
            self._early = {}
        return data

    def _hold(self, data: bytes) -> None:
        self._early |= members_of(data)
        self._early_bytes += len(data)
        if self._early_bytes > MAX_EVENT_BYTES:
            self._failure = malformed(self._provider, "its stream does not come to an answer")

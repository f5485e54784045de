"""What a gRPC server counts of its calls, and the line that it writes of each."""

import logging
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import grpc
import structlog
from structlog.typing import FilteringBoundLogger

from conduit_kernel.ended_call import ENDED_CALL
from conduit_kernel.errors import ConduitError
from conduit_kernel.histograms import CALL_BOUNDS

if TYPE_CHECKING:
    # Its library is there where something is exported alone.
    from conduit_kernel.telemetry.server_spans import RpcSpan, ServerSpans

_CODES = {code.value[0]: code.name for code in grpc.StatusCode}


class RpcCounts:
    """The calls of one RPC."""

    __slots__ = ("buckets", "codes", "seconds", "under_way")

    def __init__(self) -> None:
        self.codes: dict[str, int] = {}
        self.buckets = [0] * (len(CALL_BOUNDS) + 1)
        self.seconds = 0.0
        self.under_way = 0


class ObservedCall:
    """A call on its way; `end` it once. `failed_by` says why, if we refuse it or fail."""

    __slots__ = ("_began", "_counts", "_name", "_rpcs", "failed_by", "is_internal", "span")

    def __init__(self, rpcs: "ObservedRpcs", name: str, counts: RpcCounts) -> None:
        self._rpcs = rpcs
        self._name = name
        self._counts = counts
        self._began = rpcs.clock()
        self.failed_by: ConduitError | None = None
        # Of our own services, which are heard each second.
        self.is_internal = False
        self.span: RpcSpan | None = None
        counts.under_way += 1

    def end(self, request_id: str, *, is_whole: bool) -> None:
        """Count it, and write its line; a call that is neither whole nor failed was cancelled."""
        seconds, counts = self._rpcs.clock() - self._began, self._counts
        counts.under_way -= 1
        code = self._code(is_whole=is_whole)
        counts.codes[code] = counts.codes.get(code, 0) + 1
        counts.buckets[bisect_left(CALL_BOUNDS, seconds)] += 1
        counts.seconds += seconds
        facts = ENDED_CALL.get()
        if facts is not None:
            ENDED_CALL.set(None)
        if self.span is not None:
            said = {"request_id": request_id, **(facts or {})}
            self.span.end(code, self.failed_by.reason if self.failed_by else "", said)
        if self._rpcs.is_logged:
            self._write(code, seconds, request_id, facts or {})

    def _code(self, *, is_whole: bool) -> str:
        if self.failed_by is not None:
            return _CODES[self.failed_by.failure.code]
        return "OK" if is_whole else "CANCELLED"

    def _write(
        self, code: str, seconds: float, request_id: str, facts: Mapping[str, object]
    ) -> None:
        line: dict[str, Any] = {"method": self._name, "grpc_status": code}
        line["ms"] = round(seconds * 1000, 3)
        if self.failed_by is not None:
            line["code"] = self.failed_by.reason
            request_id = self.failed_by.metadata.get("request_id", request_id)
        if request_id:
            line["request_id"] = request_id
        write = self._rpcs.log.debug if self.is_internal else self._rpcs.log.info
        write("grpc_request", **{**line, **facts})


class ObservedRpcs:
    """Counts and logs the calls of a server, by RPC."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        log: FilteringBoundLogger | None = None,
        spans: "ServerSpans | None" = None,
    ) -> None:
        """Take what begins spans of calls, where they are traced."""
        self._spans = spans
        self.clock = clock
        self.log: FilteringBoundLogger = log or structlog.get_logger("rpc").bind()
        # Asked once: a line that nobody reads is not worth its words.
        self.is_logged = self.log.is_enabled_for(logging.INFO)
        self.counts: dict[str, RpcCounts] = {}

    def span(
        self, name: str, metadata: Mapping[str, str]
    ) -> "AbstractContextManager[RpcSpan | None]":
        """Return what has a span around a call; nothing where calls are not traced."""
        span = None if self._spans is None else self._spans.rpc(name, metadata)
        return nullcontext() if span is None else span

    def begin(self, name: str) -> ObservedCall:
        """Observe a call; the name is that of an RPC of the contract, which bounds them."""
        counts = self.counts.get(name)
        if counts is None:
            counts = self.counts[name] = RpcCounts()
        return ObservedCall(self, name, counts)

"""Writes the ends of calls down as the log takes them: column by column, by kinds.

Where many of a kind went as usual, as nearly all do, what was written down of each at its end is
sent as it is.
"""

from collections.abc import Sequence
from struct import pack

from conduit.internal.v1.request_log_service_pb2 import (
    LogRequestsRequest,
    RequestBlock,
    RequestKind,
)
from conduit.v1.request_record_pb2 import REQUEST_STATUS_SUCCEEDED, RequestRecord, RequestStatus
from conduit_kernel.request_facts import FACTS_SIZE, SIZE_BYTES, unpack_facts
from conduit_router.routing.table import Caller
from conduit_router.served_by import ServedBy
from conduit_router.trail.call_end import CallEnd, Failure, PlainEnd
from conduit_router.trail.records import attempt_records, attempts_of, cost_of, status_of

_COLUMNS = (
    *("kind", "id", "ended_at", "duration", "first_event", "pause", "attempt_duration"),
    *("cost_nano_usd", "input_tokens", "output_tokens", "attempts", "fallbacks", "revision"),
    *("upstream_request_id", "rest"),
)
_UNKNOWN = -1
_OK = 200
_ANSWERED = Failure("", _OK)
# Fewer of a kind than these are no more work as rows, and are found with less.
MANY = 16


class LogColumns:
    """Gathers ends; they are to outlast it, since kinds are told apart by the objects they name."""

    def __init__(self, many: int = MANY) -> None:
        """Take how many of a kind are sent as they were written down."""
        self._many = many
        self._request = LogRequestsRequest()
        self._kinds: dict[tuple[object, ...], int] = {}
        self._rows: list[tuple[object, ...]] = []

    def add_all_plain(self, ends: Sequence[PlainEnd]) -> None:
        """Add calls that went as usual, in the order in which they ended."""
        by_kind: dict[tuple[object, ...], list[PlainEnd]] = {}
        for end in ends:
            if end.tags:
                self.add_plain(end)
                continue
            asked = (end.model, end.operation, end.is_streamed)
            key = (id(end.caller), id(end.served_by), asked, end.revision)
            try:
                by_kind[key].append(end)
            except KeyError:
                by_kind[key] = [end]
        for alike in by_kind.values():
            if len(alike) >= self._many:
                self._request.blocks.append(_block(alike))
            else:
                for end in alike:
                    self.add_plain(end)

    def add_plain(self, end: PlainEnd) -> None:
        """Add a call that went as usual."""
        caller, served_by, facts = end.caller, end.served_by, end.facts
        key = id(caller), id(served_by), end.model, end.operation, end.is_streamed
        kind = self._kinds.get(key)
        if kind is None:
            kind = self._begin(key, _plain_kind(end))
        (
            at,
            ended,
            started,
            began,
            answered,
            first_event,
            cost,
            read,
            written,
            has_cost,
            attempts,
            fallbacks,
            size,
        ) = unpack_facts(facts)
        own = FACTS_SIZE + size
        self._rows.append(
            (
                kind,
                facts[FACTS_SIZE:own].decode(),
                at,
                ended - started,
                first_event,
                began - started,
                answered - began,
                cost if has_cost else _UNKNOWN,
                read,
                written,
                attempts,
                fallbacks,
                end.revision,
                facts[own:].decode(),
                RequestRecord(tags=end.tags).SerializeToString() if end.tags else b"",
            )
        )

    def add(self, end: CallEnd) -> None:
        """Add any other call."""
        made, failure = attempts_of(end), end.failure or _ANSWERED
        caller, served_by = end.caller.caller, made[-1].served_by if made else None
        key = (id(caller), id(served_by), end.model, end.operation, end.is_streamed, *failure)
        kind = self._kinds.get(key)
        if kind is None:
            shown = _kind(end, caller, status_of(end), failure, served_by)
            kind = self._begin(key, shown)
        cost = cost_of(made)
        rest = RequestRecord(attempts=attempt_records(end.started, made), tags=end.tags)
        self._rows.append(
            (
                kind,
                end.caller.request_id,
                end.at,
                end.ended - end.started,
                made[-1].first_event if made else 0.0,
                0.0,
                0.0,
                _UNKNOWN if cost is None else cost,
                end.input_tokens,
                end.output_tokens,
                end.attempts,
                end.fallbacks,
                end.revision,
                made[-1].upstream_request_id if made else "",
                rest.SerializeToString(),
            )
        )

    def request(self) -> LogRequestsRequest:
        """Return all that was added."""
        request = self._request
        for name, column in zip(_COLUMNS, zip(*self._rows, strict=True), strict=False):
            getattr(request, name).extend(column)
        return request

    def _begin(self, key: tuple[object, ...], kind: RequestKind) -> int:
        self._request.kinds.append(kind)
        self._kinds[key] = number = len(self._kinds)
        return number


def columns_of(
    plain: Sequence[PlainEnd], others: Sequence[CallEnd], *, many: int = MANY
) -> LogRequestsRequest:
    """Return ends of calls as the log takes them."""
    columns = LogColumns(many)
    columns.add_all_plain(plain)
    for each in others:
        columns.add(each)
    return columns.request()


def count_of(request: LogRequestsRequest) -> int:
    """Return how many requests a message has."""
    return len(request.id) + sum(len(each.sizes) // SIZE_BYTES for each in request.blocks)


def _block(alike: Sequence[PlainEnd]) -> RequestBlock:
    facts = [end.facts for end in alike]
    return RequestBlock(
        kind=_plain_kind(alike[0]),
        revision=alike[0].revision,
        facts=b"".join(facts),
        sizes=pack(f"<{len(facts)}H", *map(len, facts)),
    )


def _plain_kind(end: PlainEnd) -> RequestKind:
    return _kind(end, end.caller, REQUEST_STATUS_SUCCEEDED, _ANSWERED, end.served_by)


def _kind(
    end: PlainEnd | CallEnd,
    caller: Caller,
    status: RequestStatus.ValueType,
    failure: Failure,
    served_by: ServedBy | None,
) -> RequestKind:
    kind = RequestKind(
        virtual_key_id=caller.virtual_key_id,
        group_id=caller.group_id,
        tags=caller.tags,
        model_alias=_sayable(end.model),
        operation=end.operation,
        is_streamed=end.is_streamed,
        status=status,
        code=failure.code,
        http_status=failure.http_status,
    )
    if served_by is not None:
        kind.provider_id = served_by.provider_id
        kind.provider_name = served_by.provider_name
        kind.key_id = served_by.key_id
        kind.actual_model_name = served_by.actual_model_name
    return kind


def _sayable(text: str) -> str:
    # Callers name models; half a character cannot be sent on.
    return text.encode(errors="replace").decode()

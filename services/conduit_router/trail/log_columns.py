"""Writes the ends of calls down as the log takes them: column by column, by kinds."""

from collections.abc import Sequence

from conduit.internal.v1.request_log_service_pb2 import LogRequestsRequest, RequestKind
from conduit.v1.request_record_pb2 import REQUEST_STATUS_SUCCEEDED, RequestRecord, RequestStatus
from conduit_router.routing.table import Caller
from conduit_router.served_by import ServedBy
from conduit_router.trail.call_end import (
    FACTS_SIZE,
    CallEnd,
    Failure,
    PlainEnd,
    unpack_facts,
)
from conduit_router.trail.records import attempt_records, attempts_of, cost_of, status_of

_COLUMNS = (
    *("kind", "id", "ended_at", "duration", "first_event", "pause", "attempt_duration"),
    *("cost_nano_usd", "input_tokens", "output_tokens", "attempts", "fallbacks", "revision"),
    *("upstream_request_id", "rest"),
)
_UNKNOWN = -1
_OK = 200
_ANSWERED = Failure("", _OK)


class LogColumns:
    """Gathers ends; they are to outlast it, since kinds are told apart by the objects they name."""

    def __init__(self) -> None:
        self._request = LogRequestsRequest()
        self._kinds: dict[tuple[object, ...], int] = {}
        self._rows: list[tuple[object, ...]] = []

    def add_plain(self, end: PlainEnd) -> None:
        """Add a call that went as usual."""
        caller, served_by, facts = end.caller, end.served_by, end.facts
        key = id(caller), id(served_by), end.model, end.operation, end.is_streamed
        kind = self._kinds.get(key)
        if kind is None:
            shown = _kind(end, caller, REQUEST_STATUS_SUCCEEDED, _ANSWERED)
            kind = self._begin(key, shown, served_by)
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
            kind = self._begin(key, _kind(end, caller, status_of(end), failure), served_by)
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

    def _begin(self, key: tuple[object, ...], kind: RequestKind, served_by: ServedBy | None) -> int:
        if served_by is not None:
            kind.provider_id = served_by.provider_id
            kind.provider_name = served_by.provider_name
            kind.key_id = served_by.key_id
            kind.actual_model_name = served_by.actual_model_name
        self._request.kinds.append(kind)
        self._kinds[key] = number = len(self._kinds)
        return number


def columns_of(plain: Sequence[PlainEnd], others: Sequence[CallEnd]) -> LogRequestsRequest:
    """Return ends of calls as the log takes them."""
    columns = LogColumns()
    for end in plain:
        columns.add_plain(end)
    for each in others:
        columns.add(each)
    return columns.request()


def _kind(
    end: PlainEnd | CallEnd, caller: Caller, status: RequestStatus.ValueType, failure: Failure
) -> RequestKind:
    return RequestKind(
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


def _sayable(text: str) -> str:
    # Callers name models; half a character cannot be sent on.
    return text.encode(errors="replace").decode()

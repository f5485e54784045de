"""What is remembered of a call, as the contract has it; made when somebody asks."""

from google.protobuf.timestamp_pb2 import Timestamp

from conduit.v1.request_record_pb2 import (
    REQUEST_STATUS_CALLER_GONE,
    REQUEST_STATUS_FAILED,
    REQUEST_STATUS_SUCCEEDED,
    AttemptRecord,
    RequestRecord,
    RequestStatus,
)
from conduit_router.accounting.call_counts import GONE
from conduit_router.trail.call_end import NO_FAILURE, AttemptEnd, CallEnd
from conduit_router.trail.decisions import decision_message

_OK = 200


def status_of(end: CallEnd) -> RequestStatus.ValueType:
    """Return how a call ended."""
    if end.failure is None:
        return REQUEST_STATUS_SUCCEEDED
    return REQUEST_STATUS_CALLER_GONE if end.failure.code == GONE else REQUEST_STATUS_FAILED


def record_of(end: CallEnd) -> RequestRecord:
    """Return all that is remembered of a call."""
    if end.record:
        return RequestRecord.FromString(end.record)
    record = _summary(end)
    record.attempts.extend(attempt_records(end.started, attempts_of(end)))
    for decision in (end.decision, end.last_decision):
        if decision is not None:
            message = decision_message(
                decision,
                end.model,
                end.operation,
                revision=end.revision,
                capabilities=end.capabilities,
                sender=end.caller,
            )
            record.decisions.append(message)
    return record


def summary_of(end: CallEnd) -> RequestRecord:
    """Return what lists say of a call."""
    if not end.record:
        return _summary(end)
    record = RequestRecord.FromString(end.record)
    del record.attempts[:], record.decisions[:]
    return record


def attempt_records(started: float, ends: list[AttemptEnd]) -> list[AttemptRecord]:
    """Return the attempts of a call that began at a moment."""
    records, before = [], started
    for end in ends:
        records.append(_attempt(end, before))
        before = end.ended
    return records


def attempts_of(end: CallEnd) -> list[AttemptEnd]:
    """Return all attempts of a call, in order."""
    made = [*end.trail] if end.answered is None else [*end.trail, end.answered]
    return sorted(made, key=lambda each: each.began)


def _summary(end: CallEnd) -> RequestRecord:
    seconds = end.ended - end.started
    record = RequestRecord(
        id=end.caller.request_id,
        started_at=_moment(end.at - seconds),
        duration_ms=_ms(seconds),
        status=status_of(end),
        code=end.failure.code if end.failure else "",
        http_status=end.failure.http_status if end.failure else _OK,
        operation=end.operation,
        is_streamed=end.is_streamed,
        model_alias=end.model,
        virtual_key_id=end.caller.caller.virtual_key_id,
        attempt_count=end.attempts,
        fallbacks=end.fallbacks,
        seed=end.decision.seed if end.decision is not None else 0,
        revision=end.revision,
        input_tokens=end.input_tokens,
        output_tokens=end.output_tokens,
        tags=dict.fromkeys([*end.tags, *end.caller.caller.tags]),
        group_id=end.caller.caller.group_id,
    )
    made = attempts_of(end)
    if made:
        served_by = made[-1].served_by
        record.provider_id = served_by.provider_id
        record.provider_name = served_by.provider_name
        record.key_id = served_by.key_id
        record.actual_model_name = served_by.actual_model_name
        if made[-1].first_event:
            record.first_event_ms = _ms(made[-1].first_event)
    cost = cost_of(made)
    if cost is not None:
        record.cost_nano_usd = cost
    return record


def cost_of(made: list[AttemptEnd]) -> int | None:
    """Return what attempts cost, in nano-dollars; None if that is unknown, or nothing."""
    costs = [each.cost for each in made if each.cost is not None]
    return sum(costs) if costs else None


def _attempt(end: AttemptEnd, before: float) -> AttemptRecord:
    served_by, failure = end.served_by, end.failure or NO_FAILURE
    record = AttemptRecord(
        provider_id=served_by.provider_id,
        provider_name=served_by.provider_name,
        key_id=served_by.key_id,
        actual_model_name=served_by.actual_model_name,
        code=failure.code,
        upstream_status=failure.upstream_status,
        upstream_code=failure.upstream_code,
        kind=failure.kind,
        is_sent=end.is_sent,
        upstream_request_id=end.upstream_request_id,
        pause_ms=_ms(end.began - before),
        duration_ms=_ms(end.ended - end.began),
    )
    if end.first_event:
        record.first_event_ms = _ms(end.first_event)
    if end.cost is not None:
        record.cost_nano_usd = end.cost
    return record


def _moment(seconds: float) -> Timestamp:
    moment = Timestamp()
    moment.FromMicroseconds(int(seconds * 1e6))
    return moment


def _ms(seconds: float) -> float:
    return round(max(0.0, seconds) * 1000, 3)

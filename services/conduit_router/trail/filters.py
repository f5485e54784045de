"""Which requests an operator looks for."""

from conduit.v1.request_record_requests_pb2 import ListRequestRecordsRequest
from conduit_kernel.limits import number_of, text_of
from conduit_router.trail.call_end import AttemptEnd, CallEnd
from conduit_router.trail.records import attempts_of, cost_of

_TEXTS = ("actual_model_name", "key_id", "code", "operation", "tag", "id_prefix")
_NUMBERS = ("min_duration_ms", "min_cost_nano_usd")


def filter_of(request: ListRequestRecordsRequest) -> ListRequestRecordsRequest | None:
    """Return what requests are asked for beside their model and status; None for nothing.

    InvalidRequest if it makes no sense.
    """
    asked = ListRequestRecordsRequest()
    asked.CopyFrom(request)
    for name in ("page_size", "page_token", "model", "status"):
        asked.ClearField(name)
    for name in _TEXTS:
        setattr(asked, name, text_of(asked, name))
    for name in _NUMBERS:
        number_of(asked, name)
    return asked if asked.ByteSize() else None


def fits(end: CallEnd, asked: ListRequestRecordsRequest) -> bool:
    """Return whether a call fits all that its end, its caller and its attempts are asked for."""
    made = attempts_of(end)
    return _fits_end(end, asked) and _fits_attempts(made, asked)


def _fits_end(end: CallEnd, asked: ListRequestRecordsRequest) -> bool:
    caller, ended_at = end.caller.caller, int(end.at * 1e9)
    wanted = (
        (asked.virtual_key_id, caller.virtual_key_id),
        (asked.group_id, caller.group_id),
        (asked.operation, end.operation),
        (asked.code, end.failure.code if end.failure is not None else ""),
    )
    return (
        all(value in {type(value)(), found} for value, found in wanted)
        and (not asked.HasField("since") or ended_at >= asked.since.ToNanoseconds())
        and (not asked.HasField("until") or ended_at < asked.until.ToNanoseconds())
        and (not asked.tag or asked.tag in end.tags or asked.tag in caller.tags)
        and end.caller.request_id.startswith(asked.id_prefix)
        and (end.ended - end.started) * 1000 >= asked.min_duration_ms
    )


def _fits_attempts(made: list[AttemptEnd], asked: ListRequestRecordsRequest) -> bool:
    last = made[-1].served_by if made else None
    wanted = (
        (asked.provider_id, last.provider_id if last is not None else 0),
        (asked.key_id, last.key_id if last is not None else ""),
        (asked.actual_model_name, last.actual_model_name if last is not None else ""),
    )
    is_dear = not asked.min_cost_nano_usd or (cost_of(made) or 0) >= asked.min_cost_nano_usd
    return is_dear and all(value in {type(value)(), found} for value, found in wanted)

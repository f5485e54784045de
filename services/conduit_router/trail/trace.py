"""What callers are told of their call's attempts, where they ask for it.

Of instances that were not asked they are told how many and why, not which.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from conduit.v1.call_pb2 import CallOptions
from conduit.v1.decision_pb2 import RejectionReason
from conduit.v1.request_record_pb2 import AttemptRecord
from conduit_router.calls.runtime import CallRuntime
from conduit_router.routing.attempt_plan import Attempt
from conduit_router.routing.decide import Decision
from conduit_router.trail.call_end import MAX_NAME, AttemptEnd
from conduit_router.trail.records import attempt_records

# Of the text: less than what HTTP servers and gRPC take for all header fields.
MAX_CHARACTERS = 2_048
_MORE_CHARACTERS = len(", more;count=00000")


class TracedCall(Protocol):
    """A call whose caller may ask for a trace."""

    runtime: CallRuntime
    options: CallOptions | None
    decision: Decision
    started: float
    # The attempts that have ended: those that failed, and the one that did not.
    trail: tuple[AttemptEnd, ...]

    @property
    def answered_end(self) -> AttemptEnd | None:
        """Return the one that did not fail."""
        ...


def trace_of(call: TracedCall, attempt: Attempt | None = None) -> str:
    """Return what was done for a call so far; `attempt` is still under way."""
    made = [*call.trail]
    if call.answered_end is not None:
        made.append(call.answered_end)
    if attempt is not None:
        served_by = attempt.served_by or attempt.key.serving(attempt.candidate)
        own, now = attempt.upstream_request_id[:MAX_NAME], call.runtime.clock()
        made.append(
            AttemptEnd(served_by, attempt.began, now, attempt.waited, attempt.is_sent, own, None)
        )
    records = attempt_records(call.started, sorted(made, key=lambda each: each.began))
    reasons = Counter(RejectionReason.Name(each.reason) for each in call.decision.rejections)
    items = [*map(_attempt, records), *(_rejected(*each) for each in sorted(reasons.items()))]
    return _bounded(items)


def traced(call: TracedCall) -> dict[str, str]:
    """Return the trace of a failed call as its error tells it; nothing unless it was asked for."""
    if call.options is None or not call.options.trace:
        return {}
    return {"trace": trace_of(call)}


def _attempt(record: AttemptRecord) -> str:
    parts = [
        _string(record.provider_name),
        f"key={_string(record.key_id)}",
        f"model={_string(record.actual_model_name)}",
        f"sent=?{int(record.is_sent)}",
        f"pause={record.pause_ms:.3f}",
        *([f"first={record.first_event_ms:.3f}"] if record.HasField("first_event_ms") else ()),
        f"total={record.duration_ms:.3f}",
        *([f"code={record.code}"] if record.code else ()),
        *([f"status={record.upstream_status}"] if record.upstream_status else ()),
    ]
    return ";".join(parts)


def _rejected(reason: str, count: int) -> str:
    return f"rejected;reason={reason.removeprefix('REJECTION_REASON_')};count={count}"


def _bounded(items: Sequence[str]) -> str:
    """Join as many items as there is room for; say how many are left out."""
    text, left = "", MAX_CHARACTERS - _MORE_CHARACTERS
    for place, item in enumerate(items):
        if len(text) + len(item) > left:
            return f"{text}{', ' if text else ''}more;count={len(items) - place}"
        text += f", {item}" if text else item
    return text


def _string(text: str) -> str:
    """Write a text as a string of a structured field: https://www.rfc-editor.org/rfc/rfc9651."""
    plain = "".join(each if " " <= each <= "~" else "?" for each in text[:MAX_NAME])
    escaped = plain.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

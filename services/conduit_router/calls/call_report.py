"""What callers are told of a call: in its report, or in the error that it failed with."""

from collections.abc import Sequence

from conduit.v1.call_pb2 import CallReport
from conduit_router.routing.attempt_plan import Attempt, AttemptPlan
from conduit_router.served_by import CallSummary
from conduit_router.spending.standing import REQUESTS


def fill_report(report: CallReport, summary: CallSummary) -> None:
    """Write a summary as the contract has it."""
    served_by = summary.served_by
    report.request_id = summary.request_id
    report.provider_id = served_by.provider_id
    report.provider_name = served_by.provider_name
    report.key_id = served_by.key_id
    report.actual_model_name = served_by.actual_model_name
    report.attempts = summary.attempts
    if summary.fallbacks:
        report.fallbacks = summary.fallbacks
    report.overhead_ms = summary.overhead_ms
    if summary.cost_nano_usd is not None:
        report.cost_nano_usd = summary.cost_nano_usd
    if summary.dropped:
        report.dropped.extend(summary.dropped)
    if summary.upstream_request_id:
        report.upstream_request_id = summary.upstream_request_id
    report.trace = summary.trace
    if summary.guardrails:
        report.guardrails.extend(summary.guardrails)
    if summary.cache:
        report.cache = summary.cache
    if summary.cache_age is not None:
        report.cache_age = summary.cache_age
    for each in summary.standings:
        left = max(0, each.remaining)
        if each.metric == REQUESTS:
            report.limit_requests, report.remaining_requests = each.limit, left
            report.reset_requests = each.reset
        else:
            report.limit_tokens, report.remaining_tokens = each.limit, left
            report.reset_tokens = each.reset


def failure_report(plan: AttemptPlan, ended: Sequence[Attempt]) -> dict[str, str]:
    """Return the fields of a CallReport that are known of a failed call, of its last attempt."""
    report = {"attempts": str(plan.attempts)}
    if plan.fallbacks:
        report["fallbacks"] = str(plan.fallbacks)
    if not ended:
        return report
    attempt = ended[-1]
    served_by = attempt.key.serving(attempt.candidate)
    known = {
        "provider_id": str(served_by.provider_id),
        "provider_name": served_by.provider_name,
        "key_id": served_by.key_id,
        "actual_model_name": served_by.actual_model_name,
        "upstream_request_id": attempt.upstream_request_id,
    }
    return report | {name: value for name, value in known.items() if value}

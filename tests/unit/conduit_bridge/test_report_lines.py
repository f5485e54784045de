"""The lines of a report, held against those that are generated from the contract."""

import pytest
from google.protobuf.descriptor import FieldDescriptor

from conduit.v1.call_pb2 import CallReport
from conduit.v1.router_requests_pb2 import ChatResponse
from conduit.v1.router_service_routes import report_of_chat
from conduit_bridge.report_lines import report_lines
from conduit_router.calls.call_report import fill_report
from conduit_router.served_by import CallSummary, ServedBy
from conduit_router.spending.standing import Standing

ODD = "50 % \u00fcber\r\nx-evil: 1"
PLAIN = CallSummary(
    ServedBy(7, "OpenAI Production", "key_1", "gpt"), "req_1", 1, 0, 1.25, None, [], ""
)


def changed(**fields: object) -> CallSummary:
    """Return a summary that differs in some fields."""
    values = {name: getattr(PLAIN, name) for name in PLAIN.__struct_fields__}
    return CallSummary(**{**values, **fields})


@pytest.mark.parametrize(
    "summary",
    [
        PLAIN,
        changed(attempts=3, fallbacks=2, overhead_ms=0.0),
        changed(cost_nano_usd=0),
        changed(cost_nano_usd=123_456_789),
        changed(dropped=["seed", "logit_bias"], upstream_request_id="up-1"),
        changed(request_id=ODD, dropped=[ODD], upstream_request_id=ODD),
        changed(served_by=ServedBy(0, ODD, ODD, ODD)),
        changed(served_by=ServedBy(1, "", "", ""), request_id="r"),
        changed(cache="miss", guardrails=("no keys;redacted", "other;reported")),
        changed(cache="hit", cache_age=0, attempts=0),
        changed(standings=(Standing("requests", 60, 0, 0.4),)),
        changed(standings=(Standing("tokens", 5, 4, 61.0),), cost_nano_usd=1),
    ],
)
def test_the_lines_are_those_of_the_contract(summary: CallSummary) -> None:
    """Byte for byte, at the first call and at those that find notes."""
    response = ChatResponse()
    fill_report(response.report, summary)
    assert report_lines(summary) == report_of_chat(response)
    assert report_lines(summary) == report_of_chat(response)


def test_every_field_of_the_report_is_in_a_summary() -> None:
    """A field that the contract gains must not be forgotten here."""
    full = CallSummary(ServedBy(1, "a", "b", "c"), "d", 2, 3, 4.5, 6, ["e"], "f", "g")
    full.standings = Standing("requests", 3, 2, 1.0), Standing("tokens", 3, 2, 1.0)
    full.cache, full.cache_age, full.guardrails = "hit", 0, ("g;reported",)
    report = CallReport()
    fill_report(report, full)
    fields: list[FieldDescriptor] = list(CallReport.DESCRIPTOR.fields)
    # Answers of calls with an idempotency key have no summary.
    expected = {field.name for field in fields} - {"idempotency"}
    assert {field.name for field, _ in report.ListFields()} == expected

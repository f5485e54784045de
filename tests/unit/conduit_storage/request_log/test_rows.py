"""Requests are stored as routers tell of them, or refused."""

from typing import Any

import pytest

from conduit.internal.v1.request_log_service_pb2 import LogRequestsRequest
from conduit.v1.request_record_pb2 import RequestRecord
from conduit_kernel.errors import InvalidRequest
from conduit_storage.request_log.rows import ROW, joined_tags, request_rows, split_tags
from conduit_storage.request_log.tables import RequestRow

FIGURES = (
    *("duration", "first_event", "pause", "attempt_duration", "cost_nano_usd", "input_tokens"),
    *("output_tokens", "attempts", "fallbacks", "revision"),
)


def request(**columns: Any) -> LogRequestsRequest:  # noqa: ANN401 # columns of any type
    """Return one request, with columns of a test's own."""
    usual = {"kind": [0], "id": ["r1"], "ended_at": [1.5], "upstream_request_id": [""]}
    return LogRequestsRequest(
        **{**usual, "rest": [b""], **{name: [0] for name in FIGURES}, **columns}
    )


def stored(**columns: Any) -> dict[str, object]:  # noqa: ANN401 # as above
    """Return the row of one request, by its columns."""
    [row] = request_rows(request(**columns), [7])
    return dict(zip(ROW, row, strict=True))


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": [1]},
        {"id": [""]},
        {"id": ["x" * 129]},
        {"ended_at": [-1.0]},
        {"ended_at": [float("nan")]},
        {"ended_at": [1e300]},
        {"duration": []},
        {"rest": [b"\xff"]},
        {"rest": [b"", b""]},
    ],
)
def test_columns_that_make_no_requests_are_refused(wrong: dict[str, Any]) -> None:
    """A router that says them is of another version, or broken."""
    with pytest.raises(InvalidRequest):
        request_rows(request(**wrong), [7])


def test_figures_beyond_all_bounds_are_cut() -> None:
    """Such as those of a clock that jumped: what is stored are numbers that both databases have."""
    odd = [1e300, float("inf"), float("-inf"), float("nan")]
    for figure in odd:
        row = stored(duration=[figure])
        assert 0 <= int(str(row["duration"])) < 2**63


def test_an_unknown_cost_is_not_nothing() -> None:
    """It is stored as none."""
    assert stored(cost_nano_usd=[-1])["cost"] is None
    assert stored()["cost"] == 0


def test_tags_are_told_as_they_came() -> None:
    """Each once, a request's own before those of its virtual key."""
    rest = RequestRecord(tags=["b", "a"]).SerializeToString()
    row = stored(rest=[rest])
    assert row["rest"] == b""
    assert split_tags(str(row["tags"]), joined_tags(["a", "c"])) == ["b", "a", "c"]
    assert split_tags("", joined_tags([])) == []


def test_rows_are_in_the_tables_order() -> None:
    """They are stored without names; the table numbers them itself."""
    assert ("number", *ROW) == tuple(column.name for column in RequestRow.__table__.c)

"""Requests are stored as routers tell of them, or refused."""

from typing import Any

import pytest

from conduit.internal.v1.request_log_service_pb2 import LogRequestsRequest
from conduit.v1.request_record_pb2 import RequestRecord
from conduit_kernel.errors import InvalidRequest
from conduit_storage.request_log.rows import joined_tags, request_rows, split_tags

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
        list(request_rows(request(**wrong), [7]))


def test_figures_beyond_all_bounds_are_cut() -> None:
    """Such as those of a clock that jumped: what is stored are numbers that both databases have."""
    odd = [1e300, float("inf"), float("-inf"), float("nan")]
    for figure in odd:
        (row,) = request_rows(request(duration=[figure]), [7])
        assert 0 <= int(str(row["duration"])) < 2**63


def test_an_unknown_cost_is_not_nothing() -> None:
    """It is stored as none."""
    assert [row["cost"] for row in request_rows(request(cost_nano_usd=[-1]), [7])] == [None]
    assert [row["cost"] for row in request_rows(request(), [7])] == [0]


def test_tags_are_told_as_they_came() -> None:
    """Each once, a request's own before those of its virtual key."""
    rest = RequestRecord(tags=["b", "a"]).SerializeToString()
    (row,) = request_rows(request(rest=[rest]), [7])
    assert row["rest"] == b""
    assert split_tags(str(row["tags"]), joined_tags(["a", "c"])) == ["b", "a", "c"]
    assert split_tags("", joined_tags([])) == []

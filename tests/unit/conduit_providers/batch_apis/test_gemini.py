"""Gemini's batches: results within the batch."""

import json

import pytest
from tests.unit.conduit_providers.batch_apis.test_api import spec_of
from tests.unit.conduit_providers.batch_apis.test_openai import answer

from conduit_kernel.errors import UpstreamError
from conduit_providers.batch_apis.gemini import API


@pytest.mark.parametrize("place", ["metadata", "response"])
def test_results_are_read_wherever_they_are(place: str) -> None:
    """The SDK reads them in the metadata; the reference of the API has them in the response."""
    results = [
        {"metadata": {"key": "0"}, "response": {"candidates": []}},
        {"metadata": {"key": "1"}, "error": {"code": 8, "message": "slower"}},
        {"metadata": {"key": "2"}, "error": {"code": 1}},
        {"metadata": {"key": "3"}, "error": "what"},
    ]
    output = {"inlinedResponses": {"inlinedResponses": results}}
    found = {"name": "batches/b", place: {"output": output} if place == "metadata" else output}
    read = [*API.results(json.dumps(found).encode())]
    statuses = [each.response.status if each.response else None for each in read]
    assert statuses == [200, 429, None, 500]
    assert [each.name for each in read] == ["0", "1", "2", "3"]


def test_results_that_make_no_sense_are_the_providers_failure() -> None:
    """They are not taken for none."""
    with pytest.raises(UpstreamError):
        [*API.results(b"{")]


@pytest.mark.parametrize(
    ("state", "is_over"),
    [("BATCH_STATE_PENDING", False), ("JOB_STATE_RUNNING", False), ("BATCH_STATE_EXPIRED", True)],
)
def test_states_have_either_prefix(state: str, is_over: bool) -> None:  # noqa: FBT001 # a case
    """Counts of 64 bits are strings."""
    _, batches, target = spec_of("Gemini")
    stats = {"successfulRequestCount": "2", "failedRequestCount": "1"}
    metadata = {"state": state, "batchStats": stats}
    found = API.state(answer(name="batches/b", metadata=metadata), batches, target)
    assert (found.is_over, found.completed, found.failed) == (is_over, 2, 1)

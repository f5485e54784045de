"""Mistral's jobs: requests of one model within the request."""

import json

from tests.unit.conduit_providers.batch_apis.test_api import spec_of
from tests.unit.conduit_providers.batch_apis.test_openai import ASKED, answer

from conduit_providers.batch_apis.api import NewBatch
from conduit_providers.batch_apis.mistral import API


def test_the_model_is_the_job_s() -> None:
    """It is in none of the requests."""
    _, batches, target = spec_of("Mistral")
    entry = API.entry("0", ASKED, batches)
    sent = next(API.begin(NewBatch("ours", "m", ASKED.path, (), [entry]), batches, target))
    assert json.loads(sent.body) == {
        "endpoint": "/v1/chat/completions",
        "model": "m",
        "timeout_hours": 24,
        "metadata": {"conduit_batch": "ours"},
        "requests": [{"custom_id": "0", "body": {}}],
    }


def test_a_state_that_nobody_knows_is_an_end() -> None:
    """As the SDK has it: whoever waits for another one waits forever."""
    _, batches, target = spec_of("Mistral")
    for status, is_over in (("RUNNING", False), ("CANCELLATION_REQUESTED", False), ("NEW", True)):
        state = API.state(answer(id="j", status=status, output_file="f"), batches, target)
        assert state.is_over == is_over

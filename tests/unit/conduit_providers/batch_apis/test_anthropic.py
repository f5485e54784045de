"""Anthropic's message batches: results that succeed, fail, or were not made."""

import pytest
from tests.unit.conduit_providers.batch_apis.test_api import spec_of

from conduit_providers.batch_apis.anthropic import API
from conduit_providers.batch_apis.api import BegunBatch, NewBatch


@pytest.mark.parametrize(
    ("kind", "status"),
    [("invalid_request_error", 400), ("overloaded_error", 529), ("new_error", 500)],
)
def test_an_error_has_the_status_that_its_call_would_have(kind: str, status: int) -> None:
    """One that nobody knows is the server's."""
    error = b'{"type":"error","error":{"type":"%b"}}' % kind.encode()
    found = API.result(b'{"custom_id":"3","result":{"type":"errored","error":%b}}' % error)
    assert found is not None
    assert found.response is not None
    assert (found.name, found.response.status) == ("3", status)


@pytest.mark.parametrize("kind", [b"expired", b"canceled", b"new"])
def test_what_was_not_made_has_no_answer(kind: bytes) -> None:
    """Whatever it is called."""
    found = API.result(b'{"custom_id":"3","result":{"type":"%b"}}' % kind)
    assert found is not None
    assert found.response is None


def test_a_batch_has_the_headers_of_its_requests() -> None:
    """Their version, and the betas that they use."""
    _, batches, target = spec_of("Anthropic")
    headers = (("anthropic-version", "1"), ("anthropic-beta", "b"))
    sent = next(API.begin(NewBatch("ours", "m", "/v1/messages", headers, []), batches, target))
    assert sent.headers == headers
    assert dict(API.look(BegunBatch("b"), batches, target).headers)["anthropic-version"]

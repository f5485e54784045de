"""Counts of what a response would read."""

import orjson
import pytest

from conduit.v1 import response_count_requests_pb2 as pb
from conduit_kernel.errors import InvalidRequest
from conduit_providers.operations.response_count import OPERATION
from conduit_providers.quantities import Quantities

BODY = orjson.dumps({"model": "m", "input": "x" * 40})


def test_it_is_free() -> None:
    """Whatever it would read."""
    form = OPERATION.plain_form(BODY)
    requirements = OPERATION.requirements(BODY, stream=False)
    worst = OPERATION.worst_case(form, requirements)
    assert (worst.usage, worst.is_bounded) == (Quantities(), True)
    assert OPERATION.estimate(form, None, 0, None, None) == Quantities()
    assert OPERATION.estimated(form).usage == Quantities()


def test_an_estimate_says_so_in_both_forms() -> None:
    """A token for four characters."""
    for request in (
        pb.CountResponseTokensRequest(json=BODY),
        pb.CountResponseTokensRequest(response=OPERATION.plain_form(BODY).typed),
    ):
        form, response = OPERATION.form_of(request), pb.CountResponseTokensResponse()
        is_typed = form.json_at_hand is None
        OPERATION.write(response, OPERATION.estimated(form), is_typed=is_typed)
        if is_typed:
            assert (response.count.input_tokens, response.count.is_estimate) == (10, True)
        else:
            assert orjson.loads(response.json) == {
                "object": "response.input_tokens",
                "input_tokens": 10,
                "is_estimate": True,
            }


@pytest.mark.parametrize("said", ['"input":""', '"input":[]', '"input":null', '"store":true'])
def test_nothing_has_no_tokens(said: str) -> None:
    """As OpenAI refuses it."""
    with pytest.raises(InvalidRequest):
        OPERATION.requirements(b'{"model":"m",%b}' % said.encode(), stream=False)

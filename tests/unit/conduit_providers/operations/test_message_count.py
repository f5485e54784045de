"""Counts of what a message would read."""

import orjson

from conduit.v1 import message_requests_pb2 as pb
from conduit_providers.operations.message_count import OPERATION
from conduit_providers.quantities import Quantities

BODY = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "x" * 40}]})


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
        pb.CountMessageTokensRequest(json=BODY),
        pb.CountMessageTokensRequest(message=OPERATION.plain_form(BODY).typed),
    ):
        form, response = OPERATION.form_of(request), pb.CountMessageTokensResponse()
        is_typed = form.json_at_hand is None
        OPERATION.write(response, OPERATION.estimated(form), is_typed=is_typed)
        if is_typed:
            assert (response.count.input_tokens, response.count.is_estimate) == (10, True)
        else:
            assert response.json == b'{"input_tokens":10,"is_estimate":true}'

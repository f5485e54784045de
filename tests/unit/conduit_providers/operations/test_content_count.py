"""Counts of what generated content would read."""

import orjson
import pytest

from conduit.v1 import content_requests_pb2 as pb
from conduit.v1.content_pb2 import ContentCounting
from conduit_kernel.errors import InvalidRequest
from conduit_providers.operations.content_count import OPERATION, content_count_answer
from conduit_providers.quantities import Quantities

SAID = [{"parts": [{"text": "x" * 40}]}]
WHOLE = {"generateContentRequest": {"model": "models/y", "contents": SAID}}


@pytest.mark.parametrize("members", [{"contents": SAID}, WHOLE])
def test_turns_and_whole_requests_are_counted(members: dict[str, object]) -> None:
    """For free; an estimate says that it is one."""
    request = pb.CountContentTokensRequest(json=orjson.dumps(members), model="m")
    form = OPERATION.form_of(request)
    found = OPERATION.requirements(form.json, stream=False)
    assert (found.model, found.operation) == ("m", "chat")
    assert OPERATION.worst_case(form, found).usage == Quantities()
    assert OPERATION.estimate(form, None, 0, None, None) == Quantities()
    assert orjson.loads(OPERATION.estimated(form).json) == {"totalTokens": 10, "isEstimate": True}


def test_both_forms_are_answered_alike() -> None:
    """Typed requests get typed answers."""
    counting = ContentCounting(contents_json=orjson.dumps(SAID))
    form = OPERATION.form_of(pb.CountContentTokensRequest(counting=counting, model="m"))
    assert orjson.loads(form.json)["model"] == "m"
    response, answer = pb.CountContentTokensResponse(), content_count_answer(7)
    OPERATION.write(response, answer, is_typed=True)
    assert response.count.total_tokens == 7
    OPERATION.write(response, answer, is_typed=False)
    assert response.json == b'{"totalTokens":7}'


@pytest.mark.parametrize("body", [b'{"model":"m"}', b'{"model":"m","contents":[]}', b"{}"])
def test_what_says_nothing_is_refused(body: bytes) -> None:
    """It has no tokens."""
    with pytest.raises(InvalidRequest):
        OPERATION.requirements(body, stream=False)

"""Conversations made shorter."""

import orjson

from conduit.v1 import response_compaction_requests_pb2 as pb
from conduit_providers.operation import WorstCase
from conduit_providers.operations.response_compaction import OPERATION, compaction_answer
from conduit_providers.quantities import plain

BODY = orjson.dumps({"model": "m", "input": "x" * 40})
COMPACTED = (
    b'{"id":"c","object":"response.compaction","created_at":1,"output":[{"type":"compaction"}]}'
)


def test_it_is_paid_for_what_is_read_and_written() -> None:
    """As a chat is; nobody bounds how long a shorter conversation is."""
    form = OPERATION.plain_form(BODY)
    requirements = OPERATION.requirements(BODY, stream=False)
    assert (requirements.model, requirements.operation) == ("m", "chat")
    assert OPERATION.worst_case(form, requirements) == WorstCase(
        plain(len(BODY), 0), is_bounded=False
    )
    answer = compaction_answer(COMPACTED, None)
    assert OPERATION.estimate(form, answer, 0, None, None) == plain(10, -(-len(COMPACTED) // 4))
    assert OPERATION.estimate(form, None, 7, None, None) == plain(10, 7)


def test_the_answer_has_the_form_of_the_request() -> None:
    """Typed, or as it came."""
    answer = compaction_answer(COMPACTED, None)
    for request in (
        pb.CompactResponseRequest(json=BODY),
        pb.CompactResponseRequest(response=OPERATION.plain_form(BODY).typed),
    ):
        form, response = OPERATION.form_of(request), pb.CompactResponseResponse()
        is_typed = form.json_at_hand is None
        OPERATION.write(response, answer, is_typed=is_typed)
        if is_typed:
            assert response.compaction.output[0].type == "compaction"
        else:
            assert response.json == COMPACTED

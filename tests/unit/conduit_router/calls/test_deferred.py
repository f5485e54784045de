"""Calls in two halves: what is sent to a provider, and what comes back some time later."""

from pathlib import Path

import orjson
import pytest
from tests.support.batch_upstream import answer_to
from tests.support.call_bench import BODY, CALLER, Bench

from conduit.v1.router_requests_pb2 import ChatResponse
from conduit_kernel.errors import UpstreamRefused
from conduit_kernel.not_found_errors import ModelNotFound
from conduit_providers.operations.chat import OPERATION, chat_request
from conduit_providers.wire import HttpResponse
from conduit_router.calls.deferred import (
    DeferralTerms,
    DeferredAnswer,
    DeferredRequest,
    answered,
    deferred,
)
from conduit_router.calls.unary import UnaryCalls

ANSWER = orjson.dumps(answer_to("openai", orjson.loads(BODY)))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a runtime without a way to any provider."""
    return Bench(tmp_path)


def calls_of(bench: Bench) -> UnaryCalls:
    """Return what makes chats."""
    return UnaryCalls(bench.runtime, OPERATION, ChatResponse)


def defer(bench: Bench, *, body: bytes = BODY, at: int = 0) -> DeferredRequest | None:
    """Return the request of a chat at an instance; at any if that is zero."""
    terms = DeferralTerms(lambda candidate, *_: not at or candidate.provider_id == at)
    return deferred(calls_of(bench), chat_request(json=body), None, CALLER, terms)


def test_a_call_s_request_is_that_of_the_first_who_fits(bench: Bench) -> None:
    """In the order in which they would be asked; none of them is."""
    first, second = defer(bench), defer(bench, at=2)
    assert first is not None
    assert second is not None
    assert (first.to.candidate.provider_id, second.to.candidate.provider_id) == (1, 2)
    assert first.request.path.endswith("/chat/completions")
    assert b"hello there" in first.request.body
    assert defer(bench, at=3) is None
    assert bench.endings == []


def test_a_call_that_may_not_be_made_is_not_deferred(bench: Bench) -> None:
    """It fails as it would."""
    with pytest.raises(ModelNotFound):
        defer(bench, body=BODY.replace(b"gpt", b"none"))


def test_an_answer_is_charged_under_its_id_as_one_of_a_batch(bench: Bench) -> None:
    """However often it comes; the call has ended like any other."""
    found = defer(bench)
    assert found is not None
    response = HttpResponse(200, {}, ANSWER)
    for _ in range(2):
        given = DeferredAnswer(found.to, response, "0" * 26, None)
        message = answered(calls_of(bench), chat_request(json=BODY), None, CALLER, given)
        assert message.json
    charges, tallies = bench.records()
    assert [each.id for each in charges] == ["0" * 26] * 2
    assert {each.qualifiers["processing"] for each in charges} == {"batch"}
    assert {each.request_id for each in charges} == {CALLER.request_id}
    # Nobody knows when it was made, so that it tells nothing of anybody's health.
    assert not tallies
    assert bench.codes == ["", ""]


def test_a_failure_is_the_call_s_and_costs_nothing(bench: Bench) -> None:
    """It is told as a call's would be."""
    found = defer(bench)
    assert found is not None
    response = HttpResponse(400, {}, b'{"error":{"message":"no such member"}}')
    given = DeferredAnswer(found.to, response, "0" * 26, None)
    with pytest.raises(UpstreamRefused, match="no such member"):
        answered(calls_of(bench), chat_request(json=BODY), None, CALLER, given)
    assert bench.records() == ([], {})
    assert len(bench.codes) == 1
    assert bench.codes[0]

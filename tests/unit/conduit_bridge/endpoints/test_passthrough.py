"""Answers whose status, headers and bytes are the provider's."""

from typing import Any

import pytest
from tests.support.endpoints import BEARER, Service, edge, here
from tests.support.exchanges import Caller, context_of, request_of, route_of

from conduit.v1.call_pb2 import CallReport
from conduit.v1.passthrough_requests_pb2 import (
    PassedField,
    PassThroughEnd,
    PassThroughRequest,
    PassThroughResponse,
)
from conduit_bridge.endpoints.passthrough import PassthroughEndpoint
from conduit_bridge.endpoints.unary import Outcome
from conduit_bridge.metrics import Metrics
from conduit_kernel.errors import InvalidRequest, UpstreamRateLimited

LIMITED = UpstreamRateLimited("The provider asked us to slow down")
REPORT = CallReport(provider_name="p", attempts=1)
HEAD = PassThroughResponse(
    status=202, headers=[PassedField(name="content-type", value="a/b")], started=REPORT
)
PATH = "/passthrough/p/v1/messages"


async def served(
    caller: Caller,
    *answers: Any,  # noqa: ANN401 # messages
    path: str = PATH,
    **fields: str,
) -> tuple[Outcome, Service]:
    """Serve a request that is answered so."""
    route, router = route_of("PassThrough"), Service(*answers, is_stream=True)
    counts = Metrics().add(route.verb, route.path)
    bound = PassthroughEndpoint(route, here(router), counts, edge(5.0))
    exchange = request_of(caller, "POST", path, b"{}", authorization=BEARER, **fields)
    context = context_of(exchange, provider="p", path="decoded")
    return await bound.serve(context), router


async def test_whole_answers_go_out_in_one_piece() -> None:
    """With their length, and what the Router says."""
    caller, message = Caller(), PassThroughResponse(data=b"abc", finished=PassThroughEnd())
    message.MergeFrom(HEAD)
    outcome, _ = await served(caller, message)
    assert outcome == Outcome(202)
    assert caller.body == b"abc"
    lines = {"content-type: a/b", "content-length: 3", "x-conduit-provider: p"}
    assert lines <= set(caller.lines)


async def test_streams_go_out_as_they_come() -> None:
    """With nothing of Conduit's among them."""
    caller = Caller()
    end = PassThroughResponse(finished=PassThroughEnd(report=REPORT))
    outcome, _ = await served(caller, HEAD, PassThroughResponse(data=b"\x00\xff"), end)
    assert outcome == Outcome(202)
    assert caller.body == b"\x00\xff"


async def test_streams_that_break_off_are_cut() -> None:
    """An error of ours would be no word of the provider's."""
    caller = Caller()
    outcome, _ = await served(caller, HEAD, LIMITED)
    assert outcome == Outcome(429, "PROVIDER_RATE_LIMITED")
    assert caller.aborted


async def test_requests_go_as_they_were_written() -> None:
    """The path raw, the query and headers beside it, and no credential."""
    path = "/passthrough/p/v1/a%2Fb"
    _, router = await served(Caller(), HEAD, path=f"{path}?beta=true&x", anthropic_beta="b")
    request, _ = router.calls[-1]
    assert isinstance(request, PassThroughRequest)
    assert (request.provider, request.path, request.body) == ("p", "/v1/a%2Fb", b"{}")
    assert [(each.name, each.value) for each in request.query] == [("beta", "true"), ("x", "")]
    headers = {each.name: each.value for each in request.headers}
    assert headers["anthropic-beta"] == "b"
    assert "authorization" not in headers


async def test_compressed_bodies_are_refused() -> None:
    """Nobody could read what they ask for."""
    with pytest.raises(InvalidRequest):
        await served(Caller(), HEAD, content_encoding="gzip")

"""Answers of MCP servers over HTTP: in JSON, in events, or none."""

from typing import Any

import pytest
from tests.support.endpoints import BEARER, Service, edge, here
from tests.support.exchanges import Caller, context_of, request_of, route_of

from conduit.v1.mcp_requests_pb2 import ListenMcpResponse, SendMcpMessageResponse
from conduit_bridge.endpoints.mcp import EVENTS, McpEndpoint
from conduit_bridge.endpoints.unary import Outcome
from conduit_bridge.metrics import Metrics
from conduit_kernel.errors import MethodNotAllowed, UpstreamTimeout

EVENT = b"event: message\ndata: {}\n\n"
LATE = UpstreamTimeout("It did not answer in time")


async def served(
    caller: Caller,
    *answers: Any,  # noqa: ANN401 # messages
    rpc: str = "SendMcpMessage",
    method: str = "POST",
) -> tuple[Outcome, Service]:
    """Serve a request that is answered so."""
    route, router = route_of(rpc), Service(*answers, is_stream=True)
    counts = Metrics().add(route.verb, route.path)
    bound = McpEndpoint(route, here(router), counts, edge(5.0))
    fields = {"authorization": BEARER, "mcp_session_id": "s", "mcp_protocol_version": "v"}
    exchange = request_of(caller, method, "/mcp/tools", b"{}", **fields)
    return await bound.serve(context_of(exchange, server="tools")), router


async def test_json_goes_out_in_one_piece() -> None:
    """With the session that begins; what was asked has the request's own."""
    caller = Caller()
    first = SendMcpMessageResponse(
        status=200, content_type="application/json", session_id="abc", data=b"{}"
    )
    outcome, router = await served(caller, first)
    assert (outcome, caller.body) == (Outcome(200), b"{}")
    lines = {"content-type: application/json", "mcp-session-id: abc", "content-length: 2"}
    assert lines <= set(caller.lines)
    request, _ = router.calls[0]
    said = (request.server, request.session_id, request.protocol_version, request.message)
    assert said == ("tools", "s", "v", b"{}")


async def test_events_go_out_as_they_come() -> None:
    """Without a session that nobody named."""
    caller = Caller()
    first = SendMcpMessageResponse(status=200, content_type=EVENTS)
    await served(caller, first, SendMcpMessageResponse(data=EVENT))
    assert caller.body == EVENT
    assert "content-type: text/event-stream" in caller.lines
    assert not any(line.startswith("mcp-session-id") for line in caller.lines)
    listened = Caller()
    head = ListenMcpResponse(content_type=EVENTS)
    await served(listened, head, ListenMcpResponse(data=EVENT), rpc="ListenMcp", method="GET")
    assert listened.body == EVENT


async def test_what_asks_for_no_answer_gets_none() -> None:
    """202, as the protocol has it."""
    caller = Caller()
    outcome, _ = await served(caller, SendMcpMessageResponse(status=202))
    assert (outcome, caller.body) == (Outcome(202), b"")


async def test_streams_that_break_off_are_cut() -> None:
    """So that they do not look whole."""
    caller = Caller()
    first = SendMcpMessageResponse(status=200, content_type=EVENTS)
    outcome, _ = await served(caller, first, LATE)
    assert outcome == Outcome(504, "PROVIDER_TIMEOUT")
    assert caller.aborted


async def test_heads_alone_are_refused() -> None:
    """A server would be listened to for nothing."""
    with pytest.raises(MethodNotAllowed):
        await served(Caller(), ListenMcpResponse(), rpc="ListenMcp", method="HEAD")

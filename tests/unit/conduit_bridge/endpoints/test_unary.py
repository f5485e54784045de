"""One request, one answer: who calls, what is asked, and what is answered."""

import time
from typing import Any

import grpc
import pytest
from structlog.testing import capture_logs
from tests.support.endpoints import BEARER, MASTER_KEY, Service, edge, elsewhere, here
from tests.support.exchanges import REQUEST_ID, Caller, context_of, request_of, route_of

from conduit.v1.json_runtime import JsonError
from conduit.v1.provider_pb2 import Provider
from conduit.v1.provider_requests_pb2 import DeleteProviderResponse, GetProviderResponse
from conduit.v1.router_requests_pb2 import ChatResponse
from conduit_bridge.endpoints.unary import (
    MAX_QUERY_FIELDS,
    Backend,
    Outcome,
    UnaryEndpoint,
    query_of,
    tell,
)
from conduit_bridge.metrics import Metrics
from conduit_kernel.auth import PrincipalKind
from conduit_kernel.auth_errors import MasterKeyMissing
from conduit_kernel.errors import InvalidRequest, VirtualKeyInvalid, VirtualKeyMissing
from conduit_kernel.not_found_errors import ProviderNotFound


def endpoint(rpc: str, backend: Backend) -> UnaryEndpoint:
    """Bind a route of the contract."""
    route = route_of(rpc)
    counts = Metrics().add(route.verb, route.path, rpc)
    return UnaryEndpoint(route, backend, counts, edge())


def chat_answer() -> ChatResponse:
    """Return an answer with a report."""
    answer = ChatResponse(json=b'{"id":"c1"}')
    answer.report.attempts = 2
    return answer


async def test_a_service_here_is_told_who_calls() -> None:
    """And the request's id; the answer has the id, the media type and the report as lines."""
    router, caller = Service(chat_answer()), Caller()
    exchange = request_of(caller, "POST", "/", b'{"model":"m"}', authorization=BEARER)
    outcome = await endpoint("Chat", here(router)).serve(context_of(exchange))
    assert outcome == Outcome(200)
    [(request, told)] = router.calls
    assert request.json == b'{"model":"m"}'
    assert told["request_id"] == REQUEST_ID
    assert told["principal"].kind is PrincipalKind.VIRTUAL_KEY
    assert told["principal"].address == "192.0.2.1"
    assert set(told) == {"principal", "request_id", "timeout"}
    assert (caller.status, caller.body) == (200, b'{"id":"c1"}')
    assert {
        f"x-request-id: {REQUEST_ID}",
        "content-type: application/json",
        "x-conduit-attempts: 2",
    } <= set(caller.lines)


async def test_a_service_elsewhere_is_shown_credentials() -> None:
    """Those alone, with the id and the address, and the time that it may take."""
    registry, caller = Service(GetProviderResponse(provider=Provider(id=7, name="p"))), Caller()
    exchange = request_of(caller, x_master_key=MASTER_KEY, cookie="c")
    await endpoint("GetProvider", elsewhere(registry)).serve(context_of(exchange, id="7"))
    [(request, told)] = registry.calls
    assert request.id == 7
    assert told == {
        "timeout": 35.0,
        "metadata": (
            ("x-master-key", MASTER_KEY),
            ("x-request-id", REQUEST_ID),
            ("x-conduit-peer", "192.0.2.1"),
        ),
    }
    assert caller.status == 200


async def test_an_empty_answer_has_no_body() -> None:
    """Nor a media type."""
    caller = Caller()
    exchange = request_of(caller, "DELETE", x_master_key=MASTER_KEY)
    bound = endpoint("DeleteProvider", elsewhere(Service(DeleteProviderResponse())))
    await bound.serve(context_of(exchange, id="7"))
    assert (caller.status, caller.body) == (204, b"")
    assert not any(line.startswith("content-type") for line in caller.lines)


@pytest.mark.parametrize(
    ("rpc", "fields", "error"),
    [
        ("Chat", {}, VirtualKeyInvalid),
        ("Chat", {"authorization": "Bearer other"}, VirtualKeyInvalid),
        ("GetProvider", {"authorization": BEARER}, MasterKeyMissing),
    ],
)
async def test_strangers_are_refused_before_anything_else(
    rpc: str, fields: dict[str, str], error: type[Exception]
) -> None:
    """Their request, which makes no sense either, is not looked at, and nobody is called."""
    service, caller = Service(), Caller()
    backend = here(service) if rpc == "Chat" else elsewhere(service)
    exchange = request_of(caller, "POST", "/?nonsense=1", b"{", **fields)
    with pytest.raises(error):
        await endpoint(rpc, backend).serve(context_of(exchange, id="x"))
    assert (service.calls, caller.sent) == ([], b"")


async def test_a_request_that_makes_no_sense_reaches_nobody() -> None:
    """It is told where."""
    registry = Service()
    exchange = request_of(Caller(), x_master_key=MASTER_KEY)
    with pytest.raises(JsonError) as caught:
        await endpoint("GetProvider", elsewhere(registry)).serve(context_of(exchange, id="seven"))
    assert caught.value.path == "id"
    assert registry.calls == []


async def test_a_failure_of_the_service_is_passed_on() -> None:
    """Whoever dispatches knows what callers may know of it."""
    caller = Caller()
    registry = Service(ProviderNotFound("Provider with ID 7 not found"))
    exchange = request_of(caller, x_master_key=MASTER_KEY)
    with pytest.raises(ProviderNotFound):
        await endpoint("GetProvider", elsewhere(registry)).serve(context_of(exchange, id="7"))
    assert not caller.sent


@pytest.mark.parametrize(
    ("value", "is_refused"),
    [
        ("Bearer condt_1", False),
        ("bearer any", False),
        ("Bearer", True),
        ("Bearer  ", True),
        ("Basic condt_1", True),
        ("", True),
    ],
)
async def test_where_the_router_is_elsewhere_a_head_must_have_a_key(
    value: str, *, is_refused: bool
) -> None:
    """Which one it is the Router will judge; nobody fills the memory without any."""
    bound = endpoint("Chat", elsewhere(Service()))
    request = request_of(Caller(), "POST", authorization=value)
    if is_refused:
        with pytest.raises(VirtualKeyMissing):
            bound.judge_head(request)
    else:
        bound.judge_head(request)


async def test_a_head_is_judged_whole_where_the_key_can_be_known() -> None:
    """By the Router here, and for administrators by the bridge."""
    with pytest.raises(VirtualKeyInvalid):
        endpoint("Chat", here(Service())).judge_head(
            request_of(Caller(), "POST", authorization="Bearer other")
        )
    with pytest.raises(MasterKeyMissing):
        endpoint("GetProvider", elsewhere(Service())).judge_head(request_of(Caller()))


def test_a_query_has_names_and_values() -> None:
    """Decoded; an empty value is one; what is no text is replaced rather than refused."""
    exchange = request_of(Caller(), "GET", "/?a=1&b=&a=%C3%BC&c=%FF")
    assert list(query_of(exchange)) == [("a", "1"), ("b", ""), ("a", "ü"), ("c", "\ufffd")]
    assert list(query_of(request_of(Caller()))) == []


def test_a_query_is_bounded() -> None:
    """In its parameters."""
    fits = "&".join(["a=1"] * MAX_QUERY_FIELDS)
    assert len(query_of(request_of(Caller(), "GET", f"/?{fits}"))) == MAX_QUERY_FIELDS
    with pytest.raises(InvalidRequest) as caught:
        query_of(request_of(Caller(), "GET", f"/?{fits}&a=1"))
    assert caught.value.metadata == {"field": "query"}


@pytest.mark.parametrize(
    ("coding", "is_refused"),
    [("gzip", True), ("identity, br", True), (" Identity ", False), ("", False)],
)
def test_compressed_bodies_are_refused(coding: str, *, is_refused: bool) -> None:
    """Read as they are, they would be no JSON, and nobody would know why."""
    exchange = request_of(Caller(), "POST", content_encoding=coding)
    if is_refused:
        with pytest.raises(InvalidRequest) as caught:
            query_of(exchange)
        assert caught.value.metadata == {"field": "content-encoding"}
    else:
        assert query_of(exchange) == ()


def test_callers_are_told_what_they_may_know() -> None:
    """Errors of ours as they are; the log has what nobody foresaw, by the request's id."""
    known: Any = ProviderNotFound("no")
    with capture_logs() as lines:
        assert tell(known, "registry", REQUEST_ID) is known
        assert not lines
        error = tell(KeyError("canary"), "registry", REQUEST_ID)
    assert (error.reason, error.metadata) == ("INTERNAL", {"request_id": REQUEST_ID})
    assert "canary" not in str(error)
    assert [line["request_id"] for line in lines] == [REQUEST_ID]


async def test_strangers_do_not_wait_for_a_service_that_is_away() -> None:
    """They are refused at once."""
    async with grpc.aio.insecure_channel("127.0.0.1:1") as channel:
        bound = endpoint("GetProvider", elsewhere(Service(), channel))
        began = time.monotonic()
        with pytest.raises(MasterKeyMissing):
            await bound.serve(context_of(request_of(Caller()), id="7"))
        assert time.monotonic() - began < 3

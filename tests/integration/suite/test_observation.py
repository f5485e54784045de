"""At night an operator finds out what happened to a call: by its line, its answer, the metrics."""

from collections.abc import Sequence
from typing import Any

import grpc
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs
from tests.support.suite import Suite
from tests.support.waiting import eventually

from conduit.v1.provider_requests_pb2 import GetProviderRequest
from conduit.v1.registry_service_pb2_grpc import RegistryServiceStub
from conduit.v1.router_requests_pb2 import ChatRequest, StreamChatRequest
from conduit.v1.router_service_pb2_grpc import RouterServiceStub
from conduit_client import user
from conduit_kernel.rpc import connect, error_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

MESSAGES = [{"role": "user", "content": "one two three"}]
# What the line of each call has that was answered.
MEMBERS = {
    *("request_id", "ms", "virtual_key_id", "model", "operation", "attempts", "fallbacks"),
    *("provider", "provider_id", "key_id", "actual_model"),
    *("input_tokens", "output_tokens", "cost_usd"),
}
REPORT = (
    *("request-id", "provider-id", "provider", "key-id", "model", "attempts"),
    "upstream-request-id",
)


def of_event(logs: Sequence[Any], event: str) -> list[Any]:
    """Return the lines of an event, but for those of our own services."""
    return [line for line in logs if line["event"] == event and line["log_level"] != "debug"]


async def written(logs: Sequence[Any], event: str, count: int) -> None:
    """Wait for so many lines: a caller may have its answer before the server has written one."""

    async def are_there() -> bool:
        return len(of_event(logs, event)) >= count

    await eventually(are_there)


async def chat(suite: Suite, alias: str, **more: object) -> httpx.Response:
    """Ask over HTTP."""
    async with suite.caller() as http:
        body = {"model": alias, "messages": MESSAGES, **more}
        return await http.post("/v1/chat/completions", json=body)


async def test_each_call_over_http_has_one_line_with_all_that_it_was(suite: Suite) -> None:
    """Whole, streamed, and of an upload; none of it says what was asked or answered."""
    await suite.add_simulator("seen", "echo")
    await suite.add_simulator("heard", "transcribe")
    await suite.settled()
    with capture_logs() as logs:
        await chat(suite, "seen")
        await chat(suite, "seen", stream=True)
        async with suite.caller() as http:
            await http.get("/v1/models")
    whole, streamed, models = of_event(logs, "http_request")
    assert whole.keys() >= MEMBERS
    assert MEMBERS | {"first_token_ms"} <= streamed.keys()
    assert (whole["model"], whole["actual_model"], whole["status"]) == ("seen", "echo", 200)
    assert (whole["input_tokens"], whole["output_tokens"]) == (3, 3)
    assert (whole["attempts"], whole["fallbacks"], whole["provider"]) == (1, 0, "seen echo")
    assert MEMBERS & models.keys() == {"request_id", "ms"}
    assert "two" not in repr(logs)


async def test_a_call_that_failed_has_them_too_in_its_line_and_its_answer(suite: Suite) -> None:
    """Whoever is called at night has the request's id, and what was asked of whom."""
    provider_id = await suite.add_simulator("broken", "status-503")
    await suite.settled()
    with capture_logs() as logs:
        answer = await chat(suite, "broken")
    assert answer.status_code == 502
    told = {name: answer.headers[f"x-conduit-{name}"] for name in REPORT}
    assert told["request-id"] == answer.headers["x-request-id"]
    assert (told["provider-id"], told["model"]) == (str(provider_id), "status-503")
    assert told["attempts"] == "2"
    [line] = of_event(logs, "http_request")
    assert line.keys() >= MEMBERS
    assert (line["code"], line["attempts"]) == ("PROVIDER_ERROR", 2)
    assert line["request_id"] == told["request-id"]


async def test_a_call_that_is_not_admitted_has_its_caller_and_model_in_its_line(
    suite: Suite,
) -> None:
    """Whoever looks for one caller's calls at night finds those, too."""
    with capture_logs() as logs:
        answer = await chat(suite, "no-such-model")
        await written(logs, "http_request", 1)
    assert answer.status_code == 404
    [line] = of_event(logs, "http_request")
    assert (line["model"], line["operation"], line["attempts"]) == ("no-such-model", "chat", 0)
    assert line["virtual_key_id"] > 0


async def test_calls_over_grpc_have_their_lines_and_tell_in_errors(suite: Suite) -> None:
    """With the same members; the id in the error is that of the line."""
    await suite.add_simulator("typed", "echo")
    await suite.add_simulator("typed-broken", "status-503")
    await suite.settled()
    channel = connect(f"127.0.0.1:{suite.router.port}")
    stub = RouterServiceStub(channel)
    metadata = (("authorization", f"Bearer {suite.virtual_key}"),)
    with capture_logs() as logs:
        request = ChatRequest()
        request.chat.model = "typed"
        request.chat.messages.append(user("hi"))
        await stub.Chat(request, metadata=metadata)
        streamed = StreamChatRequest(chat=request.chat)
        async for _ in stub.StreamChat(streamed, metadata=metadata):
            pass
        request.chat.model = "typed-broken"
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.Chat(request, metadata=metadata)
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.Chat(request)
        await written(logs, "grpc_request", 4)
    await channel.close()
    whole, stream, broken, unknown = of_event(logs, "grpc_request")
    assert whole.keys() >= MEMBERS
    assert MEMBERS | {"first_token_ms"} <= stream.keys()
    assert (whole["method"], whole["grpc_status"]) == ("/conduit.v1.RouterService/Chat", "OK")
    error = error_of(refused.value, "router")
    assert error.metadata["request_id"] == broken["request_id"]
    assert (error.metadata["attempts"], error.metadata["actual_model_name"]) == ("2", "status-503")
    assert (broken["grpc_status"], broken["code"]) == ("UNAVAILABLE", "PROVIDER_ERROR")
    assert broken.keys() >= MEMBERS
    assert (unknown["grpc_status"], unknown["code"]) == ("UNAUTHENTICATED", "VIRTUAL_KEY_MISSING")


async def test_the_control_plane_has_lines_too(suite: Suite) -> None:
    """Of those who call; our own services, who do so each second, only for who asks for more."""
    registry = connect(suite.settings.target("registry"))
    with capture_logs() as logs:
        with pytest.raises(grpc.aio.AioRpcError):
            await RegistryServiceStub(registry).GetProvider(
                GetProviderRequest(id=999), metadata=(("x-master-key", "test-master-key"),)
            )
        await written(logs, "grpc_request", 1)
    await registry.close()
    [line] = of_event(logs, "grpc_request")
    assert (line["grpc_status"], line["code"]) == ("NOT_FOUND", "PROVIDER_NOT_FOUND")


async def test_metrics_tell_who_serves_what_how_well_how_soon_and_for_how_much(
    suite: Suite,
) -> None:
    """By provider, model and key; what makes labels is the configuration, no caller's words."""
    await suite.add_simulator("counted", "echo")
    await suite.settled()
    await chat(suite, "counted", stream=True)
    await chat(suite, "no-such-alias")
    async with suite.caller() as http:
        text = (await http.get("/metrics")).text
    assert "no-such-alias" not in text
    samples = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }

    def value(name: str, **labels: str) -> float | None:
        return samples.get((f"conduit_{name}", frozenset(labels.items())))

    place = {
        "provider": "counted echo",
        "provider_type": "Simulator",
        "model": "echo",
        "operation": "chat",
    }
    key = next(
        dict(labels)["key"]
        for name, labels in samples
        if name == "conduit_attempts_total" and ("provider", "counted echo") in labels
    )
    assert value("calls_total", alias="counted", operation="chat", outcome="OK") == 1
    assert value("attempts_total", **place, key=key, outcome="OK") == 1
    assert value("usage_total", **place, key=key, unit="input_tokens") == 3
    assert value("unpriced_charges_total", **place, key=key) == 1
    assert value("first_token_seconds_count", **place) == 1
    assert value("attempt_seconds_count", **place) == 1
    names = {name for name, _ in samples}
    assert {"conduit_spool_bytes", "conduit_build_info", "conduit_charges_lost_total"} <= names
    assert "conduit_process_cpu_seconds_total" in names

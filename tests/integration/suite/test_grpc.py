"""The suite over gRPC: chats, health on every port, errors with reasons."""

from typing import Any, cast

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from tests.support.suite import MASTER_KEY, Suite

from conduit.v1 import completion_requests_pb2 as completions_pb
from conduit.v1 import message_requests_pb2 as messages_pb
from conduit.v1 import response_requests_pb2 as responses_pb
from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.chat_message_pb2 import CHAT_ROLE_USER, ChatMessage, ContentPart
from conduit.v1.chat_pb2 import ChatCompletionRequest
from conduit.v1.completion_pb2 import CompletionCreation
from conduit.v1.message_pb2 import MessageCreation
from conduit.v1.provider_requests_pb2 import GetProviderRequest
from conduit.v1.registry_service_pb2_grpc import RegistryServiceStub
from conduit.v1.response_pb2 import ResponseCreation
from conduit.v1.router_service_pb2_grpc import RouterServiceStub
from conduit.v1.token_count_pb2 import CountTokensRequest, TokenCounting
from conduit_kernel.rpc import error_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVICES = [
    ("registry", "conduit.v1.RegistryService"),
    ("registry", "conduit.internal.v1.SnapshotService"),
    ("router", "conduit.v1.RouterService"),
    ("health", "conduit.v1.HealthService"),
    ("health", "conduit.internal.v1.OutcomeService"),
    ("billing", "conduit.v1.BillingService"),
    ("billing", "conduit.internal.v1.LedgerService"),
    ("storage", "conduit.internal.v1.TaskStorageService"),
]


def chat(model: str) -> ChatCompletionRequest:
    """Return a conversation of one turn."""
    return ChatCompletionRequest(
        model=model,
        messages=[ChatMessage(role=CHAT_ROLE_USER, content=[ContentPart(text="hello there")])],
    )


async def test_a_chat_whole_and_streamed(suite: Suite) -> None:
    """From stubs alone, with a virtual key in the metadata."""
    await suite.add_simulator("grpc", "echo")
    await suite.settled()
    metadata = (("authorization", f"Bearer {suite.virtual_key}"),)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{suite.ports()['router']}") as channel:
        stub = RouterServiceStub(channel)
        whole = await stub.Chat(pb.ChatRequest(chat=chat("grpc")), metadata=metadata)
        stream = stub.StreamChat(pb.StreamChatRequest(chat=chat("grpc")), metadata=metadata)
        pieces = [piece async for piece in stream]
    assert whole.completion.choices[0].message.content[0].text == "hello there"
    said = "".join(c.choices[0].delta.content for p in pieces for c in p.chunks if c.choices)
    assert said == "hello there"
    assert pieces[-1].HasField("finished")
    assert whole.report.request_id.startswith("req_")


async def test_a_message_whole_and_streamed(suite: Suite) -> None:
    """Typed, in Anthropic's words, and as its JSON; answered in the form of the request."""
    await suite.add_simulator("claude", "echo")
    await suite.settled()
    metadata = (("authorization", f"Bearer {suite.virtual_key}"),)
    asked = MessageCreation(model="claude", max_tokens=9)
    asked.messages.add(role="user").content.add(text="hello there")
    json = b'{"model":"claude","messages":[{"role":"user","content":"hello there"}]}'
    async with grpc.aio.insecure_channel(f"127.0.0.1:{suite.ports()['router']}") as channel:
        stub = RouterServiceStub(channel)
        typed = messages_pb.CreateMessageRequest(message=asked)
        whole = await stub.CreateMessage(typed, metadata=metadata)
        plain = messages_pb.CreateMessageRequest(json=json)
        text = await stub.CreateMessage(plain, metadata=metadata)
        begun = messages_pb.StreamCreateMessageRequest(message=asked)
        pieces = [piece async for piece in stub.StreamCreateMessage(begun, metadata=metadata)]
        counted = await stub.CountMessageTokens(
            messages_pb.CountMessageTokensRequest(message=asked), metadata=metadata
        )
    assert whole.message.content[0].text == "hello there"
    assert whole.message.stop_reason == "end_turn"
    assert b'"text":"hello there"' in text.json
    events = [event for piece in pieces for event in piece.pieces]
    assert [events[0].type, events[-1].type] == ["message_start", "message_stop"]
    assert "".join(event.delta.text for event in events) == "hello there"
    assert pieces[-1].finished.usage.input_tokens > 0
    assert pieces[-1].finished.report.request_id.startswith("req_")
    assert counted.count.is_estimate


JSON_RESPONSE = b'{"model":"responds","input":"hello there"}'


async def test_a_response_whole_and_streamed(suite: Suite) -> None:
    """Typed, in the words of OpenAI's Responses, and as their JSON; answered in the same form."""
    await suite.add_simulator("responds", "echo")
    await suite.settled()
    metadata = (("authorization", f"Bearer {suite.virtual_key}"),)
    asked = ResponseCreation(model="responds")
    asked.input.add(text="hello there")
    async with grpc.aio.insecure_channel(f"127.0.0.1:{suite.ports()['router']}") as channel:
        stub = RouterServiceStub(channel)
        typed = responses_pb.CreateResponseRequest(response=asked)
        whole = await stub.CreateResponse(typed, metadata=metadata)
        plain = responses_pb.CreateResponseRequest(json=JSON_RESPONSE)
        text = await stub.CreateResponse(plain, metadata=metadata)
        begun = responses_pb.StreamCreateResponseRequest(response=asked)
        pieces = [piece async for piece in stub.StreamCreateResponse(begun, metadata=metadata)]
    assert whole.response.output[0].content[0].text == "hello there"
    assert whole.response.status == "completed"
    assert b'"text":"hello there"' in text.json
    events = [event for piece in pieces for event in piece.pieces]
    assert [events[0].type, events[-1].type] == ["response.created", "response.completed"]
    assert "".join(event.delta for event in events) == "hello there"
    assert pieces[-1].finished.usage.total_tokens > 0
    assert pieces[-1].finished.report.request_id.startswith("req_")


async def test_a_count_of_tokens(suite: Suite) -> None:
    """Typed, of a text; an estimate says that it is one."""
    await suite.add_simulator("counts", "echo")
    await suite.settled()
    metadata = (("authorization", f"Bearer {suite.virtual_key}"),)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{suite.ports()['router']}") as channel:
        counting = TokenCounting(model="counts", prompt="x" * 40)
        request = CountTokensRequest(counting=counting)
        found = await RouterServiceStub(channel).CountTokens(request, metadata=metadata)
    assert (found.count.count, found.count.is_estimate) == (10, True)
    assert found.report.request_id.startswith("req_")


JSON_COMPLETION = b'{"model":"completes","prompt":"hello there"}'


async def test_a_completion_whole_and_streamed(suite: Suite) -> None:
    """Typed, in the words of OpenAI's older completions, and as their JSON."""
    await suite.add_simulator("completes", "echo")
    await suite.settled()
    metadata = (("authorization", f"Bearer {suite.virtual_key}"),)
    asked = CompletionCreation(model="completes")
    asked.prompt.add(text="hello there")
    async with grpc.aio.insecure_channel(f"127.0.0.1:{suite.ports()['router']}") as channel:
        stub = RouterServiceStub(channel)
        typed = completions_pb.CreateCompletionRequest(completion=asked)
        whole = await stub.CreateCompletion(typed, metadata=metadata)
        plain = completions_pb.CreateCompletionRequest(json=JSON_COMPLETION)
        text = await stub.CreateCompletion(plain, metadata=metadata)
        begun = completions_pb.StreamCreateCompletionRequest(completion=asked)
        pieces = [piece async for piece in stub.StreamCreateCompletion(begun, metadata=metadata)]
    assert whole.completion.choices[0].text == "hello there"
    assert whole.completion.choices[0].finish_reason == "stop"
    assert b'"text":"hello there"' in text.json
    found = [each for piece in pieces for each in piece.pieces]
    assert "".join(choice.text for each in found for choice in each.choices) == "hello there"
    assert pieces[-1].finished.usage.total_tokens > 0
    assert pieces[-1].finished.report.request_id.startswith("req_")


@pytest.mark.parametrize(("process", "service"), SERVICES)
async def test_health_and_reflection_on_every_port(
    suite: Suite, process: str, service: str
) -> None:
    """SERVING for the server and for the service by name; reflection lists the service."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{suite.ports()[process]}") as channel:
        probe: Any = health_pb2_grpc.HealthStub(channel)
        for name in ("", service):
            answer = await probe.Check(health_pb2.HealthCheckRequest(service=name))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        reflect: Any = reflection_pb2_grpc.ServerReflectionStub(cast("Any", channel))
        asked = [reflection_pb2.ServerReflectionRequest(list_services="")]
        async for answer in reflect.ServerReflectionInfo(iter(asked)):
            listed = {s.name for s in answer.list_services_response.service}
            break
        assert service in listed


async def test_an_ordinary_probe_can_watch_a_provider(suite: Suite) -> None:
    """`provider/<name>` on the Health server."""
    number = await suite.add_simulator("probed", "echo", name="Probed")
    await suite.call("POST", f"/api/providers/{number}/health/check")
    async with grpc.aio.insecure_channel(f"127.0.0.1:{suite.ports()['health']}") as channel:
        probe: Any = health_pb2_grpc.HealthStub(channel)
        answer = await probe.Check(health_pb2.HealthCheckRequest(service="provider/Probed"))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_errors_carry_their_reason(suite: Suite) -> None:
    """NOT_FOUND with an ErrorInfo, and the master key asked for first."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{suite.ports()['registry']}") as channel:
        stub = RegistryServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as missing:
            await stub.GetProvider(
                GetProviderRequest(id=999), metadata=(("x-master-key", MASTER_KEY),)
            )
        assert missing.value.code() is grpc.StatusCode.NOT_FOUND
        assert error_of(missing.value, "registry").reason == "PROVIDER_NOT_FOUND"
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await stub.GetProvider(GetProviderRequest(id=999))
        assert unknown.value.code() is grpc.StatusCode.UNAUTHENTICATED
        assert error_of(unknown.value, "registry").reason == "MASTER_KEY_MISSING"


async def test_an_error_of_a_call_names_the_request(suite: Suite) -> None:
    """By the id that the caller sent, or by one of the Router's, also where nothing was tried."""
    metadata = (("authorization", f"Bearer {suite.virtual_key}"),)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{suite.ports()['router']}") as channel:
        # Any: of two RPCs.
        stub: Any = RouterServiceStub(channel)
        for given in ((), (("x-request-id", "req_mine"),)):
            sent = (*metadata, *given)
            whole = stub.Chat(pb.ChatRequest(chat=chat("nowhere")), metadata=sent)
            stream = stub.StreamChat(pb.StreamChatRequest(chat=chat("nowhere")), metadata=sent)
            for answer in (whole, stream.read()):
                with pytest.raises(grpc.aio.AioRpcError) as missing:
                    await answer
                error = error_of(missing.value, "router")
                assert error.reason == "MODEL_NOT_FOUND"
                name = error.metadata["request_id"]
                assert name == "req_mine" if given else name.startswith("req_")

"""Decompression bombs: little that unfolds to more than there is memory."""

import gzip
import resource
import zlib

import grpc
import pytest
from tests.attacks.raw_http import answering
from tests.support.suite import MASTER_KEY, Suite

from conduit.v1.health_service_pb2_grpc import HealthServiceStub
from conduit.v1.webhook_pb2 import WebhookSpec
from conduit.v1.webhook_requests_pb2 import CreateWebhookRequest

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIB = 1024 * 1024
UNFOLDED = 2048 * MIB
# What the gateway may take before it refuses: the largest answer that it takes, some times.
MOST_GROWTH = 384 * MIB


def bomb() -> bytes:
    """Return gzip that unfolds to UNFOLDED bytes, of blocks that stand for themselves."""
    packer = zlib.compressobj(9, wbits=31)
    first = packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    return first + block * (UNFOLDED // MIB - 1)


def peak() -> int:
    """Return the most memory that this process ever had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def test_no_answer_of_a_provider_fills_the_memory(gateway: Suite) -> None:
    """Neither a chat nor a list of models, in either plane, whether packed once or twice."""
    packed = bomb()
    before = peak()
    for coding, body in ((b"gzip", packed), (b"gzip, gzip", gzip.compress(packed))):
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: %b\r\n"
        answer = head % coding + b"content-length: %d\r\n\r\n" % len(body) + body

        def answered(_head: bytes, answer: bytes = answer) -> bytes:
            return answer

        name = f"bomb-{len(body)}"
        async with answering(answered) as url:
            spec = {"name": name, "providerType": "OpenAI", "baseUrl": url}
            number = (await gateway.call("POST", "/api/providers", spec))["id"]
            path = f"/api/providers/{number}"
            await gateway.call("POST", f"{path}/keys", {"apiKey": "sk-any-0001"})
            mapping = {"modelAlias": name, "providerId": number, "actualModelName": "m"}
            await gateway.call("POST", "/api/model-provider-mappings", mapping)
            chat = {"model": name, "messages": [{"role": "user", "content": "hello"}]}
            async with gateway.caller() as caller, gateway.admin() as admin:
                said = await caller.post("/v1/chat/completions", json=chat)
                tested = await admin.post(f"{path}/test")
                found = await admin.post(f"{path}/discover")
                checked = await admin.post(f"{path}/health/check")
        assert said.status_code >= 500, said.text
        assert tested.json().get("category") != "Ok"
        assert found.status_code >= 400
        assert checked.json().get("status") != "Healthy"
    assert peak() - before < MOST_GROWTH


async def test_no_message_of_grpc_fills_the_memory(gateway: Suite) -> None:
    """It is refused as larger than messages may be, as it would be without packing."""
    spec = WebhookSpec(url="https://x.example/" + "x" * (32 * MIB))
    async with grpc.aio.insecure_channel(
        f"127.0.0.1:{gateway.ports()['health']}",
        compression=grpc.Compression.Gzip,
        options=[("grpc.max_send_message_length", -1)],
    ) as channel:
        stub = HealthServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.CreateWebhook(
                CreateWebhookRequest(webhook=spec), metadata=(("x-master-key", MASTER_KEY),)
            )
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_no_body_of_a_caller_is_unfolded(gateway: Suite) -> None:
    """A request with a content coding is refused before its body is read."""
    async with gateway.caller() as caller:
        answer = await caller.post(
            "/v1/chat/completions",
            content=gzip.compress(bytes(MIB)),
            headers={"content-encoding": "gzip", "content-type": "application/json"},
        )
    assert 400 <= answer.status_code < 500

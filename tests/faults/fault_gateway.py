"""A gateway in front of misbehaving providers, over HTTP and gRPC, and what each call came to."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import httpx
import orjson
from google.protobuf.duration_pb2 import Duration
from tests.faults.fault_catalogue import CUTTING, ENDLESS, FAULTS, POLICIES, SILENT, Fault
from tests.faults.misbehaving_upstream import MisbehavingUpstream, Seen, misbehaving
from tests.integration.router.conftest import NOWHERE
from tests.support.snapshots import (
    ENCRYPTION_KEY,
    VIRTUAL_KEY,
    key,
    mapping,
    provider,
    save_snapshot,
    snapshot,
)
from tests.support.waiting import eventually

from conduit.internal.v1.snapshot_pb2 import Snapshot
from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.call_pb2 import CallOptions
from conduit.v1.charge_pb2 import Charge
from conduit.v1.chat_message_pb2 import CHAT_ROLE_USER, ChatMessage, ContentPart
from conduit.v1.chat_pb2 import ChatCompletionRequest
from conduit.v1.embedding_pb2 import EmbeddingInput, EmbeddingRequest
from conduit.v1.fallback_chain_pb2 import FallbackChain, FallbackProvider
from conduit.v1.routing_policy_pb2 import StreamFailover
from conduit.v1.timeouts_pb2 import Timeouts
from conduit_bridge import bootstrap as bridge
from conduit_kernel.rpc import error_of
from conduit_kernel.settings import Settings
from conduit_providers.catalog import load_catalog
from conduit_router import bootstrap as router
from conduit_router.accounting.segment import CHARGE, read_segment

if TYPE_CHECKING:
    # The generated code has one class; its types have two.
    from conduit.v1.router_service_pb2_grpc import RouterServiceAsyncStub as RouterStub
else:
    from conduit.v1.router_service_pb2_grpc import RouterServiceStub as RouterStub

# The reasons whose codes over HTTP are others than their names.
REASONS = {
    "rate_limit_exceeded": "PROVIDER_RATE_LIMITED",
    "context_length_exceeded": "CONTEXT_TOO_LONG",
    "content_policy_violation": "CONTENT_POLICY",
}
# How long the first instance may keep a caller waiting for its first byte.
STEP_SECONDS = 0.4
# The same where a caller is to leave before.
SILENT_SECONDS = 10.0
CALLERS = ("http", "grpc")
# Operation and policy; unary calls have none.
CALLS: Sequence[tuple[str, str | None]] = (
    ("chat", None),
    ("embed", None),
    *[("chat", policy) for policy in POLICIES],
)


@dataclass
class Came:
    """What a call came to."""

    request_id: str
    # Of the error; empty where the answer is whole.
    reason: str = ""
    text: str = ""
    is_whole: bool = False
    seconds: float = 0.0


@dataclass(frozen=True)
class Case:
    """A fault, met by a call."""

    fault: Fault
    operation: str
    policy: str | None
    caller: str

    @property
    def alias(self) -> str:
        """The alias, which is a part of addresses too."""
        return f"{self.fault.slug}_{self.operation}_{self.policy or 'unary'}_{self.caller}"


def cases_of(fault: Fault) -> list[Case]:
    """Return all the calls that meet a fault."""
    return [
        Case(fault, operation, policy, caller)
        for operation, policy in CALLS
        for caller in CALLERS
        if policy is not None or not fault.is_stream_only
    ]


CASES = [case for fault in (*FAULTS, CUTTING, ENDLESS, SILENT) for case in cases_of(fault)]


@dataclass
class FaultGateway:
    """A router with its bridge, whose providers misbehave as the catalogue says."""

    upstream: MisbehavingUpstream
    process: router.RouterProcess
    client: httpx.AsyncClient
    stub: RouterStub
    folder: Path
    _ids: count = field(default_factory=lambda: count(1))  # type: ignore[type-arg] # of numbers

    def seen(self, case: Case) -> tuple[list[Seen], list[Seen]]:
        """Return the requests that the two instances of a case met."""
        places = (f"{case.alias}/first", f"{case.alias}/second")
        first, second = (self.upstream.seen[place] for place in places)
        return first, second

    def charges(self, request_id: str) -> list[Charge]:
        """Return what was charged for a call."""
        found = [
            Charge.FromString(message)
            for path in sorted(self.folder.rglob("*.spool"))
            for kind, message in read_segment(path).records
            if kind == CHARGE
        ]
        return [charge for charge in found if charge.request_id == request_id]

    async def is_idle(self) -> None:
        """Wait until no provider works for anybody."""

        async def is_so() -> bool:
            return self.upstream.busy == 0

        await eventually(is_so)

    async def call(self, case: Case, seconds: float = 0) -> Came:
        """Make the call of a case."""
        came = Came(f"req_fault_{next(self._ids)}")
        began = time.monotonic()
        make = self._over_http if case.caller == "http" else self._over_grpc
        await make(case, came, seconds)
        came.seconds = time.monotonic() - began
        return came

    async def _over_http(self, case: Case, came: Came, seconds: float) -> None:
        headers = {"x-request-id": came.request_id}
        if case.policy is not None:
            headers["x-conduit-stream-failover"] = case.policy
        if seconds:
            headers["x-conduit-timeout"] = f"{seconds}s"
        path = "/v1/embeddings" if case.operation == "embed" else "/v1/chat/completions"
        body = json_of(case)
        async with self.client.stream("POST", path, json=body, headers=headers) as answer:
            content = await answer.aread()
        if case.policy is None or not answer.is_success:
            read_whole(came, orjson.loads(content))
        else:
            read_events(came, content)

    async def _over_grpc(self, case: Case, came: Came, seconds: float) -> None:
        metadata = (
            ("authorization", f"Bearer {VIRTUAL_KEY}"),
            ("x-request-id", came.request_id),
        )
        options = CallOptions()
        if case.policy is not None:
            options.stream_failover = StreamFailover.Value(f"STREAM_FAILOVER_{case.policy.upper()}")
        if seconds:
            options.timeout.CopyFrom(Duration(nanos=int(seconds * 1e9)))
        try:
            if case.operation == "embed":
                inputs = [EmbeddingInput(text="hi")]
                asked = EmbeddingRequest(model=case.alias, input=inputs)
                request = pb.EmbedRequest(embedding=asked, options=options)
                embedded = await self.stub.Embed(request, metadata=metadata)
                came.text = str(len(embedded.embeddings.data))
                came.is_whole = True
            elif case.policy is None:
                answered = await self.stub.Chat(
                    pb.ChatRequest(chat=typed(case.alias), options=options), metadata=metadata
                )
                came.text = answered.completion.choices[0].message.content[0].text
                came.is_whole = True
            else:
                stream = pb.StreamChatRequest(chat=typed(case.alias), options=options)
                async for message in self.stub.StreamChat(stream, metadata=metadata):
                    for chunk in message.chunks:
                        came.text += "".join(c.delta.content for c in chunk.choices)
                    came.is_whole = message.HasField("finished")
        except grpc.aio.AioRpcError as error:
            came.reason = error_of(error, "router").reason


def json_of(case: Case) -> dict[str, Any]:
    """Return the body of a case's request over HTTP."""
    if case.operation == "embed":
        return {"model": case.alias, "input": "hi"}
    messages = [{"role": "user", "content": "hi"}]
    return {"model": case.alias, "messages": messages, "stream": case.policy is not None}


def typed(alias: str) -> ChatCompletionRequest:
    """Return the same conversation, typed."""
    turn = ChatMessage(role=CHAT_ROLE_USER, content=[ContentPart(text="hi")])
    return ChatCompletionRequest(model=alias, messages=[turn])


def reason_of(error: dict[str, Any]) -> str:
    """Return the reason that an error's code stands for."""
    code = str(error["code"])
    return REASONS.get(code, code.upper())


def read_whole(came: Came, answer: dict[str, Any]) -> None:
    """Note a whole answer, or an error."""
    if "error" in answer:
        came.reason = reason_of(answer["error"])
        return
    came.is_whole = True
    first = (answer.get("choices") or answer["data"])[0]
    came.text = first["message"]["content"] if "message" in first else str(len(answer["data"]))


def read_events(came: Came, content: bytes) -> None:
    """Note what a stream of events says."""
    for line in content.splitlines():
        if line == b"data: [DONE]":
            came.is_whole = True
        elif line.startswith(b"data: "):
            chunk = orjson.loads(line[6:])
            if "error" in chunk:
                came.reason = reason_of(chunk["error"])
            for choice in chunk.get("choices", ()):
                came.text += choice["delta"].get("content") or ""


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(int(seconds * 1e9))
    return duration


def configuration(upstream: MisbehavingUpstream) -> Snapshot:
    """Return two instances for each case, under an alias of its own."""
    providers, mappings, chains = [], [], []
    for number, case in enumerate(CASES):
        first, second = 2 * number + 1, 2 * number + 2
        fault = case.fault
        url = upstream.play(f"{case.alias}/first", fault.acts)
        if fault.base_url == "https":
            url = url.replace("http:", "https:")
        elif fault.base_url == "untrusted":
            url = url.replace(upstream.url, upstream.untrusted_url)
        elif fault.base_url:
            url = fault.base_url
        is_waited_for = fault is SILENT or fault is ENDLESS
        limit = _duration(SILENT_SECONDS if is_waited_for else STEP_SECONDS)
        steps = [FallbackProvider(provider_id=first, priority=1, timeout=limit)]
        providers.append(provider(first, url))
        if fault.second:
            url = upstream.play(f"{case.alias}/second", fault.second)
            providers.append(provider(second, url, provider_type=fault.second_type))
            steps.append(FallbackProvider(provider_id=second, priority=2))
        mappings += [
            mapping(
                step.provider_id,
                step.provider_id,
                model_alias=case.alias,
                actual_model_name=f"model-{step.provider_id}",
                timeouts=Timeouts(idle=_duration(fault.idle)) if fault.idle else None,
            )
            for step in steps
        ]
        chains.append(
            FallbackChain(id=first, model_alias=case.alias, is_enabled=True, providers=steps)
        )
    keys = [key(each.id, each.id) for each in providers]
    return snapshot(providers, keys=keys, mappings=mappings, chains=chains)


@asynccontextmanager
async def faulty_gateway(folder: Path) -> AsyncIterator[FaultGateway]:
    """Run the gateway and its providers."""
    async with misbehaving(folder) as upstream:
        save_snapshot(folder / "router" / "snapshot.binpb", configuration(upstream))
        settings = Settings(
            data_dir=folder,
            master_key="master",
            encryption_key=ENCRYPTION_KEY,
            http_port=0,
            grpc_port=0,
            allow_private_addresses=True,
            targets=dict.fromkeys(("registry", "health", "billing"), NOWHERE),
        )
        process = await router.start(settings, load_catalog(), port=0)
        edge = await bridge.start(settings, router=process.stub, background=process.background)
        url = f"http://127.0.0.1:{edge.port}"
        headers = {"authorization": f"Bearer {VIRTUAL_KEY}"}
        client = httpx.AsyncClient(base_url=url, headers=headers, timeout=30)
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{process.port}")
        try:
            async with client, channel:
                stub = RouterStub(channel)
                yield FaultGateway(upstream, process, client, stub, folder)
        finally:
            for each in (edge, process):
                await each.drain(0.1)

"""What a collector of OpenTelemetry hears of calls: their spans' names, parents and attributes."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator

import grpc
import httpx
import orjson
import pytest
import pytest_asyncio
from tests.support.otlp_collector import HeardSpan, OtlpCollector, collecting, values_of
from tests.support.suite import MASTER_KEY, Suite, running_suite
from tests.support.waiting import eventually
from websockets.asyncio.client import connect

from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.router_service_pb2_grpc import RouterServiceStub
from conduit_kernel.telemetry.setup import exporting, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = {"messages": [{"role": "user", "content": "one two three"}]}
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
UNSAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-00"}
ANSWER = orjson.dumps(
    {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "hi"},
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 9,
            "completion_tokens": 4,
            "total_tokens": 13,
            "prompt_tokens_details": {"cached_tokens": 5},
            "completion_tokens_details": {"reasoning_tokens": 3},
        },
    }
)


@pytest.fixture(scope="module")
def collector() -> Iterator[OtlpCollector]:
    """Export what this process traces and measures to a collector."""
    with collecting() as found, pytest.MonkeyPatch.context() as patch:
        env = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": found.url,
            "OTEL_SERVICE_NAME": "gateway",
            "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
            "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai/dup",
        }
        for name, value in env.items():
            patch.setenv(name, value)
        with exporting(env, "worker"):
            yield found


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def suite(
    tmp_path_factory: pytest.TempPathFactory,
    collector: OtlpCollector,  # noqa: ARG001 # exports before anything starts
) -> AsyncIterator[Suite]:
    """Run the whole suite, traced."""
    async with running_suite(tmp_path_factory.mktemp("suite")) as found:
        await found.add_simulator("echoed", "echo")
        await found.settled()
        yield found


class Upstream:
    """A provider that answers as OpenAI does, but first refuses so often; keeps the heads.

    Its name for a request is in each answer, and in each refusal's text, too.
    """

    def __init__(self, refusals: int = 0, request_id: bytes = b"up_1") -> None:
        self.heads: list[bytes] = []
        self.refusals = refusals
        self.request_id = request_id

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer on a connection."""
        with contextlib.suppress(asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.heads.append(head.lower())
                found = re.search(rb"content-length: (\d+)", head.lower())
                await reader.readexactly(int(found[1]) if found else 0)
                status, body = b"200 OK", ANSWER
                if len(self.heads) <= self.refusals:
                    status, body = b"503 Busy", b'{"error":{"message":"%b"}}' % self.request_id
                head = b"HTTP/1.1 %b\r\nx-request-id: %b\r\n" % (status, self.request_id)
                head += b"content-type: application/json\r\n"
                writer.write(head + b"content-length: %d\r\n\r\n%b" % (len(body), body))
        writer.close()


@contextlib.asynccontextmanager
async def upstream(
    suite: Suite,
    alias: str,
    *,
    refusals: int = 0,
    kind: str = "OpenAICompatible",
    key: str = "any-key",
    request_id: str = "up_1",
) -> AsyncIterator[tuple[Upstream, int]]:
    """Have an alias served by a provider of its own; yield it and its port."""
    provider = Upstream(refusals, request_id.encode())
    server = await asyncio.start_server(provider, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    said = {"name": alias, "providerType": kind, "baseUrl": f"http://127.0.0.1:{port}/v1"}
    made = await suite.call("POST", "/api/providers", said)
    await suite.call("POST", f"/api/providers/{made['id']}/keys", {"apiKey": key})
    mapping = {"modelAlias": alias, "providerId": made["id"], "actualModelName": "m"}
    await suite.call("POST", "/api/model-provider-mappings", mapping)
    cost = {"providerId": made["id"], "modelPattern": "m", "inputCostPer1kTokens": 1}
    await suite.call("POST", "/api/model-costs", {**cost, "outputCostPer1kTokens": 0})
    await suite.settled()
    yield provider, port
    server.close()


async def chat(suite: Suite, alias: str, headers: dict[str, str], **more: object) -> httpx.Response:
    """Have something said, over HTTP."""
    async with httpx.AsyncClient(base_url=suite.url) as client:
        return await client.post(
            "/v1/chat/completions",
            json={"model": alias, **CHAT, **more},
            headers={"authorization": f"Bearer {suite.virtual_key}", **headers},
        )


@pytest.fixture(autouse=True)
def _fresh(collector: OtlpCollector) -> None:
    collector.spans.clear()


async def heard(collector: OtlpCollector, name: str) -> HeardSpan:
    """Return the last span of a name, once all that have ended are exported."""
    telemetry = running()
    assert telemetry is not None

    async def is_heard() -> bool:
        await asyncio.to_thread(telemetry.flush)
        return bool(collector.named(name))

    await eventually(is_heard)
    return collector.named(name)[-1]


async def test_a_chat_is_a_span_of_the_server_and_one_of_its_attempt(
    suite: Suite, collector: OtlpCollector
) -> None:
    """By the conventions' names; within the caller's own trace, and the provider's within ours."""
    async with upstream(suite, "plain") as (provider, port):
        headers = {**SAMPLED, "x-request-id": "req_1", "user-agent": "tests"}
        assert (await chat(suite, "plain", headers)).status_code == 200
        served = await heard(collector, "POST /v1/chat/completions")
        attempt = await heard(collector, "chat m")
    assert (served.kind, served.trace_id, served.parent_id) == ("SERVER", TRACE, PARENT)
    assert served.attributes == served.attributes | {
        "http.request.method": "POST",
        "http.route": "/v1/chat/completions",
        "http.response.status_code": 200,
        "url.path": "/v1/chat/completions",
        "url.scheme": "http",
        "client.address": "127.0.0.1",
        "user_agent.original": "tests",
        "conduit.request.id": "req_1",
        "conduit.model.alias": "plain",
        "conduit.attempts": 1,
        "gen_ai.usage.input_tokens": 9,
        "gen_ai.usage.output_tokens": 4,
    }
    assert (attempt.kind, attempt.trace_id) == ("CLIENT", TRACE)
    assert attempt.parent_id == served.span_id
    assert served.began <= attempt.began <= attempt.ended <= served.ended
    assert attempt.attributes == attempt.attributes | {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "OpenAICompatible",
        "gen_ai.system": "OpenAICompatible",
        "gen_ai.request.model": "m",
        "gen_ai.usage.input_tokens": 9,
        "gen_ai.usage.output_tokens": 4,
        "gen_ai.usage.cache_read.input_tokens": 5,
        "gen_ai.usage.reasoning.output_tokens": 3,
        "server.address": "127.0.0.1",
        "server.port": port,
        "conduit.attempt": 1,
        "conduit.provider.name": "plain",
        "conduit.request.id": "req_1",
        "conduit.upstream_request.id": "up_1",
        "conduit.cost_usd": 0.009,
    }
    assert not attempt.is_error
    # The provider's own spans are children of the attempt's.
    said = f"traceparent: 00-{TRACE}-{attempt.span_id}-01".encode()
    assert said in provider.heads[-1]
    assert collector.resources[-1]["service.name"] == "gateway"
    assert collector.resources[-1]["deployment.environment.name"] == "test"


async def test_each_attempt_of_a_failover_has_its_span(
    suite: Suite, collector: OtlpCollector
) -> None:
    """In the order in which they were made; the failed one says why."""
    async with upstream(suite, "shaky", refusals=1) as (_, _):
        assert (await chat(suite, "shaky", SAMPLED)).status_code == 200
        served = await heard(collector, "POST /v1/chat/completions")
    attempts = [span for span in collector.spans if span.parent_id == served.span_id]
    failed, made = sorted(attempts, key=lambda span: span.began)
    assert (failed.is_error, made.is_error, served.is_error) == (True, False, False)
    assert failed.attributes["http.response.status_code"] == 503
    assert failed.attributes["error.type"] == "PROVIDER_ERROR"
    assert [span.attributes["conduit.attempt"] for span in (failed, made)] == [1, 2]
    assert failed.ended <= made.began
    assert failed.span_id != made.span_id


async def test_a_stream_is_one_span_up_to_its_end(suite: Suite, collector: OtlpCollector) -> None:
    """With the time to its first chunk."""
    answer = await chat(suite, "echoed", SAMPLED, stream=True)
    assert answer.text.rstrip().endswith("[DONE]")
    served = await heard(collector, "POST /v1/chat/completions")
    attempt = (await heard(collector, "chat echo")).attributes
    assert attempt["gen_ai.request.stream"] is True
    first = attempt["gen_ai.response.time_to_first_chunk"]
    assert isinstance(first, float)
    assert 0 < first * 1e9 <= served.ended - served.began


async def test_a_refused_call_has_a_span_without_attempts(
    suite: Suite, collector: OtlpCollector
) -> None:
    """Whose error is the caller's, and so none of the server's."""
    assert (await chat(suite, "nobody", SAMPLED)).status_code == 404
    served = await heard(collector, "POST /v1/chat/completions")
    assert served.attributes["error.type"] == "MODEL_NOT_FOUND"
    assert not served.is_error
    assert not [span for span in collector.spans if span.parent_id == served.span_id]


async def test_what_its_caller_does_not_sample_is_not_exported(
    suite: Suite, collector: OtlpCollector
) -> None:
    """Nor is the provider told of a trace."""
    async with upstream(suite, "unseen") as (provider, _):
        assert (await chat(suite, "unseen", {**SAMPLED})).status_code == 200
        await heard(collector, "chat m")
        count = len(collector.spans)
        assert (await chat(suite, "unseen", UNSAMPLED)).status_code == 200
        await heard(collector, "chat m")
    assert len(collector.spans) == count
    assert b"traceparent" in provider.heads[0]
    assert b"traceparent" not in provider.heads[1]


async def test_requests_on_kept_connections_are_told_of_their_own_spans(
    suite: Suite, collector: OtlpCollector
) -> None:
    """Each of its attempt's, none of the one before."""
    async with upstream(suite, "kept") as (provider, _):
        for _ in range(3):
            assert (await chat(suite, "kept", SAMPLED)).status_code == 200
        await heard(collector, "chat m")
    spans = [span.span_id for span in collector.named("chat m")]
    said = [re.findall(rb"traceparent: (.*)\r\n", head) for head in provider.heads]
    assert len(set(spans)) == 3
    assert said == [[f"00-{TRACE}-{span_id}-01".encode()] for span_id in spans]


async def test_public_providers_are_not_told_of_traces(
    suite: Suite, collector: OtlpCollector
) -> None:
    """Only servers that are an operator's own."""
    async with upstream(suite, "public", kind="OpenAI") as (provider, _):
        assert (await chat(suite, "public", SAMPLED)).status_code == 200
        attempt = await heard(collector, "chat m")
    assert attempt.attributes["gen_ai.provider.name"] == "openai"
    assert b"traceparent" not in provider.heads[0]


async def test_a_call_of_grpc_is_a_span_of_the_server(
    suite: Suite, collector: OtlpCollector
) -> None:
    """By the conventions of gRPC, with the attempt within it."""
    request = pb.ChatRequest(json=orjson.dumps({"model": "echoed", **CHAT}))
    metadata = [("authorization", f"Bearer {suite.virtual_key}"), *SAMPLED.items()]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{suite.ports()['router']}") as channel:
        await RouterServiceStub(channel).Chat(request, metadata=metadata)
    served = await heard(collector, "conduit.v1.RouterService/Chat")
    assert (served.kind, served.trace_id, served.parent_id) == ("SERVER", TRACE, PARENT)
    assert served.attributes["rpc.system.name"] == "grpc"
    assert served.attributes["rpc.method"] == "conduit.v1.RouterService/Chat"
    assert served.attributes["rpc.response.status_code"] == "OK"
    attempt = await heard(collector, "chat echo")
    assert attempt.parent_id == served.span_id


async def test_a_call_goes_on_in_the_services_that_it_reaches(
    suite: Suite, collector: OtlpCollector
) -> None:
    """A change of the configuration is the bridge's span, and the Registry's within it."""
    await suite.call("GET", "/api/providers", headers=SAMPLED)
    bridge = await heard(collector, "GET /api/providers")
    registry = await heard(collector, "conduit.v1.RegistryService/ListProviders")
    assert (registry.kind, registry.trace_id) == ("SERVER", TRACE)
    assert registry.parent_id == bridge.span_id


async def test_a_voice_session_is_a_span_of_its_whole_length(
    suite: Suite, collector: OtlpCollector
) -> None:
    """And so is its one attempt."""
    url = f"{suite.url.replace('http', 'ws', 1)}/v1/realtime?model=echoed"
    headers = {"authorization": f"Bearer {suite.virtual_key}", **SAMPLED}
    async with connect(url, additional_headers=headers, proxy=None) as session:
        assert orjson.loads(await session.recv())["type"] == "session.created"
    served = await heard(collector, "GET /v1/realtime")
    attempt = await heard(collector, "converse echo")
    assert (served.trace_id, attempt.trace_id) == (TRACE, TRACE)
    assert attempt.parent_id == served.span_id


async def test_metrics_have_the_names_of_the_conventions(
    suite: Suite, collector: OtlpCollector
) -> None:
    """With the operation, the provider and the model; the old names beside them, as asked for."""
    async with upstream(suite, "measured") as (_, _):
        assert (await chat(suite, "measured", {})).status_code == 200
        assert (await chat(suite, "echoed", {}, stream=True)).status_code == 200
        await heard(collector, "chat m")
        await heard(collector, "chat echo")
    metrics = {metric.name: metric for metric in collector.metrics}
    assert set(metrics) >= {
        "gen_ai.client.inference.duration",
        "gen_ai.client.inference.time_to_first_chunk",
        "gen_ai.client.inference.usage.input_tokens",
        "gen_ai.client.inference.usage.output_tokens",
        "gen_ai.client.inference.usage.cache_read.input_tokens",
        "gen_ai.client.inference.usage.reasoning.output_tokens",
        "gen_ai.client.operation.duration",
        "gen_ai.client.token.usage",
    }
    spent = metrics["gen_ai.client.inference.usage.input_tokens"]
    said = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "OpenAICompatible",
        "gen_ai.request.model": "m",
        "gen_ai.token.modality": "unknown",
    }
    points = [p for p in spent.sum.data_points if values_of(p.attributes) == said]
    assert (spent.unit, points[0].as_int % 9, points[0].as_int > 0) == ("{token}", 0, True)
    taken = metrics["gen_ai.client.inference.duration"]
    assert taken.unit == "s"
    bounds = list(taken.histogram.data_points[0].explicit_bounds)
    assert (bounds[0], bounds[-1]) == (0.01, 81.92)


async def test_nothing_that_is_exported_has_a_secret(
    suite: Suite, collector: OtlpCollector
) -> None:
    """Nor a prompt, though the provider repeats its key, and callers show theirs in queries."""
    key, guess, prompt = "can/ary+key.with=signs/7b1e", "canary-guess-0b7a", "canary-prompt-71c3"
    turns = [{"role": "user", "content": prompt}]
    async with upstream(suite, "repeats", refusals=1, key=key, request_id=key) as (provider, _):
        # Failed and made again, then made at once.
        for _ in range(2):
            assert (await chat(suite, "repeats", SAMPLED, messages=turns)).is_success
    assert len(provider.heads) == 3
    google = {"contents": [{"role": "user", "parts": [{"text": prompt}]}]}
    async with httpx.AsyncClient(base_url=suite.url, headers=SAMPLED) as client:
        for shown in (suite.virtual_key, guess):
            path = "/v1beta/models/echoed:generateContent"
            await client.post(path, params={"key": shown}, json=google)
        for shown in (guess, MASTER_KEY):
            await client.get("/api/providers", headers={"x-master-key": shown})
    await heard(collector, "GET /api/providers")
    assert len(collector.named("chat m")) == 3
    assert len(collector.named("POST /v1beta/models/{model=**}:generateContent")) == 2
    exported = b"".join(collector.bodies)
    for secret in (key, guess, prompt, suite.virtual_key, MASTER_KEY):
        assert secret.encode() not in exported, secret

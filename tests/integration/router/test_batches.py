"""Embeddings of more texts than a provider takes at once, through a router."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from tests.integration.router.conftest import METADATA, Bench, Runner
from tests.support.snapshots import ENCRYPTION_KEY, key, mapping, provider, snapshot

from conduit.internal.v1.snapshot_pb2 import SnapshotKey
from conduit.v1 import charge_pb2
from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.charge_pb2 import Charge
from conduit_kernel.errors import (
    DeadlineExceeded,
    UnsupportedParameter,
    UpstreamRefused,
)
from conduit_kernel.http import Exchange, HttpServer
from conduit_kernel.secrets import Vault
from conduit_router.calls.batching import AT_ONCE

Json = dict[str, Any]
TITAN = "amazon.titan-embed-text-v2:0"
PAIR = b'{"accessKeyId":"AKIDEXAMPLE","secretAccessKey":"wJalrXUtnFEMI"}'
JSON = [(b"content-type", b"application/json")]


@dataclass
class Upstream:
    """Titan at Bedrock and Cohere, one server; a text's vector has its number."""

    # Statuses other than 200, by text, once each; and texts whose answers are held back.
    refusals: dict[str, int] = field(default_factory=dict[str, int])
    held: set[str] = field(default_factory=set[str])
    release: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    # The texts of each request, in the order in which they came.
    seen: list[list[str]] = field(default_factory=list[list[str]])
    under_way: int = 0
    most: int = 0
    address: str = ""

    async def __call__(self, exchange: Exchange) -> None:
        """Serve one request."""
        body = orjson.loads(exchange.body)
        texts = body.get("texts") or [body["inputText"]]
        self.seen.append(texts)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            if self.held.intersection(texts):
                self.arrived.set()
                await self.release.wait()
            # The later ones are answered first.
            await asyncio.sleep(0.002 if int(texts[0]) % 2 else 0)
        finally:
            self.under_way -= 1
        status = next((self.refusals.pop(text) for text in texts if text in self.refusals), 200)
        exchange.respond(status, JSON, orjson.dumps(self._answer(texts, status, body)))

    def _answer(self, texts: list[str], status: int, body: Json) -> Json:
        if status != 200:  # of HTTP
            return {"message": "as asked for by the test"}
        if "inputText" in body:
            return {"embedding": [float(texts[0])], "inputTextTokenCount": 2}
        vectors = [[float(text)] for text in texts]
        units = {"billed_units": {"input_tokens": 2 * len(texts)}}
        return {"id": "1", "embeddings": {"float": vectors}, "texts": texts, "meta": units}


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    """Run the server."""
    plays = Upstream()
    server = HttpServer(plays)
    await server.start("127.0.0.1", 0)
    plays.address = f"http://127.0.0.1:{server.port}"
    yield plays
    plays.release.set()
    await server.drain(0.1)


def sealed(number: int) -> SnapshotKey:
    """Return an AWS key pair of the instance with the same number."""
    entry = key(number, number)
    entry.secret.CopyFrom(Vault(ENCRYPTION_KEY).seal(PAIR.decode(), entry.credential.id))
    return entry


async def bedrock(bench: Runner, upstream: Upstream, instances: int = 1) -> Bench:
    """Run a router in front of Bedrock."""
    providers = [
        provider(n, upstream.address, provider_type="Bedrock", priority=n)
        for n in range(1, instances + 1)
    ]
    for each in providers:
        each.settings.update({"region": "us-east-1"})
    routes = [mapping(each.id, each.id, actual_model_name=TITAN) for each in providers]
    return await bench(
        snapshot(providers, keys=[sealed(each.id) for each in providers], mappings=routes)
    )


async def embed(
    run: Bench, count: int, *, is_strict: bool = False, seconds: int = 0, **members: object
) -> pb.EmbedResponse:
    """Ask for the vectors of so many texts."""
    texts = [str(number) for number in range(count)]
    request = pb.EmbedRequest(json=orjson.dumps({"model": "gpt", "input": texts, **members}))
    request.options.strict_parameters = is_strict
    if seconds:
        request.options.timeout.seconds = seconds
    response: pb.EmbedResponse = await run.stub.Embed(request, METADATA)
    return response


def tokens(charge: Charge) -> int:
    """Return how many tokens a charge is for."""
    return sum(line.quantity for line in charge.lines if line.unit == charge_pb2.UNIT_INPUT_TOKEN)


async def test_a_model_that_takes_one_text_is_asked_for_each(
    bench: Runner, upstream: Upstream
) -> None:
    """The vectors stand in the order of the texts; the usage and the one charge are the sum."""
    run = await bedrock(bench, upstream)
    response = await embed(run, 40)
    answer = orjson.loads(response.json)
    assert [each["embedding"] for each in answer["data"]] == [[float(n)] for n in range(40)]
    assert [each["index"] for each in answer["data"]] == list(range(40))
    assert answer["usage"] == {"prompt_tokens": 80, "total_tokens": 80}
    assert sorted(int(text) for [text] in upstream.seen) == list(range(40))
    assert 1 < upstream.most <= AT_ONCE
    assert response.report.attempts == 1
    [charge] = run.charges()
    assert (tokens(charge), charge.is_complete) == (80, True)


async def test_typed_and_packed_vectors_are_put_together_too(
    bench: Runner, upstream: Upstream
) -> None:
    """Base64 stays base64, and gRPC callers get one list."""
    run = await bedrock(bench, upstream)
    answer = orjson.loads((await embed(run, 3, encoding_format="base64")).json)
    assert [each["embedding"] for each in answer["data"]] == ["AAAAAA==", "AACAPw==", "AAAAQA=="]
    request = pb.EmbedRequest()
    request.embedding.model = "gpt"
    request.embedding.input.add(text="7")
    request.embedding.input.add(text="8")
    typed = (await run.stub.Embed(request, METADATA)).embeddings
    assert [each.embedding.floats.values[:] for each in typed.data] == [[7.0], [8.0]]
    assert (typed.data[1].index, typed.usage.prompt_tokens) == (1, 4)


async def test_cohere_gets_its_most_in_a_request(bench: Runner, upstream: Upstream) -> None:
    """A hundred texts are ninety-six and four; fewer go as they are."""
    instance = provider(1, upstream.address, provider_type="Cohere")
    route = mapping(1, 1, actual_model_name="embed-v4.0")
    run = await bench(snapshot([instance], mappings=[route]))
    answer = orjson.loads((await embed(run, 100)).json)
    assert sorted(len(texts) for texts in upstream.seen) == [4, 96]
    assert [each["embedding"] for each in answer["data"]] == [[float(n)] for n in range(100)]
    await embed(run, 96)
    assert len(upstream.seen[-1]) == 96  # what Cohere takes
    assert [tokens(charge) for charge in run.charges()] == [200, 192]


async def test_one_refusal_fails_the_call_and_what_it_cost_is_charged(
    bench: Runner, upstream: Upstream
) -> None:
    """The caller gets the reason; the answered parts are charged as a call without an end."""
    upstream.refusals["39"] = 400
    run = await bedrock(bench, upstream)
    with pytest.raises(UpstreamRefused, match="as asked for by the test"):
        await embed(run, 40)
    [charge] = run.charges()
    assert not charge.is_complete
    assert 0 < tokens(charge) < 80


async def test_a_refusal_calls_the_others_off(bench: Runner, upstream: Upstream) -> None:
    """Nobody waits for parts whose answers are of no use any more, and no more are asked."""
    upstream.refusals["0"] = 400
    upstream.held = {str(number) for number in range(1, 40)}
    run = await bedrock(bench, upstream)
    async with asyncio.timeout(5):
        with pytest.raises(UpstreamRefused):
            await embed(run, 40)
    assert len(upstream.seen) <= AT_ONCE
    assert run.charges() == []


async def test_a_failing_instance_is_followed_by_the_next(
    bench: Runner, upstream: Upstream
) -> None:
    """The next instance is asked for all texts, and each attempt is charged for what it used."""
    upstream.refusals["5"] = 401
    run = await bedrock(bench, upstream, instances=2)
    response = await embed(run, 12)
    assert (response.report.attempts, response.report.provider_id) == (2, 2)
    *parts, whole = run.charges()
    assert all(0 < tokens(part) < 24 and not part.is_complete for part in parts)
    assert (tokens(whole), whole.is_complete) == (24, True)


async def test_a_caller_who_leaves_ends_all_parts(bench: Runner, upstream: Upstream) -> None:
    """Nothing more is asked, and what the provider may have is charged as an estimate."""
    upstream.held = {"3"}
    run = await bedrock(bench, upstream)
    task = asyncio.create_task(embed(run, 4))
    async with asyncio.timeout(5):
        await upstream.arrived.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    [charge] = run.charges()
    assert charge.usage_source == charge_pb2.USAGE_SOURCE_ESTIMATE
    assert not charge.is_complete


async def test_the_deadline_holds_for_all_parts_together(bench: Runner, upstream: Upstream) -> None:
    """A part that never comes does not hold the call beyond its time."""
    upstream.held = {"1"}
    run = await bedrock(bench, upstream)
    async with asyncio.timeout(5):
        with pytest.raises(DeadlineExceeded):
            await embed(run, 3, seconds=1)


async def test_what_cannot_be_said_is_told_once_and_refused_before_it_costs(
    bench: Runner, upstream: Upstream
) -> None:
    """The parts' losses are the call's; a strict caller is refused before anything is sent."""
    run = await bedrock(bench, upstream)
    response = await embed(run, 3, user="ada")
    assert list(response.report.dropped) == ["user"]
    upstream.seen.clear()
    with pytest.raises(UnsupportedParameter):
        await embed(run, 3, is_strict=True, user="ada")
    assert upstream.seen == []

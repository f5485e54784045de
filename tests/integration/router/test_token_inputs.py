"""Tokens in the place of texts (`em-tokens`), through a router with real providers behind it."""

from collections.abc import AsyncIterator

import orjson
import pytest
from tests.integration.router.conftest import METADATA, Bench, Runner
from tests.support.snapshots import mapping, provider, snapshot

from conduit.v1 import router_requests_pb2 as pb
from conduit_kernel.http import Exchange, HttpServer

JSON = [(b"content-type", b"application/json")]
# As OpenAI's tokenizer writes "The food" and "was".
TOKENS = [[791, 3691], [16514]]
VECTORS = [{"object": "embedding", "index": n, "embedding": [0.5]} for n in range(2)]
ANSWERS = {
    "/embeddings": {"object": "list", "data": VECTORS, "model": "m"},
    "/v2/embed": {"id": "1", "embeddings": {"float": [[0.5], [0.5]]}},
}


class Upstream:
    """OpenAI and Cohere, one server."""

    def __init__(self) -> None:
        """Answer all requests."""
        self.address = ""
        # The paths that were asked, and what was to be embedded.
        self.seen: list[tuple[str, object]] = []
        self.status = 200

    async def __call__(self, exchange: Exchange) -> None:
        """Serve one request."""
        body, path = orjson.loads(exchange.body), exchange.path
        self.seen.append((path, body.get("input") or body["texts"]))
        status = self.status if path == "/embeddings" else 200
        exchange.respond(status, JSON, orjson.dumps(ANSWERS[path]))


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    """Run the providers."""
    made = Upstream()
    server = HttpServer(made)
    await server.start("127.0.0.1", 0)
    made.address = f"http://127.0.0.1:{server.port}"
    yield made
    await server.drain(0.1)


@pytest.fixture
async def router(bench: Runner, upstream: Upstream) -> Bench:
    """Return a router whose alias is Cohere's first, and then OpenAI's."""
    providers = [
        provider(1, upstream.address, provider_type="Cohere", priority=1),
        provider(2, upstream.address, priority=2),
    ]
    routes = [mapping(n, n, actual_model_name="m") for n in (1, 2)]
    return await bench(snapshot(providers, mappings=routes))


async def embed(router: Bench, given: object) -> pb.EmbedResponse:
    """Have something embedded."""
    request = pb.EmbedRequest(json=orjson.dumps({"model": "gpt", "input": given}))
    response: pb.EmbedResponse = await router.stub.Embed(request, METADATA)
    assert len(orjson.loads(response.json)["data"]) == len(VECTORS)
    return response


async def test_who_takes_tokens_is_asked_first(router: Bench, upstream: Upstream) -> None:
    """Texts go where the priorities say."""
    response = await embed(router, TOKENS)
    assert upstream.seen == [("/embeddings", TOKENS)]
    assert response.report.provider_id == 2
    assert not response.report.dropped
    await embed(router, ["The food", "was"])
    assert upstream.seen[1:] == [("/v2/embed", ["The food", "was"])]


async def test_who_takes_texts_alone_is_sent_them(router: Bench, upstream: Upstream) -> None:
    """Where the other one fails; the caller is told."""
    upstream.status = 500
    response = await embed(router, TOKENS)
    assert upstream.seen[-1] == ("/v2/embed", ["The food", "was"])
    assert response.report.provider_id == 1
    assert [*response.report.dropped] == ["token_input"]

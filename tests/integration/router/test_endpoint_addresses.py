"""Types whose operations live at different addresses, through a router."""

from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
from tests.integration.router.conftest import METADATA, Bench, Runner
from tests.support.snapshots import ALIAS, key, mapping, provider, snapshot

from conduit.v1 import router_requests_pb2 as pb
from conduit_kernel.http import Exchange, HttpServer
from conduit_providers.catalog import Catalog, load_catalog

JSON = [(b"content-type", b"application/json")]
COMPLETION = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}
CHUNKS = (
    b'data: {"id":"c1","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\n'
    b"data: [DONE]\n\n"
)
VECTORS = {
    "object": "list",
    "model": "m",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
    "usage": {"prompt_tokens": 1, "total_tokens": 1},
}
SPLIT = """
name = "Split"
display_name = "Split"
base_url = "{origin}/common/v1"
sources = ["https://split.example"]
checked_on = "2026-11-28"

[auth]
kind = "bearer"
description = "A key"

[endpoints.chat]
codec = "openai_chat"
path = "/chat/completions"
base_url = "{origin}/chats/v2"

[endpoints.embed]
codec = "openai_embed"
path = "/embeddings"
"""


class Upstream:
    """Answers chats and embeddings wherever they are asked for, and keeps where that was."""

    def __init__(self) -> None:
        self.origin = ""
        self.seen: list[tuple[str, bytes | None]] = []

    async def __call__(self, exchange: Exchange) -> None:
        """Serve one request."""
        self.seen.append((exchange.path, exchange.headers.get(b"authorization")))
        if exchange.path.endswith("/embeddings"):
            exchange.respond(200, JSON, orjson.dumps(VECTORS))
        elif orjson.loads(exchange.body).get("stream"):
            exchange.respond(200, [(b"content-type", b"text/event-stream")], CHUNKS)
        else:
            exchange.respond(200, JSON, orjson.dumps(COMPLETION))


@pytest.fixture
async def split() -> AsyncIterator[Upstream]:
    """Run the provider."""
    upstream = Upstream()
    server = HttpServer(upstream)
    await server.start("127.0.0.1", 0)
    upstream.origin = f"http://127.0.0.1:{server.port}"
    yield upstream
    await server.drain(0.1)


@pytest.fixture
def catalog(split: Upstream, tmp_path: Path) -> Catalog:
    """Read a catalog with the type in a folder of its own."""
    folder = tmp_path / "catalog"
    folder.mkdir()
    (folder / "split.toml").write_text(SPLIT.format(origin=split.origin))
    return load_catalog(folder)


async def run(bench: Runner, catalog: Catalog, base_url: str = "") -> Bench:
    """Run a router with one instance of the type."""
    instance = provider(1, base_url, provider_type="Split")
    source = snapshot([instance], keys=[key(1, 1)], mappings=[mapping(1, 1)])
    return await bench(source, catalog=catalog)


async def embed(router: Bench) -> None:
    """Ask for a vector."""
    body = orjson.dumps({"model": ALIAS, "input": "hi"})
    await router.stub.Embed(pb.EmbedRequest(json=body), METADATA)


async def test_each_operation_is_called_at_its_own_address(
    bench: Runner, split: Upstream, catalog: Catalog
) -> None:
    """Chats, whole and streamed, go to the endpoint's address; vectors to the type's."""
    router = await run(bench, catalog)
    await router.chat()
    await router.stream()
    await embed(router)
    proof = b"Bearer sk-1"
    assert split.seen == [
        ("/chats/v2/chat/completions", proof),
        ("/chats/v2/chat/completions", proof),
        ("/common/v1/embeddings", proof),
    ]


async def test_operators_address_is_that_of_all_operations(
    bench: Runner, split: Upstream, catalog: Catalog
) -> None:
    """An instance behind a proxy is asked there for everything."""
    router = await run(bench, catalog, f"{split.origin}/proxy")
    await router.chat()
    await embed(router)
    assert [path for path, _ in split.seen] == ["/proxy/chat/completions", "/proxy/embeddings"]

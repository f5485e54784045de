"""Providers that repeat the key that they were given, as some do in their errors."""

from collections.abc import AsyncIterator

import orjson
import pytest
from tests.integration.router.conftest import Bench, Runner
from tests.support.snapshots import ENCRYPTION_KEY, key, mapping, provider, snapshot

from conduit_kernel.errors import ConduitError
from conduit_kernel.http import Exchange, HttpServer
from conduit_kernel.secrets import Vault

# Looks like no key to anybody who does not know it.
SECRET = "hunter2/team.key"
WORDS = f"no such key: {SECRET}"
ERROR = {"error": {"message": WORDS, "type": SECRET, "code": SECRET}}
FIRST = (
    b'data: {"id":"c1","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}\n\n'
)


class Upstream:
    """Gives one answer to everybody."""

    def __init__(self) -> None:
        self.status = 200
        self.content_type = b"application/json"
        self.body = b""
        self.url = ""

    async def __call__(self, exchange: Exchange) -> None:
        """Serve one request."""
        # Longer than any call waits for it.
        fields = [(b"content-type", self.content_type), (b"retry-after", b"60")]
        exchange.respond(self.status, fields, self.body)


@pytest.fixture
async def repeating() -> AsyncIterator[Upstream]:
    """Run the provider."""
    upstream = Upstream()
    server = HttpServer(upstream)
    await server.start("127.0.0.1", 0)
    upstream.url = f"http://127.0.0.1:{server.port}/v1"
    yield upstream
    await server.drain(0.1)


async def run(bench: Runner, upstream: Upstream) -> Bench:
    """Run a router with the instance and its key."""
    entry = key(1, 1)
    entry.secret.CopyFrom(Vault(ENCRYPTION_KEY).seal(SECRET, entry.credential.id))
    source = snapshot([provider(1, upstream.url)], keys=[entry], mappings=[mapping(1, 1)])
    return await bench(source)


def assert_clean(error: ConduitError) -> None:
    """Check that the error says something, and not the key."""
    assert "[redacted]" in error.message
    assert SECRET not in f"{error} {error.message} {error.metadata} {error!r}"


@pytest.mark.parametrize("status", [400, 429, 500])
@pytest.mark.parametrize("is_json", [True, False])
@pytest.mark.parametrize("is_stream", [True, False])
async def test_refusals_do_not_repeat_the_key(
    bench: Runner, repeating: Upstream, status: int, *, is_json: bool, is_stream: bool
) -> None:
    """Neither to callers of whole answers, nor of streams, nor to Health."""
    repeating.status = status
    repeating.body = orjson.dumps(ERROR) if is_json else WORDS.encode()
    router = await run(bench, repeating)
    with pytest.raises(ConduitError) as raised:
        await (router.stream() if is_stream else router.chat())
    assert_clean(raised.value)


async def test_errors_in_a_200_do_not_repeat_the_key(bench: Runner, repeating: Upstream) -> None:
    """An answer that is an error in itself is a refusal like any other."""
    repeating.body = orjson.dumps(ERROR)
    router = await run(bench, repeating)
    with pytest.raises(ConduitError) as raised:
        await router.chat()
    assert_clean(raised.value)


@pytest.mark.parametrize("first", [b"", FIRST], ids=["at once", "after a piece"])
async def test_errors_in_streams_do_not_repeat_the_key(
    bench: Runner, repeating: Upstream, first: bytes
) -> None:
    """Whether a piece came before them or not."""
    repeating.content_type = b"text/event-stream"
    repeating.body = first + b"data: " + orjson.dumps(ERROR) + b"\n\n"
    router = await run(bench, repeating)
    with pytest.raises(ConduitError) as raised:
        await router.stream()
    assert_clean(raised.value)

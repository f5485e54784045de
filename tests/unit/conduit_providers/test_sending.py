"""The sender and the probe, against real sockets."""

import asyncio
import contextlib
import gzip
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import date
from itertools import count

import pytest
from tests.support.sending import open_sender

from conduit.v1.connectivity_pb2 import (
    CONNECTIVITY_OUTCOME_INVALID_KEY,
    CONNECTIVITY_OUTCOME_NO_FUNDS,
    CONNECTIVITY_OUTCOME_RATE_LIMITED,
    CONNECTIVITY_OUTCOME_UNKNOWN,
    CONNECTIVITY_OUTCOME_UNREACHABLE,
)
from conduit.v1.provider_pb2 import Provider
from conduit_kernel.addresses import is_public
from conduit_kernel.errors import (
    ConduitError,
    InsufficientFunds,
    InvalidApiKey,
    UnsupportedCapability,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from conduit_kernel.http import HttpClient
from conduit_providers.catalog import Catalog, load_catalog
from conduit_providers.probe import ModelList, Probe, ProbeTarget, outcome_of
from conduit_providers.rate_limits import Limit
from conduit_providers.sending import Sender
from conduit_providers.spec import Auth, Endpoint, ProviderSpec
from conduit_providers.wire import HttpRequest

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
GET = HttpRequest("GET", "/models", (("authorization", "Bearer canary"),))


def answer(status: str, body: bytes = b"{}", *headers: str) -> bytes:
    """Return a whole HTTP answer."""
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def answering(*answers: bytes, seen: list[str] | None = None) -> Handler:
    """Return a handler that gives one answer to each connection, the last one again and again."""
    turns = count()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if seen is not None:
            seen.append(head.decode())
        writer.write(answers[min(next(turns), len(answers) - 1)])

    return handle


async def hang(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Read, and say nothing until the caller goes."""
    while await reader.read(1024):
        pass


async def reset(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hang up before the first byte."""
    writer.transport.abort()


@contextlib.asynccontextmanager
async def upstream(handler: Handler) -> AsyncIterator[str]:
    """Run a server; yield its address."""
    ended: list[asyncio.Event] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ended.append(over := asyncio.Event())
        await handler(reader, writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        over.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, asyncio.timeout(10):
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        server.close()
        for over in ended:
            await over.wait()


async def test_sender_returns_any_status() -> None:
    """An answer is an answer; what it means is for others."""
    async with (
        upstream(answering(answer("418 Teapot", b"hi", "X-A: b"))) as url,
        open_sender() as send,
    ):
        response = await send(url, GET, 5, is_guarded=False)
    assert (response.status, response.headers["x-a"], response.body) == (418, "b", b"hi")


async def test_sender_tells_why_there_is_no_answer() -> None:
    """Each way of not answering has its kind, within the time given."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        refusing = f"http://127.0.0.1:{free.getsockname()[1]}"
    async with open_sender() as send, upstream(reset) as resetting, upstream(hang) as silent:
        for url, kind in (
            (refusing, "refused"),
            (resetting, "reset"),
            ("http://no-such-host.invalid", "dns"),
        ):
            with pytest.raises(UpstreamUnreachable) as raised:
                await send(url, GET, 5, is_guarded=False)
            assert raised.value.metadata["kind"] == kind
        with pytest.raises(UpstreamTimeout) as late:
            await send(silent, GET, 0.05, is_guarded=False)
        assert late.value.metadata["kind"] == "timeout"


async def test_sender_tells_a_server_without_tls() -> None:
    """A server that speaks no TLS is not one to send a key to."""

    async def no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(16)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with upstream(no_tls) as url, open_sender() as send:
        with pytest.raises(UpstreamUnreachable) as raised:
            await send(url.replace("http:", "https:"), GET, 5, is_guarded=False)
    assert raised.value.metadata["kind"] == "tls"


async def test_sender_bounds_the_body() -> None:
    """A body without end is cut off with an error."""
    large = answering(answer("200 OK", b"x" * 5000))
    async with upstream(large) as url, open_sender(max_body_bytes=1000) as send:
        with pytest.raises(UpstreamError, match="larger than 1000 bytes"):
            await send(url, GET, 5, is_guarded=False)


async def test_a_byte_order_mark_is_taken_off() -> None:
    """Servers on Windows put one before their answers."""
    marked = answering(answer("200 OK", b"\xef\xbb\xbf{}"))
    async with upstream(marked) as url, open_sender() as send:
        assert (await send(url, GET, 5, is_guarded=False)).body == b"{}"


async def test_redirects_are_not_followed() -> None:
    """The key goes nowhere but where it was sent, as with calls."""
    there: list[str] = []
    async with upstream(answering(answer("200 OK", b"other"), seen=there)) as other:
        for location in (f"{other}/stolen", "/moved"):
            away = answering(answer("302 Found", b"", f"location: {location}"))
            async with upstream(away) as url, open_sender() as send:
                assert (await send(url, GET, 5, is_guarded=False)).status == 302
    assert there == []


async def test_answers_are_asked_for_plain_and_others_are_unfolded() -> None:
    """Some servers compress whatever is asked; what unfolds to gigabytes is no answer."""
    seen: list[str] = []
    packed = answering(answer("200 OK", gzip.compress(b"{}"), "content-encoding: gzip"), seen=seen)
    async with upstream(packed) as url, open_sender() as send:
        assert (await send(url, GET, 5, is_guarded=False)).body == b"{}"
    assert "accept-encoding: identity" in seen[0]
    for coding, bomb in (
        ("gzip", gzip.compress(bytes(50_000_000))),
        ("gzip, gzip", gzip.compress(gzip.compress(bytes(50_000_000)))),
    ):
        encoded = answering(answer("200 OK", bomb, f"content-encoding: {coding}"))
        async with upstream(encoded) as url, open_sender() as send:
            with pytest.raises(UpstreamError):
                await send(url, GET, 5, is_guarded=False)


async def test_guarded_addresses_are_judged_after_the_look_up() -> None:
    """A name that leads inside is refused at connect; what the catalog names is trusted."""

    async def inside(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    seen: list[str] = []
    async with upstream(answering(answer("200 OK"), seen=seen)) as url:
        port = url.rpartition(":")[2]
        guarded = HttpClient(resolve=inside, allow_address=is_public)
        send = Sender(HttpClient(resolve=inside), guarded)
        with pytest.raises(UpstreamUnreachable, match="no address of api") as raised:
            await send(f"http://api.example:{port}", GET, 5, is_guarded=True)
        assert (raised.value.metadata["kind"], seen) == ("forbidden", [])
        await send(f"http://api.example:{port}", GET, 5, is_guarded=False)
        await send.close()
    assert len(seen) == 1


CATALOG = load_catalog()


async def listed(
    kind: str, url: str, *, catalog: Catalog = CATALOG, key: str = "canary"
) -> ModelList:
    """Probe an instance of a type at an address."""
    ticks: Iterator[int] = count()
    async with open_sender() as send:
        probe = Probe(catalog, send, clock=lambda: 1000.0, timer=lambda: next(ticks) / 1000)
        target = catalog.target(Provider(name="Prod", provider_type=kind, base_url=url))
        return await probe.list_models(ProbeTarget(target, key), timeout_seconds=5)


async def test_probe_lists_models_and_limits() -> None:
    """Names come in the provider's order, with the time it took and the limits it told."""
    body = b'{"object":"list","data":[{"id":"b"},{"id":"a"},{"id":"b"}]}'
    limits = ("x-ratelimit-limit-requests: 9", "x-ratelimit-remaining-requests: 8")
    seen: list[str] = []
    async with upstream(answering(answer("200 OK", body, *limits), seen=seen)) as url:
        found = await listed("OpenAI", url)
    assert found.names == ["b", "a"]
    assert found.response_time_ms > 0
    assert found.rate_limits.requests == Limit(9, 8, None)
    assert "authorization: Bearer canary" in seen[0]


async def test_probe_follows_pages_but_not_without_end() -> None:
    """All pages are asked for, and a provider that never stops is left after twenty."""
    first = b'{"data":[{"id":"a"}],"has_more":true,"last_id":"a"}'
    last = b'{"data":[{"id":"z"}],"has_more":false}'
    seen: list[str] = []
    async with upstream(
        answering(answer("200 OK", first), answer("200 OK", last), seen=seen)
    ) as url:
        assert (await listed("Anthropic", url)).names == ["a", "z"]
    assert "after_id=a" in seen[1]
    endless: list[str] = []
    async with upstream(answering(answer("200 OK", first), seen=endless)) as url:
        assert (await listed("Anthropic", url)).names == ["a"]
    assert len(endless) == 20


@pytest.mark.parametrize(
    ("status", "body", "cls"),
    [
        ("401 Unauthorized", b"{}", InvalidApiKey),
        ("429 Too Many Requests", b"{}", UpstreamRateLimited),
        ("200 OK", b"<html>", UpstreamError),
        ("200 OK", b'{"data":7}', UpstreamError),
    ],
)
async def test_probe_raises_what_the_provider_means(
    status: str, body: bytes, cls: type[UpstreamError]
) -> None:
    """Failures are of the same classes as those of calls, and name the instance, not the key."""
    async with upstream(answering(answer(status, body))) as url:
        with pytest.raises(cls) as raised:
            await listed("OpenAI", url)
    assert raised.value.metadata["provider"] == "Prod"
    assert "canary" not in f"{raised.value} {raised.value.metadata}"


@pytest.mark.parametrize("status", ["400 Bad Request", "500 Oops", "401 Unauthorized"])
async def test_probe_keeps_a_repeated_key_to_itself(status: str) -> None:
    """A key that looks like any word is known all the same, also where a text was cut short."""
    for body in (
        b'{"error": {"message": "no such key: hunter2/team.key, sorry"}}',
        b'{"error": {"message": "' + b"x" * 985 + b'hunter2/team.key"}}',
        b"you sent hunter2/team.key",
    ):
        async with upstream(answering(answer(status, body))) as url:
            with pytest.raises(UpstreamError) as raised:
                await listed("OpenAI", url, key="hunter2/team.key")
        assert "hunter2" not in f"{raised.value} {raised.value.message} {raised.value.metadata}"


async def test_probe_says_when_a_type_publishes_no_list() -> None:
    """A key is not called good without having been tried."""
    spec = ProviderSpec(
        name="Silent",
        display_name="Silent",
        auth=Auth("bearer", ""),
        endpoints={"chat": Endpoint("openai_chat", "/chat")},
        sources=("x",),
        checked_on=date(2026, 11, 23),
    )
    with pytest.raises(UnsupportedCapability, match="no list of models"):
        await listed("Silent", "http://127.0.0.1:1", catalog=Catalog([spec]))


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (InvalidApiKey("x"), CONNECTIVITY_OUTCOME_INVALID_KEY),
        (InsufficientFunds("x"), CONNECTIVITY_OUTCOME_NO_FUNDS),
        (UpstreamRateLimited("x"), CONNECTIVITY_OUTCOME_RATE_LIMITED),
        (UpstreamUnreachable("x"), CONNECTIVITY_OUTCOME_UNREACHABLE),
        (UpstreamTimeout("x"), CONNECTIVITY_OUTCOME_UNREACHABLE),
        (UpstreamError("x"), CONNECTIVITY_OUTCOME_UNKNOWN),
        (UnsupportedCapability("x"), CONNECTIVITY_OUTCOME_UNKNOWN),
    ],
)
def test_outcome_names_what_the_test_met(error: ConduitError, outcome: int) -> None:
    """Each class has the outcome that an operator can act on."""
    assert outcome_of(error) == outcome

"""Issuers that hang, drip, refuse connections or are behind a proxy, for each strategy."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from conduit_kernel.egress import Egress, Proxy
from conduit_kernel.errors import (
    ConduitError,
    EgressProxyFailed,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from conduit_kernel.http import HttpClient
from conduit_providers.auth import Signer, signer_for
from conduit_providers.auth.options import AwsOptions, EntraOptions, GoogleOptions
from conduit_providers.sending import Send, Sender
from conduit_providers.spec import Auth
from conduit_providers.target import Target
from conduit_providers.token_signer import REQUEST_SECONDS
from conduit_providers.wire import HttpRequest, HttpResponse

CANARY = "canary-5ecret"
TENANT = "11111111-2222-3333-4444-555555555555"
SECONDS = 0.5

Make = Callable[[pytest.MonkeyPatch, str], Signer]


def google_user(monkeypatch: pytest.MonkeyPatch, host: str) -> Signer:
    """Return the signer of a person's credentials."""
    del monkeypatch
    key = {
        "type": "authorized_user",
        "client_id": "id",
        "client_secret": CANARY,
        "refresh_token": CANARY,
        "token_uri": f"http://{host}/token",
    }
    where = Target("P", "VertexAI", f"http://{host}")
    return signer_for(Auth("google_token", "", options=GoogleOptions()), json.dumps(key), where)


def entra_client(monkeypatch: pytest.MonkeyPatch, host: str) -> Signer:
    """Return the signer of an Entra client, whose authority is behind TLS."""
    del monkeypatch
    key = {"tenantId": TENANT, "clientId": "c", "clientSecret": CANARY}
    auth = Auth("azure_entra", "", options=EntraOptions(authority=f"https://{host}"))
    return signer_for(auth, json.dumps(key), Target("P", "AzureOpenAI", "https://a.example"))


def entra_machine(monkeypatch: pytest.MonkeyPatch, host: str) -> Signer:
    """Return the signer of a machine's managed identity in App Service."""
    for name in ("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://{host}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", CANARY)
    auth = Auth("azure_entra", "", options=EntraOptions())
    return signer_for(auth, "identity", Target("P", "AzureOpenAI", "https://a.example"))


def aws_role(monkeypatch: pytest.MonkeyPatch, host: str) -> Signer:
    """Return the signer of a role that STS gives."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://{host}")
    key = {
        "accessKeyId": "AKIAIOSFODNN7EXAMPLE",
        "secretAccessKey": CANARY,
        "roleArn": "arn:aws:iam::123456789012:role/conduit",
    }
    where = Target("P", "Bedrock", "https://b.example", {"region": "eu-west-1"})
    return signer_for(Auth("aws_sigv4", "", options=AwsOptions()), json.dumps(key), where)


STRATEGIES = [google_user, entra_client, entra_machine, aws_role]


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this a machine whose variables the libraries would obey to no avail."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere/config")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere/credentials")


@asynccontextmanager
async def hasty(
    egress: Egress | None = None, *, most: float = SECONDS
) -> AsyncIterator[tuple[Send, list[float]]]:
    """Yield a sender that waits for a moment only, and the limits that it was asked to keep."""
    client = HttpClient(egress=egress or Egress())
    sender = Sender(client, client)
    limits: list[float] = []

    async def send(
        base_url: str, request: HttpRequest, seconds: float, *, is_guarded: bool
    ) -> HttpResponse:
        limits.append(seconds)
        return await sender(base_url, request, min(seconds, most), is_guarded=is_guarded)

    try:
        yield send, limits
    finally:
        await sender.close()


@asynccontextmanager
async def serve(answer: bytes) -> AsyncIterator[str]:
    """Run an issuer whose answer never ends, or never begins; yield where it is."""

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            while answer:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.01)
            await reader.read()

    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(serve_one(reader, writer))
        tasks.add(task)
        task.add_done_callback(lambda _: writer.transport.abort())

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def failure(signer: Signer, send: Send) -> ConduitError:
    """Return why no token came, which tells nothing of the key."""
    async with asyncio.timeout(8):
        with pytest.raises(ConduitError) as raised:
            await signer.refresh(1.0, send)
    assert CANARY not in f"{raised.value} {raised.value.metadata} {raised.value.__cause__}"
    assert raised.value.metadata["provider"] == "P"
    return raised.value


HANGING = b""
DRIPPING = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n"


@pytest.mark.parametrize("make", STRATEGIES)
@pytest.mark.parametrize("answer", [HANGING, DRIPPING], ids=["hangs", "drips"])
async def test_issuer_that_does_not_end_is_a_timeout(
    monkeypatch: pytest.MonkeyPatch, make: Make, answer: bytes
) -> None:
    """A request has its limit in all, whatever comes; each bound is one of ours."""
    async with serve(answer) as host, hasty() as (send, limits):
        error = await failure(make(monkeypatch, host), send)
    assert type(error) is UpstreamTimeout
    assert "gave no token for P: 127.0.0.1 did not answer" in error.message
    assert limits
    assert max(limits) <= REQUEST_SECONDS


@pytest.mark.parametrize("make", STRATEGIES)
async def test_issuer_that_refuses_connections_is_unreachable(
    monkeypatch: pytest.MonkeyPatch, make: Make
) -> None:
    """Nobody listens there, which says nothing of the key."""
    async with hasty(most=REQUEST_SECONDS) as (send, _):
        error = await failure(make(monkeypatch, "127.0.0.1:1"), send)
    assert type(error) is UpstreamUnreachable
    assert "127.0.0.1 cannot be reached" in error.message


@pytest.mark.parametrize("make", [google_user, entra_client, aws_role])
async def test_proxy_that_fails_is_named(monkeypatch: pytest.MonkeyPatch, make: Make) -> None:
    """Nothing is known of the issuer then, nor of the provider."""
    proxy = Proxy("127.0.0.1", 1)
    async with hasty(Egress(http=proxy, https=proxy), most=REQUEST_SECONDS) as (send, _):
        error = await failure(make(monkeypatch, "login.example"), send)
    assert type(error) is EgressProxyFailed
    assert "127.0.0.1:1" in error.message

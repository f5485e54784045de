"""A provider of logins for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from tests.support.oidc_issuer import CLIENT_ID, CLIENT_SECRET, OidcIssuer, oidc_issuer
from tests.support.registry import SERVICE_METADATA, Bench, Clock, settings_of

from conduit.v1.role_pb2 import ROLE_OPERATOR
from conduit_bridge.login.provider import OidcProvider
from conduit_kernel.http import HttpClient
from conduit_kernel.login_sessions import LoginSessions
from conduit_kernel.oidc_settings import OidcSettings
from conduit_kernel.rpc import connect
from conduit_providers.catalog import load_catalog


class Timer:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return seconds since any moment."""
        return self.now


@pytest.fixture
def timer() -> Timer:
    """Return the clock of the provider."""
    return Timer()


@pytest.fixture
async def issuer() -> AsyncIterator[OidcIssuer]:
    """Run what is asked."""
    async with oidc_issuer() as running:
        yield running


@pytest.fixture
async def provider(issuer: OidcIssuer, timer: Timer) -> AsyncIterator[OidcProvider]:
    """Return what asks it."""
    settings = OidcSettings(
        issuer=issuer.url,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        public_url="http://localhost:8080",
        roles={"platform": ROLE_OPERATOR},
    )
    made = OidcProvider(settings, HttpClient(), timer)
    yield made
    await made.close()


@pytest.fixture
def clock() -> Clock:
    """Return the clock of logins and of the Registry."""
    return Clock()


@pytest.fixture
async def registry(tmp_path: Path, clock: Clock) -> AsyncIterator[grpc.aio.Channel]:
    """Run a Registry; return a channel to it."""
    bench = Bench(settings_of(tmp_path), load_catalog(), clock)
    async with (
        bench.registry() as api,
        connect(f"127.0.0.1:{api.process.port}") as channel,
    ):
        yield channel


@pytest.fixture
def sessions(registry: grpc.aio.Channel) -> LoginSessions:
    """Return what keeps sessions at a Registry."""
    return LoginSessions(registry, SERVICE_METADATA)

"""Tokens are there when calls need them, and issuers that fail or hang are failures of keys."""

import asyncio
import math

import pytest
from tests.support.snapshots import compiled, provider, snapshot

from conduit_kernel.errors import (
    EgressProxyFailed,
    InvalidApiKey,
    Scope,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from conduit_providers.sending import Send
from conduit_providers.wire import HttpRequest, HttpResponse
from conduit_router.routing.table import UpstreamTarget
from conduit_router.upstream.token_refresh import TokenRefresher

NOW = 1_000_000.0


class Signer:
    """Signs with tokens that an issuer gives for an hour, when it lets go."""

    is_static = False

    def __init__(self) -> None:
        self.expires_at = 0.0
        self.fetches = 0
        self.release = asyncio.Event()
        self.error: UpstreamError | None = None

    def sign(self, request: HttpRequest) -> HttpRequest:
        """Return the request as it is."""
        return request

    async def refresh(self, now: float, send: Send) -> None:
        """Wait for the issuer."""
        self.fetches += 1
        await self.release.wait()
        if self.error is not None:
            raise self.error
        self.expires_at = now + 3600


async def unsent(
    base_url: str, request: HttpRequest, seconds: float, /, *, is_guarded: bool
) -> HttpResponse:
    """Send nothing: these signers have no requests."""
    raise AssertionError(base_url, request, seconds, is_guarded)


def target(signer: Signer) -> UpstreamTarget:
    """Return the target of an instance with the signer."""
    [key] = compiled(snapshot([provider(1)])).instances[1].keys
    there = key.endpoint("chat")
    return UpstreamTarget(
        "key_1", there.target, signer, there.origin, there.base_path, is_guarded=True
    )


async def test_issuer_that_hangs_is_a_timeout_of_the_key() -> None:
    """Both for those who began to wait for the token and for those who came later."""
    refresher = TokenRefresher(lambda: NOW, unsent, fetch_seconds=0.05)
    upstream = target(Signer())
    calls = [asyncio.create_task(refresher.ensure(upstream, math.inf)) for _ in range(3)]
    for error in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(error, UpstreamTimeout)
        assert error.scope is Scope.KEY
        assert error.metadata == {"provider": "provider-1"}
    assert UpstreamTimeout("of another kind").scope is Scope.INSTANCE


async def test_call_waits_no_longer_than_it_may() -> None:
    """The token that it could not wait for serves the next one."""
    signer = Signer()
    refresher = TokenRefresher(lambda: NOW, unsent)
    upstream = target(signer)
    with pytest.raises(UpstreamTimeout):
        await refresher.ensure(upstream, 0.01)
    signer.release.set()
    await refresher.ensure(upstream, 1.0)
    assert signer.fetches == 1


async def test_caller_that_leaves_does_not_take_the_token_along() -> None:
    """Others wait for the same one."""
    signer = Signer()
    refresher = TokenRefresher(lambda: NOW, unsent)
    upstream = target(signer)
    gone, waiting = (asyncio.create_task(refresher.ensure(upstream, 1.0)) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    signer.release.set()
    await waiting
    assert signer.fetches == 1


@pytest.mark.parametrize(
    ("error", "scope"),
    [
        (UpstreamUnreachable("nobody there"), Scope.KEY),
        (UpstreamTimeout("nothing came"), Scope.KEY),
        (UpstreamError("no sense"), Scope.KEY),
        (EgressProxyFailed("the proxy is down"), Scope.INSTANCE),
    ],
)
async def test_issuer_that_fails_is_no_failure_of_the_provider(
    error: UpstreamError, scope: Scope
) -> None:
    """No breaker counts it: the provider was not asked, and another key may have another issuer.

    A proxy that fails says nothing of the key either.
    """
    signer = Signer()
    signer.release.set()
    signer.error = error
    with pytest.raises(type(error)) as raised:
        await TokenRefresher(lambda: NOW, unsent).ensure(target(signer), 1.0)
    assert raised.value.scope is scope


async def test_issuer_that_refuses_is_heard() -> None:
    """The signer's own error comes through, and the next call asks again."""
    signer = Signer()
    signer.release.set()
    signer.error = InvalidApiKey("no such account")
    refresher = TokenRefresher(lambda: NOW, unsent)
    upstream = target(signer)
    with pytest.raises(InvalidApiKey):
        await refresher.ensure(upstream, 1.0)
    signer.error = None
    await refresher.ensure(upstream, 1.0)
    assert signer.expires_at == NOW + 3600

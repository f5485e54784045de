"""Models of stored instances, listed with a stored key."""

import pytest
from tests.support.registry import Upstream
from tests.unit.conduit_registry.conftest import Fill

from conduit_kernel.errors import InvalidApiKey, SecretUnreadable, UpstreamTimeout
from conduit_providers.probing import Prober
from conduit_registry import probing
from conduit_registry.probing import list_models
from conduit_registry.store import KEY, Store
from conduit_registry.values import Key


async def key_of(store: Store, number: int = 1) -> Key:
    """Return a stored key."""
    async with store.read() as reading:
        return await reading.get(KEY, number)


async def test_a_stored_key_is_opened_and_sent(
    prober: Prober, store: Store, fill: Fill, upstream: Upstream
) -> None:
    """One that is a reference is followed."""
    upstream.lists("sk-1", "b", "a")
    upstream.lists("good", "c")
    provider = await fill("sk-1", "env:UPSTREAM_KEY")
    assert (await list_models(prober, provider, await key_of(store))).names == ["b", "a"]
    assert (await list_models(prober, provider, await key_of(store, 2))).names == ["c"]
    assert upstream.tokens == ["sk-1", "good"]


async def test_without_a_key_only_a_type_that_needs_none_is_asked(
    prober: Prober, fill: Fill, upstream: Upstream
) -> None:
    """The others are told that they have no key, and nothing is sent."""
    upstream.lists("", "llama")
    provider = await fill()
    with pytest.raises(InvalidApiKey, match="Provider Main has no enabled key"):
        await list_models(prober, provider, None)
    assert upstream.tokens == []
    open_to_all = await fill(name="Local", provider_type="OpenAICompatible")
    assert (await list_models(prober, open_to_all, None)).names == ["llama"]


async def test_a_key_moved_from_another_does_not_open(
    prober: Prober, store: Store, fill: Fill, upstream: Upstream
) -> None:
    """It is sealed under its own id; nothing is sent, and the error has no value in it."""
    provider = await fill("sk-canary-1", "sk-canary-2")
    first, second = await key_of(store), await key_of(store, 2)
    moved = Key(
        id=first.id,
        provider_id=provider.id,
        encryption_key_id=second.encryption_key_id,
        wrapped_data_key=second.wrapped_data_key,
        ciphertext=second.ciphertext,
    )
    with pytest.raises(SecretUnreadable) as caught:
        await list_models(prober, provider, moved)
    assert "canary" not in str(caught.value)
    assert upstream.tokens == []


async def test_a_silent_provider_is_given_up(
    prober: Prober,
    store: Store,
    fill: Fill,
    upstream: Upstream,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After the time that a probe has."""
    monkeypatch.setattr(probing, "PROBE_SECONDS", 0.02)
    upstream.answers["sk-1"] = None
    provider = await fill("sk-1")
    with pytest.raises(UpstreamTimeout):
        await list_models(prober, provider, await key_of(store))

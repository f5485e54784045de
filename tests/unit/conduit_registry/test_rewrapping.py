"""What a new encryption key does to the keys that are stored."""

from dataclasses import replace

import pytest
import structlog
from tests.support.registry import ENCRYPTION_KEY, numbered
from tests.unit.conduit_registry.conftest import AUTHOR

from conduit_kernel.errors import SecretUnreadable
from conduit_kernel.pagination import Page
from conduit_kernel.secrets import Vault
from conduit_kernel.secrets import key_id as encryption_key_id
from conduit_providers.catalog import Catalog
from conduit_registry import rewrapping
from conduit_registry.mcp_values import McpServer
from conduit_registry.rewrapping import Rewrapped, bind, rewrap
from conduit_registry.store import KEY, MCP_SERVER, PROVIDER, Store
from conduit_registry.values import Key, Provider, key_id

OLD, NEW, LOST = bytes(32), ENCRYPTION_KEY, b"x" * 32
CURRENT = encryption_key_id(NEW)


async def add_keys(store: Store, *wrapped_by: bytes) -> list[Key]:
    """Store keys that different encryption keys wrapped."""
    made = []
    async with store.change(AUTHOR) as changing:
        await changing.create(PROVIDER, numbered(Provider(name="Main", provider_type="OpenAI")))
        for number, encryption_key in enumerate(wrapped_by, 1):
            sealed = Vault(encryption_key).seal(f"sk-{number}", key_id(number))
            key = Key(
                provider_id=1,
                encryption_key_id=sealed.encryption_key_id,
                wrapped_data_key=sealed.wrapped_data_key,
                ciphertext=sealed.ciphertext,
            )
            made.append(await changing.create(KEY, numbered(key)))
    return made


async def stored(store: Store) -> list[Key]:
    """Return all keys."""
    async with store.read() as reading:
        return await reading.every(KEY)


async def test_what_a_former_key_wrapped_opens_with_the_current_one_alone(store: Store) -> None:
    """No ciphertext changes; the log tells from which key to which."""
    before = await add_keys(store, OLD, NEW, OLD)
    assert (await rewrap(store, Vault(NEW, OLD), CURRENT)).rewrapped == 2
    after = await stored(store)
    assert [Vault(NEW).open(key.secret, key.api_id) for key in after] == ["sk-1", "sk-2", "sk-3"]
    assert [key.ciphertext for key in after] == [key.ciphertext for key in before]
    assert after[1] == before[1]
    async with store.read() as reading:
        [last, *_] = await reading.audit_page(Page(1, 0, ""))
    assert last.actor == "registry-rewrap"
    assert last.changes == {"encryptionKeyId": {"from": encryption_key_id(OLD), "to": CURRENT}}


async def test_a_second_time_there_is_nothing_to_do(store: Store) -> None:
    """No transaction writes for it: every process does this when it starts."""
    await add_keys(store, OLD)
    vault = Vault(NEW, OLD)
    told: list[int] = []
    assert (await rewrap(store, vault, CURRENT)).rewrapped == 1
    store.on_change(told.append)
    assert (await rewrap(store, vault, CURRENT)).rewrapped == 0
    assert told == []


async def test_a_key_that_nobody_can_open_stays_and_is_named(store: Store) -> None:
    """The others are wrapped again all the same; its value is in no log."""
    before = await add_keys(store, LOST, OLD)
    with structlog.testing.capture_logs() as logs:
        assert (await rewrap(store, Vault(NEW, OLD), CURRENT)).rewrapped == 1
    assert [(line["event"], line["key_id"]) for line in logs] == [("secret_unreadable", "key_1")]
    assert (await stored(store))[0] == before[0]


async def test_a_key_that_was_tampered_with_stays(store: Store) -> None:
    """It was sealed for another one: it opens for nobody."""
    [first, second] = await add_keys(store, OLD, OLD)
    async with store.change(AUTHOR) as changing:
        swapped = replace(first, wrapped_data_key=second.wrapped_data_key)
        await changing.update(KEY, first, swapped)
    with structlog.testing.capture_logs() as logs:
        assert (await rewrap(store, Vault(NEW, OLD), CURRENT)).rewrapped == 1
    assert [line["key_id"] for line in logs] == ["key_1"]


async def test_what_was_sealed_before_there_were_destinations_is_bound_once(
    store: Store, catalog: Catalog
) -> None:
    """To where it is sent now; what cannot be read stays as it is, and is no trouble."""
    vault = Vault(NEW)
    await add_keys(store, NEW, LOST)
    assert await bind(store, vault, catalog) == 1
    bound, lost = await stored(store)
    assert (bound.destination, lost.destination) == ("OpenAI", "")
    assert vault.open(bound.secret, bound.api_id, "OpenAI") == "sk-1"
    with pytest.raises(SecretUnreadable):
        vault.open(bound.secret, bound.api_id)
    assert await bind(store, vault, catalog) == 0
    async with store.read() as reading:
        [last, *_] = await reading.audit_page(Page(1, 0, ""))
    assert (last.actor, last.resource_id) == ("registry-rewrap", "key_1")
    assert last.changes == {"destination": {"from": "", "to": "OpenAI"}}


async def test_it_goes_on_where_it_broke_off(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done stays done, a few keys at a time; others write in between."""
    monkeypatch.setattr(rewrapping, "BATCH", 2)
    await add_keys(store, OLD, LOST, OLD, OLD, OLD, OLD)
    vault = Vault(NEW, OLD)
    first = await rewrap(store, vault, CURRENT, most=2)
    assert first == Rewrapped(3, 1, is_done=False)
    async with store.change(AUTHOR) as changing:
        await changing.delete(KEY, await changing.get(KEY, 5))
    assert await rewrap(store, vault, CURRENT, most=2) == Rewrapped(1, 1, is_done=True)
    ids = [(each.id, each.encryption_key_id == CURRENT) for each in await stored(store)]
    assert ids == [(1, True), (2, False), (3, True), (4, True), (6, True)]


async def test_headers_of_mcp_servers_are_wrapped_again_too(store: Store) -> None:
    """Those that a lost key wrapped stay as they are; who has none has nothing to wrap."""
    async with store.change(AUTHOR) as changing:
        for number, encryption_key in enumerate((OLD, NEW, LOST, None), 1):
            server = McpServer(name=f"s{number}", url="https://a.example")
            if encryption_key is not None:
                sealed = Vault(encryption_key).seal("{}", f"mcp_{number}", "d")
                server = server.with_secret(sealed)
            await changing.create(MCP_SERVER, numbered(server))
    done = await rewrap(store, Vault(NEW, OLD), CURRENT)
    assert done == Rewrapped(rewrapped=1, unreadable=1, is_done=True)
    async with store.read() as reading:
        servers = await reading.every(MCP_SERVER)
    wrapped = [each.encryption_key_id for each in servers]
    assert wrapped == [CURRENT, CURRENT, encryption_key_id(LOST), ""]
    assert servers[0].secret is not None
    assert Vault(NEW).open(servers[0].secret, servers[0].owner, "d") == "{}"

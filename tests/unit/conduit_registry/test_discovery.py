"""Which models instances have, asked from time to time."""

import asyncio
from datetime import date

import pytest
import structlog
from tests.support.registry import Bench, Upstream
from tests.unit.conduit_registry.conftest import AUTHOR, Edit, Fill

from conduit.v1.audit_entry_pb2 import AUDIT_ACTION_DISCOVERED
from conduit.v1.provider_pb2 import AUDIT_LEVEL_FULL
from conduit_kernel.errors import InvalidApiKey, UpstreamError, UpstreamTimeout
from conduit_kernel.not_found_errors import ProviderNotFound
from conduit_kernel.pagination import Page
from conduit_providers.catalog import Catalog
from conduit_providers.probing import Prober
from conduit_registry import discovery as module
from conduit_registry.discovery import MAX_MODEL_NAME, Discovery
from conduit_registry.retirements import Retirements
from conduit_registry.store import PROVIDER, Store

HOUR = 3600


@pytest.fixture
def discovery(store: Store, prober: Prober, catalog: Catalog) -> Discovery:
    """Return what asks instances for their models."""
    return Discovery(store, prober, Retirements(catalog))


async def known(store: Store) -> list[str]:
    """Return the stored models of the first instance."""
    async with store.read() as reading:
        return [model.name for model in await reading.discovered(1)]


async def noted(store: Store) -> list[object]:
    """Return what the audit log has of discoveries."""
    async with store.read() as reading:
        found = await reading.audit_page(Page(99, 0, ""))
    return [
        each.changes["models"] for each in found[::-1] if each.action == AUDIT_ACTION_DISCOVERED
    ]


async def test_a_discovery_tells_what_came_and_what_went(
    discovery: Discovery, store: Store, fill: Fill, upstream: Upstream
) -> None:
    """The log has it, too, but where nothing changed."""
    await fill("good")
    for listed, added, removed in (
        ("ba", ["a", "b"], []),
        ("ab", [], []),
        ("cb", ["c"], ["a"]),
    ):
        upstream.lists("good", *listed)
        found = await discovery.discover(1, AUTHOR)
        assert [model.name for model in found.models] == sorted(listed)
        assert (found.added, found.removed) == (added, removed)
    assert await noted(store) == [
        {"added": ["a", "b"], "removed": [], "total": 2},
        {"added": ["c"], "removed": ["a"], "total": 2},
    ]


async def test_a_full_audit_notes_a_discovery_that_changed_nothing(
    discovery: Discovery, store: Store, fill: Fill, upstream: Upstream
) -> None:
    """It was a use of a key all the same."""
    await fill("good", audit_level=AUDIT_LEVEL_FULL)
    upstream.lists("good")
    await discovery.discover(1, AUTHOR)
    assert await noted(store) == [{"added": [], "removed": [], "total": 0}]


async def test_names_that_cannot_be_kept_are_left_out(
    discovery: Discovery,
    store: Store,
    fill: Fill,
    upstream: Upstream,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a provider that lists without end the first are kept."""
    monkeypatch.setattr(module, "MAX_MODELS", 2)
    await fill("good")
    longest = "x" * MAX_MODEL_NAME
    upstream.lists("good", "", "nul\\u0000", "esc\\u001b[31m", longest + "x", longest, "b", "c")
    await discovery.discover(1, AUTHOR)
    assert await known(store) == ["b", longest]


async def test_the_next_key_is_asked_where_one_fails(
    discovery: Discovery, store: Store, fill: Fill, upstream: Upstream
) -> None:
    """When all do, the last one's error is it, and what was stored stays."""
    upstream.lists("good", "a")
    await fill("refused", "good", "never-asked")
    await discovery.discover(1, AUTHOR)
    assert upstream.tokens == ["refused", "good"]
    upstream.answers["good"] = (500, "{}")
    upstream.answers["never-asked"] = (503, "{}")
    with pytest.raises(UpstreamError) as caught:
        await discovery.discover(1, AUTHOR)
    assert not isinstance(caught.value, InvalidApiKey)
    assert await known(store) == ["a"]
    with pytest.raises(ProviderNotFound):
        await discovery.discover(9, AUTHOR)


async def test_an_instance_that_goes_while_it_is_asked_has_no_models(
    discovery: Discovery, store: Store, fill: Fill, upstream: Upstream, edit: Edit
) -> None:
    """What it answers is let go, and nothing is noted of it."""
    upstream.lists("good", "a")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with edit() as editor:
            await editor.delete_provider(1)
        await upstream.serve(reader, writer)

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        await fill("good", base_url=f"http://127.0.0.1:{port}/v1")
        with pytest.raises(ProviderNotFound):
            await discovery.discover(1, AUTHOR)
    assert upstream.tokens == ["good"]
    assert (await known(store), await noted(store)) == ([], [])


async def test_a_provider_that_hangs_is_given_up(
    discovery: Discovery, fill: Fill, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All its keys have one deadline."""
    monkeypatch.setattr(module, "DISCOVER_SECONDS", 0.05)
    upstream.answers["silent"] = None
    await fill("silent", "silent")
    with pytest.raises(UpstreamTimeout, match="Main did not list its models in time"):
        await discovery.discover(1, AUTHOR)


async def test_only_those_whose_time_has_come_are_asked(
    discovery: Discovery, fill: Fill, upstream: Upstream, bench: Bench
) -> None:
    """By the interval; a failure is tried again sooner, and one instance's keeps no other back."""
    upstream.lists("good", "a")
    await fill("refused", name="Broken", enable_model_discovery=True, discovery_interval_hours=2)
    await fill("good", enable_model_discovery=True, discovery_interval_hours=2)
    await fill("unasked", name="Off", enable_model_discovery=True, is_enabled=False)
    await fill("unasked", name="Never")
    for seconds, asked in (
        (0, ["refused", "good"]),
        (0, []),
        (HOUR // 4 - 1, []),
        (1, ["refused"]),
        (HOUR // 4, ["refused"]),
        (HOUR // 2 * 3 - 1, ["refused"]),
        (1, ["good"]),
    ):
        bench.clock.now += seconds
        upstream.tokens.clear()
        with structlog.testing.capture_logs():
            await discovery.run_due()
        assert upstream.tokens == asked


async def test_a_clock_that_was_ahead_stops_no_discovery(
    discovery: Discovery, fill: Fill, upstream: Upstream, bench: Bench
) -> None:
    """An attempt in the future is none that has just been made."""
    upstream.lists("good", "a")
    bench.clock.now += 10 * 365 * 24 * HOUR
    await fill("good", enable_model_discovery=True)
    await discovery.run_due()
    bench.clock.now -= 10 * 365 * 24 * HOUR
    await discovery.run_due()
    assert upstream.tokens == ["good", "good"]
    await discovery.run_due()
    assert upstream.tokens == ["good", "good"]


async def test_two_processes_ask_an_instance_once(
    discovery: Discovery, prober: Prober, store: Store, fill: Fill, upstream: Upstream
) -> None:
    """Whoever notes the attempt first asks."""
    upstream.lists("good", "a")
    await fill("good", enable_model_discovery=True)
    other = Discovery(store, prober, discovery.retirements)
    await asyncio.gather(discovery.run_due(), other.run_due())
    assert upstream.tokens == ["good"]


async def test_a_change_is_looked_at_at_once(
    discovery: Discovery, store: Store, fill: Fill, upstream: Upstream
) -> None:
    """A step of the loop ends with it; the next one does what is due by then."""
    upstream.lists("good", "a")
    store.on_change(discovery.wake)
    step = asyncio.create_task(discovery.run_once())
    await asyncio.sleep(0)
    await fill("good", enable_model_discovery=True)
    async with asyncio.timeout(5):
        await step
        # Its own change of the audit log wakes the next step.
        await discovery.run_once()
    assert upstream.tokens == ["good"]


async def test_without_a_change_a_step_ends_after_a_while(
    discovery: Discovery, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time alone may make a discovery due."""
    monkeypatch.setattr(module, "TICK_SECONDS", 0.01)
    async with asyncio.timeout(5):
        await discovery.run_once()
    async with store.read() as reading:
        assert await reading.every(PROVIDER) == []


async def test_a_mapped_model_that_is_turned_off_soon_is_warned_of(
    discovery: Discovery,
    fill: Fill,
    edit: Edit,
    upstream: Upstream,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With each discovery; not of models that nobody maps, and not of what is far off."""
    days = {"dying": date(2026, 12, 31), "dead": date(2026, 1, 1), "well": date(2027, 3, 1)}
    monkeypatch.setattr(discovery.retirements, "day_of", lambda _, model: days.get(model))
    await fill("good")
    upstream.lists("good", "dying", "other")
    async with edit() as editor:
        for alias, model in (("a", "dying"), ("b", "dead"), ("c", "well"), ("d", "else")):
            await editor.create_mapping(
                {"model_alias": alias, "provider_id": 1, "actual_model_name": model}
            )
    with structlog.testing.capture_logs() as logs:
        await discovery.discover(1, AUTHOR)
    told = [(each["alias"], each["model"], each["retires_on"]) for each in logs]
    assert told == [("a", "dying", "2026-12-31"), ("b", "dead", "2026-01-01")]
    assert {each["event"] for each in logs} == {"model_retires"}

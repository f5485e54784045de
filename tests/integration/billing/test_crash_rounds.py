"""Routers and Billing that are killed at every moment of a call: no charge is lost or doubled.

`CONDUIT_CRASH_ROUNDS` of them, with a seed for each twenty; `make crashes` does thousands.
"""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.support.crash_world import LIMIT, Router, World, new_world

from conduit_billing.bootstrap import MIGRATIONS, SERVICE
from conduit_billing.budgets.accounts import Balance
from conduit_kernel.database import open_database
from conduit_kernel.settings import Settings

ROUNDS = int(os.environ.get("CONDUIT_CRASH_ROUNDS", "60"))
ROUNDS_OF_SEED = 20
# A round of a few calls has about two dozen waits.
STEPS = 24


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """Return an empty ledger."""
    made = await open_database(Settings(tmp_path, "m", bytes(32)), SERVICE, MIGRATIONS)
    yield made
    await made.dispose()


async def assert_sound(world: World, router: Router) -> None:
    """Assert that what was charged is what was served, and nothing is held."""
    await world.settle(router)
    charged = await world.charged()
    for name in world.answered:
        # A provider that failed before was asked again; what it served is charged.
        assert charged.get(name) == [world.served[name]], name
    for name, costs in charged.items():
        assert costs == [world.served[name]], name
    spent = sum(map(sum, charged.values()))
    key = world.billing.virtual_key_id
    assert await world.billing.bench.balances(key) == [Balance(LIMIT - spent, 0, spent)]
    assert not list(world.folder.glob("*.damaged"))


async def test_no_death_loses_or_doubles_a_charge(engine: AsyncEngine, tmp_path: Path) -> None:
    """Of a router, of Billing or of both, at random waits, with requests and answers lost."""
    deaths = lost = answered = unanswered = 0
    for seed in range(max(1, ROUNDS // ROUNDS_OF_SEED)):
        async with new_world(engine, tmp_path / f"spool-{seed}", seed) as world:
            router = Router(world)
            for _ in range(ROUNDS_OF_SEED):
                kill_after = world.chance.randrange(1, STEPS)
                router = await world.round(router, world.chance.randrange(1, 5), kill_after)
                world.billing.bench.now += world.chance.randrange(20_000_000)
                router.bench.now = world.billing.bench.now / 1e6
            await assert_sound(world, router)
            deaths, lost = deaths + world.deaths, lost + world.billing.lost
            answered += len(world.answered)
            unanswered += len(world.served) - len(world.answered)
        assert await world.billing.bench.breaches() == []
    # The rounds did what they are for.
    assert deaths > ROUNDS / 4
    assert lost > ROUNDS / 8
    assert answered > ROUNDS / 4
    assert unanswered > 0


@pytest.mark.parametrize("calls", [1, 3])
async def test_a_router_may_die_at_each_single_wait(
    engine: AsyncEngine, tmp_path: Path, calls: int
) -> None:
    """From before it reserves until what it charged is delivered: one after the other."""
    at = 0
    while True:
        at += 1
        async with new_world(engine, tmp_path / f"spool-{at}", at) as world:
            world.billing.is_reliable = True
            router = await world.round(Router(world), calls, at)
            await assert_sound(world, router)
            if not world.deaths:
                break
    assert await world.billing.bench.breaches() == []
    assert at >= 10

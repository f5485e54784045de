"""Outages in virtual time: what callers get, what reaches the provider, when it is used again.

`CONDUIT_SCHEDULES` makes it more random ones.
"""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.support.outage_world import KINDS, RECOVERY_SECONDS, Spell, World, random_spells
from tests.support.virtual_time import run_virtually

from conduit_kernel.breaker_policy import DEFAULT_POLICY
from conduit_kernel.errors import ProviderUnhealthy
from conduit_providers.patience import USUAL
from conduit_router.context import MAX_ATTEMPTS

DOWN, UP = 10.0, 250.0
OPEN_SECONDS = DEFAULT_POLICY.open_seconds
# How long a primary that flaps is down.
FLAP_SECONDS = 60.0
SCHEDULES = int(os.environ.get("CONDUIT_SCHEDULES", "300"))
# How long a silent provider holds up a call.
SILENT_SECONDS = USUAL.first_token


def simulate(
    folder: Path,
    spells: dict[int, list[Spell]],
    course: Callable[[World], Awaitable[None]],
    routers: int = 1,
) -> World:
    """Let a course of calls go over instances that fail so."""

    async def main() -> World:
        world = World(folder, spells, routers)
        sharing = asyncio.create_task(world.share())
        try:
            await course(world)
        finally:
            sharing.cancel()
            world.close()
        return world

    return run_virtually(main())


def steadily(seconds: float, every: float, callers: int) -> Callable[[World], Awaitable[None]]:
    """Return a course of calls at a steady rate."""

    async def course(world: World) -> None:
        async with asyncio.TaskGroup() as calls:
            for number in range(round(seconds / every)):
                calls.create_task(world.call(number, by=1 + number % callers))
                await asyncio.sleep(every)

    return course


@pytest.mark.parametrize(("callers", "routers"), [(1, 1), (5, 1), (7, 2)])
@pytest.mark.parametrize("every", [0.05, 2.0])
@pytest.mark.parametrize("kind", ["refused", "503", "silent"])
def test_outage_of_the_primary_fails_no_call(
    tmp_path: Path, kind: str, every: float, callers: int, routers: int
) -> None:
    """It is probed by one attempt in each open time, and used again soon after it is back."""
    spells = {1: [Spell(DOWN, UP, kind)], 2: []}
    world = simulate(
        tmp_path, spells, steadily(UP + RECOVERY_SECONDS + 30, every, callers), routers
    )
    assert [each.error for each in world.ended if each.error] == []
    opened = DOWN + SILENT_SECONDS + 5.0 + 10 * every
    probes = [each.at for each in world.asked if each.provider_id == 1 and opened < each.at < UP]
    for probe in probes:
        near = [at for at in probes if probe <= at < probe + OPEN_SECONDS * 0.9]
        assert near == [probe]
    assert probes
    late = [each for each in world.ended if each.began > UP + RECOVERY_SECONDS]
    assert late
    assert {each.provider_id for each in late} == {1}


@pytest.mark.parametrize("asked", [0, 1])
@pytest.mark.parametrize("kind", ["refused", "503", "silent"])
def test_a_router_without_calls_keeps_no_other_from_the_primary(
    tmp_path: Path, kind: str, asked: int
) -> None:
    """It met the outage too, and then all calls came to the other one."""

    async def course(world: World) -> None:
        async with asyncio.TaskGroup() as calls:
            for number in range(round((UP + RECOVERY_SECONDS + 30) / 0.05)):
                both = number * 0.05 < DOWN + SILENT_SECONDS + 10
                calls.create_task(
                    world.call(number if both else 2 * number + asked, by=1 + number % 7)
                )
                await asyncio.sleep(0.05)

    world = simulate(tmp_path, {1: [Spell(DOWN, UP, kind)], 2: []}, course, routers=2)
    assert [each.error for each in world.ended if each.error] == []
    late = [each for each in world.ended if each.began > UP + RECOVERY_SECONDS]
    assert late
    assert {each.provider_id for each in late} == {1}


@pytest.mark.parametrize("routers", [1, 2])
@pytest.mark.parametrize("every", [0.05, 2.0])
@pytest.mark.parametrize("kind", ["refused", "503", "silent"])
def test_a_primary_that_flaps_fails_no_call(
    tmp_path: Path, kind: str, every: float, routers: int
) -> None:
    """Down for a minute, up for longer, again and again: each time it is left alone, and used."""
    up_seconds = RECOVERY_SECONDS + 20.0
    begins = [DOWN + number * (FLAP_SECONDS + up_seconds) for number in range(3)]
    spells = [Spell(begin, begin + FLAP_SECONDS, kind) for begin in begins]
    end = spells[-1].end + up_seconds
    world = simulate(tmp_path, {1: spells, 2: []}, steadily(end, every, 5), routers)
    assert [each.error for each in world.ended if each.error] == []
    for spell in spells:
        opened = spell.begin + 5.0 + 10 * every + (SILENT_SECONDS if kind == "silent" else 0.0)
        asked = [each.at for each in world.asked if each.provider_id == 1]
        assert len([at for at in asked if opened < at < spell.end]) <= 1
        used_again = spell.end + RECOVERY_SECONDS
        late = [each for each in world.ended if used_again < each.began < spell.end + up_seconds]
        assert late
        assert {each.provider_id for each in late} == {1}


@pytest.mark.parametrize("kind", ["refused", "503"])
def test_only_provider_is_used_again_within_seconds_of_a_short_outage(
    tmp_path: Path, kind: str
) -> None:
    """Its circuit opens in steps of 1, 2, 4, ... seconds, in which callers are told to wait."""
    world = simulate(tmp_path, {1: [Spell(DOWN, DOWN + 3.0, kind)]}, steadily(25.0, 0.05, 3))
    back = [e for e in world.ended if e.began > DOWN + 3.0 and e.error is None]
    assert back[0].began <= DOWN + 3.0 + 5.0
    told = [e.error for e in world.ended if isinstance(e.error, ProviderUnhealthy)]
    assert told
    assert all(int(error.metadata["retry_after_ms"]) <= 30_000 for error in told)
    during = [each for each in world.asked if DOWN + 1.0 < each.at < DOWN + 3.0]
    assert len(during) <= 10


@pytest.mark.parametrize("part", range(10))
def test_invariants_hold_over_random_schedules_of_faults(tmp_path: Path, part: int) -> None:
    """Deadline kept, attempts bounded, every step tried, no call lost."""
    for seed in range(part, SCHEDULES, 10):
        draw = random.Random(seed)  # noqa: S311 # chooses a course of events
        count, seconds = draw.randrange(1, 4), 300.0
        spells = {number: random_spells(draw, seconds) for number in range(1, count + 1)}
        callers, every = draw.choice((1, 2, 8)), draw.choice((0.5, 3.0, 20.0))
        world = simulate(tmp_path, spells, steadily(min(seconds, 40 * every), every, callers))
        assert len(world.ended) == round(min(seconds, 40 * every) / every)
        for each in world.ended:
            assert each.ended <= each.limit + 0.01, seed
            assert each.attempts <= max(MAX_ATTEMPTS, count), seed
            well = [
                number
                for number in spells
                if world.was_well(number, each.began - RECOVERY_SECONDS, each.ended)
            ]
            assert not (well and each.error), (seed, each, well)


def test_schedules_hold_all_kinds_of_faults() -> None:
    """What is simulated is what fails."""
    found = set[str]()
    for seed in range(SCHEDULES):
        draw = random.Random(seed)  # noqa: S311 # chooses a course of events
        found |= {spell.kind for spell in random_spells(draw, 300.0)}
    assert found == set(KINDS)

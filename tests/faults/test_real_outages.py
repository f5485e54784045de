"""Outages under steady load, with the processes that users start: one worker, and two.

Many at the same time, each of an alias of its own, so that all of them together last half a
minute. `make outages` lets them last as long as the usual open time asks for.
"""

import asyncio
import os
import time
from pathlib import Path

import pytest
from tests.faults.failing_provider import KINDS
from tests.faults.outage_callers import Scene, outages

OPEN_SECONDS = float(os.environ.get("CONDUIT_OUTAGE_OPEN_SECONDS", "3"))
# Of an outage: enough for calls that are two seconds apart to open a circuit.
DOWN_SECONDS = max(11.0, 4 * OPEN_SECONDS)
RECOVERY_SECONDS = OPEN_SECONDS + 10.0
SHORT_SECONDS, USED_AGAIN_SECONDS = 3.0, 5.0
OFTEN, SELDOM = 0.05, 2.0
WARM_SECONDS = 1.0
# How long it takes at most, at the higher rate, until a circuit is open in all workers.
OPENING_SECONDS = 3.0
# For how long it is looked at whether all traffic is back.
LAST_SECONDS = 2.5


def scenes() -> list[Scene]:
    """Return all outages that are to be outlasted."""
    pairs = [(kind, every) for kind in KINDS for every in (OFTEN, SELDOM)]
    return [
        *(Scene(f"{kind}-{every}", kind, every) for kind, every in pairs),
        Scene("flapping", "refused", OFTEN),
        *(Scene(f"only-{kind}", kind, OFTEN, has_fallback=False) for kind in ("refused", "503")),
    ]


async def fail(scene: Scene) -> None:
    """Let a scene's primary fail for its time."""
    await asyncio.sleep(WARM_SECONDS)
    scene.down = time.monotonic()
    if scene.name == "flapping":
        for _ in range(round(DOWN_SECONDS / 2)):
            await scene.primary.fail(scene.kind)
            await asyncio.sleep(1.0)
            await scene.primary.recover()
            await asyncio.sleep(1.0)
    else:
        await scene.primary.fail(scene.kind)
        await asyncio.sleep(DOWN_SECONDS if scene.has_fallback else SHORT_SECONDS)
        await scene.primary.recover()
    scene.up = time.monotonic()


async def outlast(folder: Path, workers: int) -> list[Scene]:
    """Let a gateway with so many workers meet all outages at once; return what came of them."""
    every = scenes()
    env = {
        "CONDUIT_BREAKER_OPEN_SECONDS": f"{OPEN_SECONDS}",
        "CONDUIT_BREAKER_HALF_OPEN_SECONDS": "2",
    }
    async with outages(folder, every, workers, **env) as callers:
        whole = WARM_SECONDS + DOWN_SECONDS + RECOVERY_SECONDS + LAST_SECONDS
        until = time.monotonic() + whole
        async with asyncio.TaskGroup() as tasks:
            for scene in every:
                tasks.create_task(callers.steadily(scene, until))
                tasks.create_task(fail(scene))
    return every


@pytest.mark.skipif(
    "CONDUIT_OUTAGE_OPEN_SECONDS" not in os.environ,
    reason="takes the whole machine: make outages",
)
async def test_no_outage_fails_a_call_and_traffic_comes_back(tmp_path: Path) -> None:
    """The fallback answers, the primary is probed once in a while, and soon used again."""
    numbers = (1, 2)
    met = await asyncio.gather(*(outlast(tmp_path / f"{each}", each) for each in numbers))
    for workers, every in zip(numbers, met, strict=True):
        for scene in every:
            if scene.has_fallback:
                check_no_failure(scene)
                check_probes(scene, workers)
                check_return(scene)
            else:
                check_only_one(scene)


def check_no_failure(scene: Scene) -> None:
    """Hold all calls to having been answered."""
    assert [came for came in scene.came if came.status != 200] == [], scene.name


def check_probes(scene: Scene, workers: int) -> None:
    """Hold what reached the primary while its circuit was open to one a window and worker."""
    if scene.every > OFTEN or scene.name == "flapping":
        return
    opened = scene.down + OPENING_SECONDS
    probes = [at for at in scene.primary.asked if opened < at < scene.up]
    for probe in probes:
        near = [at for at in probes if probe <= at < probe + 0.9 * OPEN_SECONDS]
        assert len(near) <= workers, (scene.name, [at - scene.down for at in probes])
    # What refuses connections sees no probe.
    assert probes or scene.kind == "refused", scene.name


def check_return(scene: Scene) -> None:
    """Hold the primary to being used for all calls again in time."""
    last = [came for came in scene.came if came.began > scene.up + RECOVERY_SECONDS]
    assert last
    if scene.every > OFTEN:
        # So few calls may all be of the share that the gradual return leaves to others.
        last = last[-1:]
    assert {came.provider for came in last} == {scene.name}


def check_only_one(scene: Scene) -> None:
    """Hold an only provider to being used again soon, and its absence to being told at once."""
    back = [came for came in scene.came if came.began > scene.up and came.status == 200]
    assert back[0].began - scene.up < USED_AGAIN_SECONDS, scene.name
    gone = [came for came in scene.came if scene.down + 0.5 < came.began < scene.up - 0.5]
    assert {came.status for came in gone} <= {502, 503}
    assert max(came.seconds for came in gone) < STEP_BOUND_SECONDS


# Of a failure that is told at once, on a busy machine.
STEP_BOUND_SECONDS = 1.5

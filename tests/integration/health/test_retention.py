"""How long Health keeps what it notes is an operator's to say."""

import dataclasses

from tests.integration.health.conftest import NOW, Bench
from tests.support.waiting import eventually

from conduit.v1.provider_health_pb2 import HEALTH_STATUS_HEALTHY
from conduit_health.bootstrap import MIGRATIONS, SERVICE
from conduit_health.history.recorder import HistoryPoint
from conduit_health.history.store import HistoryStore
from conduit_kernel.database import open_database

DAY = 86_400.0


async def test_history_is_kept_for_as_many_days_as_the_setting_says(bench: Bench) -> None:
    """What is older goes with the start; what is younger stays."""
    bench.settings = dataclasses.replace(bench.settings, history_days=2)
    old, young = (
        HistoryPoint(9, at, HEALTH_STATUS_HEALTHY, 100, "", is_probe=False)
        for at in (NOW - 2 * DAY - 1, NOW - 2 * DAY + 1)
    )
    engine = await open_database(bench.settings, SERVICE, MIGRATIONS)
    store = HistoryStore(engine)
    try:
        await store.add([old, young])

        async def is_forgotten() -> bool:
            return await store.since(9, 0, 9) == [young]

        async with bench.health(has_registry=False):
            await eventually(is_forgotten)
    finally:
        await engine.dispose()

"""Measures, in a process of its own, what money takes of each call's CPU. Prints JSON.

- `router`: to reserve from leases at hand, to make the charge, to write it to the spool and to
  settle; the median of many loops, in each of which the next call's code is in the caches.
- `alike` and `mixed`: to store a charge at Billing, on SQLite, of deliveries as routers make them
  under load: of one virtual key and model, and of a thousand keys and ten models.
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from ledger import ledger_in
from made_charges import (
    BATCH,
    INPUT_PRICE,
    OUTPUT_PRICE,
    Fill,
    deliver,
    run_like_a_service,
)

from conduit.internal.v1.price_pb2 import Price, UnitPrice
from conduit.internal.v1.snapshot_pb2 import Snapshot, SnapshotKey
from conduit.v1.charge_pb2 import UNIT_INPUT_TOKEN, UNIT_OUTPUT_TOKEN, USAGE_SOURCE_PROVIDER
from conduit.v1.key_credential_pb2 import KeyCredential
from conduit.v1.model_mapping_pb2 import ModelMapping
from conduit.v1.provider_pb2 import Provider
from conduit_kernel.ids import IdSource
from conduit_kernel.secrets import Vault
from conduit_kernel.snapshot import Changes, SnapshotState
from conduit_providers.auth.secret_files import NO_FILES
from conduit_providers.catalog import load_catalog
from conduit_providers.operation import Requirements
from conduit_providers.quantities import plain
from conduit_router.accounting.charging import ChargeRecorder
from conduit_router.accounting.prices import PriceList
from conduit_router.accounting.spool import Spool
from conduit_router.context import CallerContext
from conduit_router.routing.attempt_plan import Attempt, Consumption
from conduit_router.routing.compile import Compiler
from conduit_router.routing.policy import UsagePolicy
from conduit_router.routing.table import EMPTY_TABLE, Caller, Candidate
from conduit_router.routing.updates import TableDraft
from conduit_router.spending.leases import Grant
from conduit_router.spending.purse import Needs
from conduit_router.spending.reserver import Reserver

ALIAS = "bench"
CALLS, LOOPS = 2_000, 25
PLENTY = 10**12
DELIVERIES = 25


class PlentyOfLeases:
    """Grants all that is asked for."""

    async def acquire(
        self, name: str, virtual_key_id: int, least: int, amount: int, spare: int
    ) -> Grant:
        """Return a lease that no loop uses up."""
        return Grant(PLENTY, 3_600.0, 3_600.0, PLENTY, PLENTY, 60.0)

    async def renew(self, names: list[str]) -> list[str]:
        """Renew all."""
        return []

    async def release(self, name: str, spent: int, left: int) -> None:
        """Take it."""


def candidate() -> Candidate:
    """Return the only candidate of the alias."""
    vault = Vault(bytes(32))
    snapshot = Snapshot(
        epoch="bench",
        providers=[Provider(id=1, name="Bench", provider_type="OpenAI", is_enabled=True, weight=1)],
        keys=[
            SnapshotKey(
                credential=KeyCredential(id="key_1", provider_id=1, is_enabled=True),
                secret=vault.seal("sk-bench", "key_1"),
            )
        ],
        mappings=[
            ModelMapping(
                id=1,
                model_alias=ALIAS,
                provider_id=1,
                actual_model_name="bench-model",
                is_enabled=True,
            )
        ],
    )
    compiler = Compiler(load_catalog(), vault, {})
    draft, changes = (
        TableDraft(EMPTY_TABLE, SnapshotState.of(snapshot), compiler),
        Changes(is_everything=True),
    )
    for pieces in (
        draft.instances(changes),
        draft.finish_instances(NO_FILES),
        draft.routes(changes),
        draft.callers(changes),
    ):
        for _ in pieces:
            pass
    return draft.finish().after.routes[ALIAS].candidates[0]


def prices() -> PriceList:
    """Return the prices of its model."""
    found = PriceList()
    units = [
        UnitPrice(unit=unit, nano_usd_per_million=price)
        for unit, price in ((UNIT_INPUT_TOKEN, INPUT_PRICE), (UNIT_OUTPUT_TOKEN, OUTPUT_PRICE))
    ]
    found.load(
        [Price(provider_id=1, actual_model_name="bench-model", unit_prices=units, version="1")]
    )
    return found


async def router_us(folder: Path) -> float:
    """Return the microseconds of CPU of reserving, charging, spooling and settling a call."""
    spool = Spool(folder)
    recorder = ChargeRecorder(spool, prices(), IdSource(), time.time)
    chosen = candidate()
    attempt = Attempt(chosen, chosen.instance.keys[0], is_retry=False)
    usage = UsagePolicy(requests=PLENTY, tokens=PLENTY, concurrent=PLENTY, has_budget=True)
    holder = Caller(1, is_enabled=True, expires_at=1e18, allowed=None, usage=usage)
    caller = CallerContext(holder, f"req_{IdSource().next()}", "")
    chat, used = (
        Requirements(ALIAS, "chat"),
        Consumption(plain(1_200, 300), USAGE_SOURCE_PROVIDER, is_complete=True),
    )
    counts, needs = recorder.counts_of(attempt, "chat"), Needs(20_000_000, 2_000)
    reserver = Reserver(lambda _: PlentyOfLeases(), IdSource().next, time.monotonic)
    (await reserver.take(holder, usage, needs, 5.0)).end()
    costs = []
    for _ in range(LOOPS):
        before = time.process_time()
        for _ in range(CALLS):
            reserved = reserver.at_hand(1, usage, needs, time.monotonic())
            assert reserved is not None  # noqa: S101 # there is plenty
            recorder.charge(caller, chat, attempt, used, 812.4, counts=counts, paid_from=reserved)
            reserved.end()
        costs.append((time.process_time() - before) * 1e6 / CALLS)
        # Nobody delivers here.
        spool.rotate()
    await spool.aclose()
    return statistics.median(costs)


async def billing_us(folder: Path, *, is_alike: bool) -> float:
    """Return the microseconds of CPU of storing a charge."""
    count = DELIVERIES * BATCH
    async with ledger_in(folder, is_postgresql=False) as engine:
        return statistics.median(await deliver(engine, Fill(count, is_alike=is_alike), count))


async def measure(folder: Path) -> dict[str, float]:
    """Return all figures by name."""
    return {
        "router": await router_us(folder / "spool"),
        "alike": await billing_us(folder / "alike", is_alike=True),
        "mixed": await billing_us(folder / "mixed", is_alike=False),
    }


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="conduit-paid-") as folder:
        json.dump(run_like_a_service(measure(Path(folder))), sys.stdout)


if __name__ == "__main__":
    main()

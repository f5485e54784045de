"""Makes charges as routers deliver them, and measures what Billing takes to store them."""

import gc
import random
import time
from collections.abc import Coroutine
from typing import TypeVar

import uvloop
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy.ext.asyncio import AsyncEngine

from conduit.internal.v1.call_tally_pb2 import CallTally
from conduit.internal.v1.ledger_service_pb2 import RecordChargesRequest
from conduit.v1.charge_pb2 import UNIT_INPUT_TOKEN, UNIT_OUTPUT_TOKEN, USAGE_SOURCE_PROVIDER
from conduit_billing.ledger.attempt_stats import read_attempt_stats
from conduit_billing.ledger.charges import (
    Attribution,
    Line,
    PostedCharge,
    charge_message,
    read_charge,
)
from conduit_billing.ledger.store import LedgerStore
from conduit_billing.money import cost_of
from conduit_kernel.ids import IdSource

# 2026-11-01T00:00:00Z, and as many days as there are charges of.
FIRST_SECOND, DAYS = 1_793_491_200, 30
# As many charges as a router delivers at once under load.
BATCH = 1_000
VIRTUAL_KEYS, INSTANCES, KEYS, RARE = 1_000, 5, 15, 3e-5
ALIASES = [f"alias-{number}" for number in range(10)]
KEY_IDS = [f"key_{number + 1}" for number in range(KEYS)]
INPUT_PRICE, OUTPUT_PRICE = 2_500_000_000, 10_000_000_000

T = TypeVar("T")


class Fill:
    """Makes charges in order of time."""

    def __init__(self, count: int, *, is_alike: bool = False) -> None:
        """Take how many there are in all days, and whether all are of one virtual key and model."""
        self.count = count
        self._is_alike = is_alike
        self._chance = random.Random(7)  # noqa: S311 # the same charges in every run
        self._now = float(FIRST_SECOND)
        self._step = DAYS * 86_400 / count
        self._ids = IdSource(lambda: self._now)
        self.request_id = ""

    def charge(self) -> PostedCharge:
        """Return the next one."""
        chance = self._chance
        self._now += self._step
        key, number, alias, is_rare = 0, 1, ALIASES[0], False
        if not self._is_alike:
            key = int(chance.random() * KEYS)
            number = min(int(chance.paretovariate(0.6)), VIRTUAL_KEYS)
            # A few of a hundred thousand have an alias that nearly nobody uses, and no price.
            is_rare = chance.random() < RARE
            alias = "rare" if is_rare else ALIASES[int(chance.random() * len(ALIASES))]
        read, written = int(chance.random() * 4_000), int(chance.random() * 1_000)
        in_price, out_price = (None, None) if is_rare else (INPUT_PRICE, OUTPUT_PRICE)
        lines = Line(UNIT_INPUT_TOKEN, read, in_price), Line(UNIT_OUTPUT_TOKEN, written, out_price)
        self.request_id = f"req_{self._ids.next()}"
        return PostedCharge(
            id=self._ids.next(),
            request_id=self.request_id,
            occurred_at=int(self._now * 1e6),
            attribution=Attribution(
                1 + key % INSTANCES,
                "OpenAI",
                KEY_IDS[key],
                "production" if key % 2 else "development",
                alias,
                f"gpt-{alias}",
                "chat",
                "" if is_rare else "rule:1@2026-11-01T00:00:00Z",
            ),
            virtual_key_id=number,
            cost=None if is_rare else cost_of([(line.quantity, line.price) for line in lines]),
            usage_source=USAGE_SOURCE_PROVIDER,
            is_complete=True,
            duration_ms=200 + int(chance.random() * 9_000),
            qualifiers=(),
            lines=lines,
        )

    def tally(self) -> CallTally:
        """Return the statistics of a batch's attempts at an instance."""
        return CallTally(
            id=self._ids.next(),
            started_at=Timestamp(seconds=int(self._now)),
            provider_id=1 + self._chance.randrange(INSTANCES),
            successes=BATCH - 3,
            failures=3,
            duration_buckets=dict.fromkeys(range(30, 80), 10),
            duration_ms_sum=BATCH * 900,
        )


def run_like_a_service(work: Coroutine[None, None, T]) -> T:
    """Run on the event loop, and with the garbage collector's limits, of Conduit's processes."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    return uvloop.run(work)


async def deliver(engine: AsyncEngine, source: Fill, count: int) -> list[float]:
    """Store charges as routers deliver them; return the CPU of one in microseconds each time."""
    store, costs = LedgerStore(engine), list[float]()
    for _ in range(count // BATCH):
        batch = [charge_message(source.charge()) for _ in range(BATCH)]
        data = RecordChargesRequest(charges=batch, tallies=[source.tally()]).SerializeToString()
        before = time.process_time()
        request = RecordChargesRequest.FromString(data)
        charges = [read_charge(each, "charge") for each in request.charges]
        stats = [read_attempt_stats(each, "tally") for each in request.tallies]
        await store.record(charges, stats, charges[-1].occurred_at)
        costs.append((time.process_time() - before) * 1e6 / BATCH)
    return costs

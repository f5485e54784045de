"""Each attempt is recorded once, also while the disk refuses."""

import errno
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.support.call_bench import CALLER, Bench, used
from tests.support.disk import refuse
from tests.support.snapshots import ALIAS

from conduit.internal.v1.price_pb2 import Price, UnitPrice
from conduit.v1.charge_pb2 import (
    UNIT_INPUT_TOKEN,
    UNIT_OUTPUT_TOKEN,
    USAGE_SOURCE_PROVIDER,
)
from conduit_kernel.errors import UpstreamError
from conduit_kernel.ids import IdSource
from conduit_providers.operation import Requirements
from conduit_router.accounting import charging
from conduit_router.accounting.charging import LEAST_BUCKET, ChargeRecorder
from conduit_router.accounting.prices import PriceList
from conduit_router.routing.attempt_plan import Attempt

CHAT = Requirements(ALIAS, "chat")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a spool, an attempt's table and a clock."""
    made = Bench(tmp_path)
    made.now = 1_795_435_200.25
    return made


def attempt(bench: Bench) -> Attempt:
    """Return an attempt at the first instance."""
    candidate = bench.runtime.table.routes[ALIAS].candidates[0]
    return Attempt(candidate, candidate.instance.keys[0], is_retry=False)


def charged(
    bench: Bench,
    recorder: ChargeRecorder,
    request_id: str = "req_1",
    provider_cost: int | None = None,
) -> int | None:
    """Charge what an attempt used."""
    caller = replace(CALLER, request_id=request_id)
    made, consumption = attempt(bench), used()
    consumption = replace(consumption, usage=consumption.usage.costing(provider_cost))
    counts = recorder.counts_of(made, CHAT.operation)
    return recorder.charge(caller, CHAT, made, consumption, 800.9, counts=counts)


def test_a_charge_says_who_asked_whom_for_what_and_when(bench: Bench) -> None:
    """And has an id of its own; what the price is unknown for costs nothing that is known."""
    assert charged(bench, bench.recorder, "req_\u00fc") is None
    charges, _ = bench.records()
    [charge] = charges
    assert charge.id
    assert not charge.HasField("cost_nano_usd")
    assert (charge.request_id, charge.provider_id, charge.key_id) == ("req_\u00fc", 1, "key_1")
    assert (charge.model_alias, charge.actual_model_name) == (ALIAS, "model-1")
    assert (charge.virtual_key_id, charge.usage_source) == (1, USAGE_SOURCE_PROVIDER)
    assert (charge.occurred_at.ToMilliseconds(), charge.duration_ms) == (1_795_435_200_250, 800)
    assert {line.unit: line.quantity for line in charge.lines}[UNIT_INPUT_TOKEN] == 3


def test_a_charge_keeps_the_providers_own_word_on_its_cost(bench: Bench) -> None:
    """Beside ours, which it does not change; nothing is a word, too."""
    for told in (None, 0, 7_000):
        assert charged(bench, bench.recorder, provider_cost=told) is None
    silent, free, told_7 = bench.records()[0]
    assert not silent.HasField("provider_cost_nano_usd")
    assert free.HasField("provider_cost_nano_usd")
    assert (free.provider_cost_nano_usd, told_7.provider_cost_nano_usd) == (0, 7_000)


def test_two_charges_of_a_kind_share_no_more_than_the_kind(bench: Bench) -> None:
    """The constant part is kept; ids, requests and times are not."""
    charged(bench, bench.recorder)
    bench.now += 1.5
    charged(bench, bench.recorder, "req_2")
    first, second = bench.records()[0]
    assert first.id != second.id
    assert [first.request_id, second.request_id] == ["req_1", "req_2"]
    assert second.occurred_at.ToMilliseconds() - first.occurred_at.ToMilliseconds() == 1500


def test_a_known_price_is_the_cost(bench: Bench) -> None:
    """With the version by which it can be found again."""
    prices = PriceList()
    units = [
        UnitPrice(unit=unit, nano_usd_per_million=price)
        for unit, price in ((UNIT_INPUT_TOKEN, 10**9), (UNIT_OUTPUT_TOKEN, 2 * 10**9))
    ]
    prices.load(
        [Price(provider_id=1, actual_model_name="model-1", unit_prices=units, version="v1")]
    )
    recorder = ChargeRecorder(bench.spool, prices, IdSource(lambda: bench.now), lambda: bench.now)
    # Three tokens read, and five written.
    assert charged(bench, recorder) == 13_000
    [charge] = bench.records()[0]
    assert (charge.cost_nano_usd, charge.price_version) == (13_000, "v1")


def test_kinds_without_end_do_not_fill_the_memory(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Callers have a hand in what makes a kind."""
    monkeypatch.setattr(charging, "MAX_CONSTANTS", 2)
    made = attempt(bench)
    for number in range(5):
        counts = bench.recorder.counts_of(made, CHAT.operation)
        bench.recorder.charge(
            CALLER, replace(CHAT, model=f"m{number}"), made, used(), 1.0, counts=counts
        )
        assert len(made.key.charges) <= 2
    assert [charge.model_alias for charge in bench.records()[0]] == [f"m{n}" for n in range(5)]


async def test_attempts_add_up_while_the_disk_refuses(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flush each second makes no record each second of what must wait in memory."""
    with monkeypatch.context() as patch:
        refuse(patch, "write", errno.ENOSPC)
        charged(bench, bench.recorder)
        for _ in range(3):
            bench.recorder.count_attempt(attempt(bench), CHAT, 10.0)
            bench.recorder.flush()
        assert len(bench.recorder.backlog.records) == 1
    await bench.recorder.backlog.retry()
    charges, tallies = bench.records()
    assert (len(charges), tallies[1].successes) == (1, 3)


def test_attempts_are_counted_until_they_are_flushed(bench: Bench) -> None:
    """Once; buckets below the tenth millisecond tell short ones apart."""
    recorder = bench.recorder
    made = attempt(bench)
    recorder.count_attempt(made, CHAT, 0.0)
    recorder.count_attempt(made, CHAT, 1.7)
    for duration in (10.0, 11.5):
        recorder.count_attempt(made, CHAT, duration, UpstreamError("failed"))
    # Of what is nobody's fault but the caller's, a provider's figures say nothing.
    recorder.count_attempt(made, CHAT, 5.0, GeneratorExit())
    _, tallies = bench.records()
    assert (tallies[1].successes, tallies[1].failures) == (2, 2)
    assert dict(tallies[1].duration_buckets) == {LEAST_BUCKET: 1, -19: 1, 0: 1, 1: 1}
    assert tallies[1].duration_ms_sum == 23
    recorder.flush()
    assert len(bench.records()[1]) == 1

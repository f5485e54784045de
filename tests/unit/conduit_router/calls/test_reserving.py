"""What calls of a key with a hard budget reserve, and what becomes of it."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.support.call_bench import CALLER, Bench, used
from tests.unit.conduit_router.spending.test_lease_pool import Ledger

from conduit.internal.v1.price_pb2 import Price, UnitPrice
from conduit.v1.charge_pb2 import UNIT_INPUT_TOKEN, UNIT_OUTPUT_TOKEN
from conduit_kernel.errors import BudgetExceeded, CostUnknown
from conduit_kernel.ids import IdSource
from conduit_providers.operations.chat import OPERATION, chat_request
from conduit_router.calls.call_scope import CallScope, admit
from conduit_router.calls.reserving import reserve
from conduit_router.routing.policy import UsagePolicy
from conduit_router.spending.lease_pool import LeasePool

BODY = b'{"model":"gpt","max_tokens":10,"messages":[{"role":"user","content":"hello"}]}'
# What it reads at most, and writes, at a nano-dollar and two for each token.
NEEDED = len(BODY) + 20
MILLION = 1_000_000


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a runtime with two priced candidates."""
    made = Bench(tmp_path)
    made.recorder.prices.load([price(1), price(2)])
    return made


def price(provider_id: int, written: int = 2) -> Price:
    """Return the prices of a candidate's model."""
    units = [
        UnitPrice(unit=UNIT_INPUT_TOKEN, nano_usd_per_million=MILLION),
        UnitPrice(unit=UNIT_OUTPUT_TOKEN, nano_usd_per_million=written * MILLION),
    ]
    return Price(
        provider_id=provider_id,
        actual_model_name=f"model-{provider_id}",
        unit_prices=units,
        version="v",
    )


def admitted(bench: Bench, ledger: Ledger) -> CallScope:
    """Admit a chat of a key with a hard budget, which a ledger keeps."""
    bench.runtime.budgets = LeasePool(ledger, IdSource().next, lambda: bench.now)
    caller = replace(CALLER, caller=replace(CALLER.caller, usage=UsagePolicy(has_budget=True)))
    form = chat_request(json=BODY)
    return admit(bench.runtime, OPERATION, form, None, caller, stream=False)


async def test_a_call_reserves_its_most_cost_and_pays_what_it_is(bench: Bench) -> None:
    """Its charge names the lease; the rest is there for the next call."""
    with admitted(bench, Ledger(1_000)) as scope:
        await reserve(scope)
        assert scope.reservation is not None
        assert scope.reservation.amount == NEEDED
        attempt = bench.begun(scope)
        attempt.consumption = used()
        scope.succeed(attempt)
        assert scope.reservation.spent == 3 + 2 * 5
    (charge,), _ = bench.records()
    assert charge.lease_id == scope.reservation.lease_id
    again = bench.runtime.budgets.reserve(scope.caller.caller, 1_000 - 13, bench.now)
    assert again is not None


async def test_a_call_that_was_refused_holds_nothing(bench: Bench) -> None:
    """It ends as every call does."""
    ledger = Ledger(NEEDED - 1)
    with pytest.raises(BudgetExceeded), admitted(bench, ledger) as scope:
        await reserve(scope)
    assert bench.codes == ["BUDGET_EXCEEDED"]
    assert bench.runtime.under_way.count == 0


async def test_a_call_that_crashes_gives_back_what_it_held(bench: Bench) -> None:
    """And one whose caller leaves."""
    for end in (RuntimeError("crash"), GeneratorExit()):
        with pytest.raises(type(end)), admitted(bench, Ledger(NEEDED)) as scope:  # noqa: PT012 # it is what raises
            await reserve(scope)
            raise end
        assert bench.runtime.budgets.reserve(scope.caller.caller, NEEDED, bench.now) is not None


async def test_the_dearest_candidate_is_reserved_for(bench: Bench) -> None:
    """The call may end there."""
    bench.recorder.prices.load([price(1), price(2, written=9)])
    with admitted(bench, Ledger(1_000)) as scope:
        await reserve(scope)
        assert scope.needed == len(BODY) + 90


async def test_what_nobody_can_price_is_refused(bench: Bench) -> None:
    """If one of the candidates has no price."""
    bench.recorder.prices.load([price(1)])
    with pytest.raises(CostUnknown), admitted(bench, Ledger(1_000)) as scope:
        await reserve(scope)


async def test_what_is_free_needs_no_lease(bench: Bench) -> None:
    """Nobody is asked for it."""
    free = [price(1, written=0), price(2, written=0)]
    for each in free:
        each.unit_prices[0].nano_usd_per_million = 0
    bench.recorder.prices.load(free)
    ledger = Ledger(0)
    with admitted(bench, ledger) as scope:
        await reserve(scope)
    assert ledger.asked == []


async def test_an_attempt_after_one_that_was_charged_is_covered_or_not_made(bench: Bench) -> None:
    """More is reserved for it where the lease has room."""
    for room, is_made in ((NEEDED + 13, True), (NEEDED + 12, False)):
        with admitted(bench, Ledger(room)) as scope:
            await reserve(scope)
            attempt = bench.begun(scope)
            attempt.consumption = used(is_complete=False)
            scope.end_attempt(attempt, RuntimeError())
            if is_made:
                scope.attempt = None
                assert bench.begun(scope)
                scope.attempt = None
                continue
            with pytest.raises(BudgetExceeded, match="another attempt"):
                bench.begun(scope)

"""What calls of a key with a hard budget reserve, and what becomes of it."""

from contextlib import suppress
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.support.call_bench import CALLER, Bench, used
from tests.support.garbage import calls, no_collector, nothing_is_left
from tests.unit.conduit_router.spending.test_lease_pool import Ledger

from conduit.internal.v1.price_pb2 import Price, UnitPrice
from conduit.v1.charge_pb2 import UNIT_INPUT_TOKEN, UNIT_OUTPUT_TOKEN
from conduit_kernel.errors import BudgetExceeded, CostUnknown, ServiceUnavailable
from conduit_kernel.ids import IdSource
from conduit_providers.operations.chat import OPERATION, chat_request
from conduit_router.calls.call_scope import CallScope, admit
from conduit_router.calls.reserving import reserve
from conduit_router.routing.policy import UsagePolicy
from conduit_router.spending.reserver import BUDGET, Reserver

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
    bench.runtime.reserver = Reserver(lambda _: ledger, IdSource().next, lambda: bench.now)
    caller = replace(CALLER, caller=replace(CALLER.caller, usage=UsagePolicy(has_budget=True)))
    form = chat_request(json=BODY)
    return admit(bench.runtime, OPERATION, form, None, caller, stream=False)


def at_hand(bench: Bench, amount: int) -> bool:
    """Return whether the lease of the key's budget has so much room."""
    budgets = bench.runtime.reserver.pools[BUDGET]
    return budgets.at_hand(CALLER.caller.virtual_key_id, amount, bench.now) is not None


async def test_a_call_reserves_its_most_cost_and_pays_what_it_is(bench: Bench) -> None:
    """Its charge names the lease; the rest is there for the next call."""
    with admitted(bench, Ledger(1_000)) as scope:
        await reserve(scope)
        assert scope.reserved is not None
        assert scope.reserved.most_cost == NEEDED
        attempt = bench.begun(scope)
        attempt.consumption = used()
        scope.succeed(attempt)
        assert scope.reserved.spent == 3 + 2 * 5
    (charge,), _ = bench.records()
    assert scope.reserved.cost is not None
    assert charge.lease_id == scope.reserved.cost.id
    assert at_hand(bench, 1_000 - 13)


async def test_a_call_that_was_refused_holds_nothing(bench: Bench) -> None:
    """It ends as every call does."""
    ledger = Ledger(NEEDED - 1)
    with pytest.raises(BudgetExceeded), admitted(bench, ledger) as scope:
        await reserve(scope)
    assert bench.codes == ["BUDGET_EXCEEDED"]
    assert bench.runtime.under_way.count == 0


async def test_a_call_that_was_refused_leaves_nothing_in_memory(bench: Bench) -> None:
    """Why Billing granted nothing is told to the next ones as well, without whose call it was."""
    with no_collector():
        before = calls()
        with suppress(BudgetExceeded), admitted(bench, Ledger(NEEDED - 1)) as scope:
            await reserve(scope)
        del scope
        await nothing_is_left(before)


async def test_a_call_that_crashes_gives_back_what_it_held(bench: Bench) -> None:
    """And one whose caller leaves."""
    for end in (RuntimeError("crash"), GeneratorExit()):
        with pytest.raises(type(end)), admitted(bench, Ledger(NEEDED)) as scope:  # noqa: PT012 # it is what raises
            await reserve(scope)
            raise end
        assert at_hand(bench, NEEDED)


async def test_the_dearest_candidate_is_reserved_for(bench: Bench) -> None:
    """The call may end there."""
    bench.recorder.prices.load([price(1), price(2, written=9)])
    with admitted(bench, Ledger(1_000)) as scope:
        await reserve(scope)
        assert scope.needed == len(BODY) + 90


async def test_a_router_that_has_just_started_says_so(tmp_path: Path) -> None:
    """It does not know yet what costs nothing that anybody knows: its caller may come again."""
    with pytest.raises(ServiceUnavailable) as told, admitted(Bench(tmp_path), Ledger(9)) as scope:
        await reserve(scope)
    assert told.value.metadata["retry_after_ms"] == "1000"


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


@pytest.mark.parametrize(
    "most", ["", '"max_tokens":10,', '"max_tokens":0,', '"max_tokens":7,"n":3,']
)
@pytest.mark.parametrize("window", [0, 60, 10**6])
async def test_a_text_for_one_candidate_needs_what_any_call_does(
    bench: Bench, most: str, window: int
) -> None:
    """Most calls are such, and are reckoned the short way; others come to the same the long one."""
    one, other = price(1), price(2)
    one.context_window = other.context_window = window
    bench.recorder.prices.load([one, other])
    usage = UsagePolicy(has_budget=True, tokens=10**9)
    body = b'{"model":"gpt",%b"messages":[{"role":"user","content":"hello"}]}' % most.encode()
    caller = replace(CALLER, caller=replace(CALLER.caller, usage=usage))
    found = []
    for candidates in (1, 2):
        form = chat_request(json=body)
        with admit(bench.runtime, OPERATION, form, None, caller, stream=False) as scope:
            chosen = scope.decision.candidates[:candidates]
            scope.decision = replace(scope.decision, candidates=chosen)
            bench.runtime.reserver = Reserver(
                lambda _: Ledger(10**12), IdSource().next, lambda: bench.now
            )
            await reserve(scope)
            assert scope.reserved is not None
            found.append((scope.needed, scope.reserved.most_cost, scope.reserved.most_tokens))
    assert found[0] == found[1]

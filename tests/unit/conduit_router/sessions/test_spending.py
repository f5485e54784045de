"""Sessions of keys with hard budgets: piece by piece, to the budget's end and not beyond."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.scripted_upstream import Act
from tests.support.session_bench import ASK, Caller, said, session, start
from tests.support.session_upstream import (
    RESPONSE_CREATED,
    RESPONSE_DONE,
    STARTED,
    answers,
    closed,
    created,
    event,
    holding,
)
from tests.unit.conduit_router.spending.test_lease_pool import Ledger

from conduit.internal.v1.price_pb2 import Price, UnitPrice
from conduit.v1.charge_pb2 import UNIT_SESSION_MILLISECOND, Unit
from conduit_kernel.errors import BudgetExceeded, CostUnknown, ServiceUnavailable
from conduit_kernel.ids import IdSource
from conduit_kernel.websocket import WebSocket
from conduit_providers.quantities import LEAVES, OUTPUT_LEAVES
from conduit_router.calls.needed_cost import PIECE_SECONDS
from conduit_router.routing.policy import UsagePolicy
from conduit_router.spending.reserver import Reserver
from conduit_router.spending.session_cost import MOST_WRITTEN

MILLION = 1_000_000
# What is written costs a nano-dollar a token: a response of `RESPONSE_DONE`, and the most of one.
COST, PIECE = 121, MOST_WRITTEN
TURN = (RESPONSE_CREATED, RESPONSE_DONE)
# A nano-dollar for each millisecond.
SECOND = 1_000


def prices(units: dict[int, int], *models: str) -> list[Price]:
    """Return the prices of models, at both instances."""
    found = [
        UnitPrice(unit=Unit.ValueType(unit), nano_usd_per_million=price)
        for unit, price in units.items()
    ]
    return [
        Price(provider_id=number, actual_model_name=model, unit_prices=found, version="v")
        for number in (1, 2)
        for model in models or ("model-1", "model-2")
    ]


TOKENS = dict.fromkeys(LEAVES, 0) | dict.fromkeys(OUTPUT_LEAVES, MILLION)
TIME = {int(UNIT_SESSION_MILLISECOND): MILLION}


@asynccontextmanager
async def paid(
    folder: Path,
    ledger: Ledger,
    *acts: Act,
    units: dict[int, int] = TOKENS,
    **more: Any,  # noqa: ANN401 # of the bench
) -> AsyncIterator[Caller]:
    """Hold a session of a key with a hard budget, which a ledger keeps."""
    async with session(folder, *acts, usage=UsagePolicy(has_budget=True), **more) as caller:
        runtime = caller.bench.runtime
        runtime.reserver = Reserver(lambda _: ledger, IdSource().next, runtime.clock)
        caller.bench.recorder.prices.load(prices(units))
        yield caller


async def give_back(caller: Caller, ledger: Ledger) -> None:
    """Have the router give back what no call goes on with."""
    for pool in caller.bench.runtime.reserver.pools.values():
        await pool.close()
    assert ledger.open == {}


async def test_a_session_begins_if_a_piece_is_covered(tmp_path: Path) -> None:
    """What it did not use goes back at its end."""
    ledger = Ledger(PIECE)
    async with paid(tmp_path, ledger, answers(*TURN)) as caller:
        await caller.get(2)
        assert caller.error is None
        assert ledger.left == 0
        caller.leave()
        await caller.get()
        await give_back(caller, ledger)
        assert ledger.left == PIECE


async def test_a_session_that_is_not_covered_is_refused(tmp_path: Path) -> None:
    """Before its provider is asked."""
    async with paid(tmp_path, Ledger(PIECE - 1), answers(*TURN)) as caller:
        await caller.get()
        assert isinstance(caller.error, BudgetExceeded)
        assert caller.upstream.paths == []


@pytest.mark.parametrize("spare", [0, 10 * PIECE])
@pytest.mark.parametrize("responses", [1, 3])
async def test_a_session_ends_where_the_budget_does(
    tmp_path: Path, spare: int, responses: int
) -> None:
    """With the error that says why, once there is no room for one more response.

    In leases without any spare each piece is another one's, and its charge names it.
    """
    ledger = Ledger(PIECE + responses * COST - 1)
    ledger.most_spare = spare
    async with paid(tmp_path, ledger, answers(*TURN)) as caller:
        caller.say(*[said(ASK)] * (responses + 3))
        await caller.get()
        assert isinstance(caller.error, BudgetExceeded)
        done = [each for each in caller.events if each["type"] == "response.done"]
        # Callers say things without waiting for answers: so much they are ahead.
        assert responses <= len(done) <= responses + 3
        charges = caller.charges
        assert sum(each.cost_nano_usd for each in charges) == len(done) * COST
        assert all(each.lease_id for each in charges)
        await give_back(caller, ledger)
        assert ledger.left == PIECE + responses * COST - 1 - len(done) * COST
        assert ledger.left >= 0


async def test_a_session_that_waits_for_its_answers_spends_no_more_than_its_budget(
    tmp_path: Path,
) -> None:
    """One response after the other: the one that there is no room for is not asked for."""
    ledger = Ledger(PIECE + 2 * COST)
    async with paid(tmp_path, ledger, answers(*TURN)) as caller:
        await caller.get(2)
        while caller.error is None:
            caller.say(said(ASK))
            await caller.get(2)
        assert isinstance(caller.error, BudgetExceeded)
        await give_back(caller, ledger)
        assert 0 <= ledger.left < PIECE


async def test_a_session_is_one_charge_while_its_lease_has_room(tmp_path: Path) -> None:
    """However many responses it has."""
    ledger = Ledger(100 * PIECE)
    async with paid(tmp_path, ledger, answers(*TURN)) as caller:
        caller.say(*[said(ASK)] * 3)
        await caller.get(2 + 6)
        caller.leave()
        await caller.get()
        assert caller.error is None
        [charge] = caller.charges
        assert (charge.cost_nano_usd, bool(charge.lease_id)) == (3 * COST, True)
        assert caller.end.report.cost_nano_usd == 3 * COST


async def test_the_end_says_what_all_of_its_charges_cost(tmp_path: Path) -> None:
    """Where it had several leases."""
    ledger = Ledger(10 * PIECE)
    ledger.most_spare = 0
    async with paid(tmp_path, ledger, answers(*TURN)) as caller:
        for _ in range(3):
            caller.say(said(ASK))
            await caller.get(2)
        await caller.get(2)
        caller.leave()
        await caller.get()
        assert caller.error is None
        assert len(caller.charges) > 1
        assert sum(each.cost_nano_usd for each in caller.charges) == 3 * COST
        assert caller.end.report.cost_nano_usd == 3 * COST
        await give_back(caller, ledger)
        assert ledger.left == 10 * PIECE - 3 * COST


def lasting(*seconds: int) -> Act:
    """Hold a live session that says how long it is by now, over and over."""

    async def script(socket: WebSocket) -> None:
        await socket.receive()
        await socket.send(STARTED)
        for each in seconds:
            await socket.send(event("session.usage.updated", usage={"seconds": each}))
            # Each is looked at by itself.
            await asyncio.sleep(0.05)
        await socket.send(closed(seconds[-1]))
        await socket.close()

    return holding(script)


async def test_a_live_session_is_paid_by_its_time(tmp_path: Path) -> None:
    """It has no end of two hours to be covered: a piece of it is enough."""
    ledger = Ledger(2 * PIECE_SECONDS * SECOND)
    async with paid(tmp_path, ledger, lasting(1, 9), units=TIME, first=start(live=True)) as caller:
        caller.say(said(event("session.start", session={"model": "gpt"})))
        await caller.get()
        assert caller.error is None
        assert sum(each.cost_nano_usd for each in caller.charges) == 9 * SECOND
        await give_back(caller, ledger)
        assert ledger.left == 2 * PIECE_SECONDS * SECOND - 9 * SECOND


async def test_a_live_session_ends_where_the_budget_does(tmp_path: Path) -> None:
    """Its last piece is used but for some seconds."""
    ledger = Ledger(PIECE_SECONDS * SECOND)
    ledger.most_spare = 0
    act = lasting(10, 20, 24, 26, 40, 50)
    async with paid(tmp_path, ledger, act, units=TIME, first=start(live=True)) as caller:
        caller.say(said(event("session.start", session={"model": "gpt"})))
        await caller.get()
        assert isinstance(caller.error, BudgetExceeded)
        spent = sum(each.cost_nano_usd for each in caller.charges)
        assert 26 * SECOND <= spent <= PIECE_SECONDS * SECOND


async def test_a_model_without_a_price_ends_the_session(tmp_path: Path) -> None:
    """That of transcriptions, say, of which nobody knows what it costs."""
    done = event(
        "conversation.item.input_audio_transcription.completed",
        item_id="item_1",
        content_index=0,
        transcript="Hi",
        usage={"type": "duration", "seconds": 2},
    )
    ledger = Ledger(2 * PIECE)
    act = answers(done, opening=created(transcriber="whisper-1"))
    async with paid(tmp_path, ledger, act) as caller:
        caller.say(said(ASK))
        await caller.get()
        assert isinstance(caller.error, CostUnknown)
        assert caller.error.metadata["model"] == "whisper-1"


async def test_a_session_goes_on_without_billing_while_it_holds_enough(tmp_path: Path) -> None:
    """And ends with 503 once it does not: what the budget has nobody can say."""
    ledger = Ledger(100 * PIECE)
    ledger.most_spare = 2 * COST
    async with paid(tmp_path, ledger, answers(*TURN)) as caller:
        await caller.get(2)
        ledger.is_away = True
        for _ in range(2):
            caller.say(said(ASK))
            await caller.get(2)
        assert caller.error is None
        caller.say(said(ASK))
        await caller.get()
        assert isinstance(caller.error, ServiceUnavailable)
        assert sum(each.cost_nano_usd for each in caller.charges) == 3 * COST


async def test_a_free_session_holds_nothing(tmp_path: Path) -> None:
    """Nobody is asked for it."""
    ledger = Ledger(0)
    free = dict.fromkeys(LEAVES, 0)
    async with paid(tmp_path, ledger, answers(*TURN), units=free) as caller:
        await caller.get(2)
        assert caller.error is None
        assert ledger.asked == []


async def test_a_session_without_a_price_is_refused(tmp_path: Path) -> None:
    """As every call of such a key."""
    async with paid(tmp_path, Ledger(10 * PIECE), answers(*TURN), units={}) as caller:
        await caller.get()
        assert isinstance(caller.error, CostUnknown)

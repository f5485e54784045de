"""What a session used is charged once, whatever leases it was paid from."""

import asyncio
from pathlib import Path

from tests.support.session_bench import ASK, said, start
from tests.support.session_upstream import (
    RESPONSE_CREATED,
    RESPONSE_DONE,
    answers,
    created,
    event,
)
from tests.unit.conduit_router.sessions.test_spending import (
    COST,
    PIECE,
    SECOND,
    TIME,
    TOKENS,
    lasting,
    paid,
    prices,
)
from tests.unit.conduit_router.spending.test_lease_pool import Ledger

from conduit.v1.charge_pb2 import USAGE_SOURCE_PROVIDER
from conduit_providers.transcripts import AUDIO_MILLISECOND
from conduit_router.calls.needed_cost import PIECE_SECONDS

HEARD = event(
    "conversation.item.input_audio_transcription.completed",
    item_id="item_1",
    content_index=0,
    transcript="Hi",
    usage={"type": "duration", "seconds": 2},
)


async def test_other_models_are_charged_once_each_from_leases_of_the_budget(tmp_path: Path) -> None:
    """What they used since the last charge, with each of the session's own."""
    ledger = Ledger(20 * PIECE)
    ledger.most_spare = 0
    act = answers(RESPONSE_CREATED, RESPONSE_DONE, HEARD, opening=created(transcriber="whisper"))
    async with paid(tmp_path, ledger, act) as caller:
        found = prices(TOKENS) + prices({AUDIO_MILLISECOND: 1_000_000}, "whisper")
        caller.bench.recorder.prices.load(found)
        await caller.get(2)
        for _ in range(3):
            caller.say(said(ASK))
            await caller.get(3)
        caller.leave()
        await caller.get()
        assert caller.error is None
        charges = caller.charges
        own = [each for each in charges if each.actual_model_name == "model-1"]
        others = [each for each in charges if each.actual_model_name == "whisper"]
        assert len(own) > 1
        assert sum(each.cost_nano_usd for each in own) == 3 * COST
        assert sum(each.cost_nano_usd for each in others) == 3 * 2 * SECOND
        assert all(each.lease_id for each in charges if each.cost_nano_usd)
        assert own[0].usage_source == USAGE_SOURCE_PROVIDER
        for pool in caller.bench.runtime.reserver.pools.values():
            await pool.close()
        assert ledger.left == 20 * PIECE - 3 * COST - 6 * SECOND


async def test_the_time_of_a_session_is_charged_once(tmp_path: Path) -> None:
    """Though it is told as a sum that grows, and estimated between."""
    ledger = Ledger(10 * PIECE_SECONDS * SECOND)
    ledger.most_spare = 0
    act = lasting(3, 20, 45, 70)
    async with paid(tmp_path, ledger, act, units=TIME, first=start(live=True)) as caller:
        caller.say(said(event("session.start", session={"model": "gpt"})))
        await caller.get()
        assert caller.error is None
        charges = caller.charges
        assert len(charges) > 1
        assert sum(each.cost_nano_usd for each in charges) == 70 * SECOND
        assert caller.end.report.cost_nano_usd == 70 * SECOND
        await asyncio.sleep(0)
        assert caller.end.seconds < 70

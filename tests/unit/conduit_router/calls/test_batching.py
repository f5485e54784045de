"""The parts of one call: bounded together, and each that was answered is known to have cost."""

import asyncio

import orjson
import pytest
from tests.support.scripted_upstream import Act, answer, drip, hang, open_transport, reset, serve
from tests.support.snapshots import compiled, provider, snapshot
from tests.support.waiting import eventually

from conduit_kernel.errors import InvalidRequest, UpstreamError, UpstreamTimeout
from conduit_kernel.http import Exchange, Timeouts
from conduit_providers.calls import Call
from conduit_providers.operations.embed import OPERATION
from conduit_router.calls.batching import AT_ONCE, Batch, exchange
from conduit_router.upstream.transport import Transport

TIMEOUTS = Timeouts(connect=5.0, header=5.0, idle=5.0, total=5.0)
VECTOR = orjson.dumps(
    {
        "object": "list",
        "model": "m",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
        "usage": {"prompt_tokens": 2, "total_tokens": 2},
    }
)


def batch(url: str, count: int, transport: Transport, timeouts: Timeouts = TIMEOUTS) -> Batch:
    """Return a call in so many parts."""
    instance = compiled(snapshot([provider(1, url)])).instances[1]
    served = instance.served["embed"]
    calls = [
        Call(
            OPERATION.plain_form(orjson.dumps({"model": "gpt", "input": str(number)})),
            alias="gpt",
            model="m",
        )
        for number in range(count)
    ]
    upstream = instance.keys[0].endpoint("embed")
    parts = [
        exchange(call, served, upstream, instance.spec, transport=transport, timeouts=timeouts)
        for call in calls
    ]
    return Batch(parts, "P")


async def test_a_part_that_fails_leaves_what_the_others_cost() -> None:
    """They were answered one after the other, so exactly two are known to have cost."""
    turn = asyncio.Event()

    async def after(exchange: Exchange) -> None:
        await turn.wait()
        await answer(b"{}", 500)(exchange)

    async with (
        serve(answer(VECTOR), answer(VECTOR), after, hang) as upstream,
        open_transport() as transport,
    ):
        parts = batch(upstream.url, 4, transport)
        asking = asyncio.create_task(parts.ask(5.0))
        await eventually(lambda: _has_answered(parts, 2))
        turn.set()
        with pytest.raises(UpstreamError):
            await asking
    assert len(parts.answered) == 2


async def _has_answered(parts: Batch, count: int) -> bool:
    return len(parts.answered) == count


@pytest.mark.parametrize("act", [hang, drip])
async def test_all_parts_together_have_the_total_time(act: Act) -> None:
    """A part that hangs or drips ends them all, and those that were answered stay counted."""
    async with serve(answer(VECTOR), act) as upstream, open_transport() as transport:
        parts = batch(upstream.url, 2, transport)
        with pytest.raises(UpstreamTimeout):
            await parts.ask(0.5)
    assert len(parts.answered) == 1


async def test_a_reset_is_raised_as_it_is() -> None:
    """Not as a group of errors, which nobody up there would know."""
    async with serve(reset) as upstream, open_transport() as transport:
        with pytest.raises(UpstreamError):
            await batch(upstream.url, 3, transport).ask(5.0)


async def test_no_more_than_some_are_under_way() -> None:
    """However many parts a call has."""
    async with serve(hang) as upstream, open_transport() as transport:
        with pytest.raises(UpstreamTimeout):
            await batch(upstream.url, 3 * AT_ONCE, transport).ask(0.5)
        assert 0 < len(upstream.paths) <= AT_ONCE


async def test_a_part_that_cannot_be_said_is_refused_before_any_is_sent() -> None:
    """It is translated when nothing of the call is under way."""
    instance = compiled(snapshot([provider(1, provider_type="Cohere")])).instances[1]
    served, upstream = instance.served["embed"], instance.keys[0].endpoint("embed")
    form = OPERATION.plain_form(orjson.dumps({"model": "gpt", "input": [[1, 10**9]]}))
    call = Call(form, alias="gpt", model="m")
    async with open_transport() as transport:
        with pytest.raises(InvalidRequest):
            exchange(call, served, upstream, instance.spec, transport=transport, timeouts=TIMEOUTS)

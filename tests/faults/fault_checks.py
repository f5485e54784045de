"""What holds of each call that meets a fault: its answer, its time, its cost, and no remains."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from itertools import pairwise
from pathlib import Path

from tests.faults.answer import TEXT
from tests.faults.fault import WHOLE
from tests.faults.fault_callers import Came
from tests.faults.fault_case import STRAIGHT, Case
from tests.faults.fault_gateway import FaultGateway, faulty_gateway
from tests.support.waiting import eventually

from conduit.v1.charge_pb2 import Charge
from conduit_kernel.http import Exchange
from conduit_router.calls.call_scope import CallScope

# More calls at once would have a slow machine be taken for a slow provider.
AT_ONCE = 24


@contextmanager
def garbage_in_sight() -> Iterator[None]:
    """Have nobody look for garbage, so that what calls leave in circles is found."""
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.enable()


@asynccontextmanager
async def last_gateway(folder: Path, cases: Sequence[Case]) -> AsyncIterator[FaultGateway]:
    """Run one gateway for many faults; when it is gone, nothing may be left of it."""
    before = asyncio.all_tasks()
    with garbage_in_sight():
        async with faulty_gateway(folder, cases) as running:
            gc.freeze()
            yield running
            await running.is_idle()

    async def is_as_before() -> bool:
        return asyncio.all_tasks() <= before | {asyncio.current_task()}

    await eventually(is_as_before)


async def check_all(gateway: FaultGateway, cases: Sequence[Case]) -> None:
    """Make calls that meet a fault, and hold all that comes of them to the catalogue."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def meet(case: Case) -> Came:
        async with slots:
            return await gateway.call(case)

    found = await asyncio.gather(*map(meet, cases))
    gateway.read_charges()
    for case, came in zip(cases, found, strict=True):
        if not is_hidden(case, came, gateway):
            check_answer(case, came)
        if case.operation.is_keyed and came.is_whole:
            await check_repetition(case, came, gateway)
        check_requests(case, gateway)
        await check_charges(case, came, gateway)
    await gateway.is_idle()
    await nothing_is_left(gateway, *cases)


async def check_repetition(case: Case, came: Came, gateway: FaultGateway) -> None:
    """Make a call with an idempotency key once more: its answer comes again, of nobody."""
    asked = [len(each) for each in gateway.seen(case)]
    again = await gateway.call(case, came=Came(came.request_id))
    assert (again.is_whole, again.text) == (True, came.text), case.alias
    assert [len(each) for each in gateway.seen(case)] == asked, case.alias


def said(case: Case) -> str:
    """Return what a whole answer says."""
    return "1" if case.operation.name in {"embed", "moderate", "rerank"} else case.fault.second_text


def is_hidden(case: Case, came: Came, gateway: FaultGateway) -> bool:
    """Return whether a cut came together with the first words, so that another could answer."""
    is_cut = case.expected == "STREAM_INTERRUPTED"
    return is_cut and came.is_whole and came.text == said(case) and bool(gateway.seen(case)[1])


def check_answer(case: Case, came: Came) -> None:
    """Hold what the caller got to the catalogue."""
    expected = case.expected
    assert came.reason == expected, f"{case.alias}: {came}"
    assert came.is_whole is (expected == WHOLE), f"{case.alias}: {came}"
    if expected == WHOLE:
        assert came.text == said(case), case.alias
    elif case.operation.is_stream:
        # Of a stream that fails the caller has a beginning of the answer, and nothing else.
        assert TEXT.startswith(came.text), case.alias
    assert came.seconds < case.fault.seconds, case.alias


def check_requests(case: Case, gateway: FaultGateway) -> None:
    """Hold what the instances met to the catalogue: how often, when, for which model, and what."""
    first, second = gateway.seen(case)
    if case.caller == STRAIGHT and len(first) > case.fault.most[0]:
        # A kept connection may have been closed meanwhile: then the request is sent anew at once.
        first = first[1:]
    assert len(first) <= case.fault.most[0], case.alias
    assert len(second) <= case.fault.most[1], case.alias
    for seen in (first, second):
        assert len({str(each.body.get("model")) for each in seen}) <= 1, case.alias
        assert len({each.address for each in seen}) <= 1, case.alias
        for earlier, later in pairwise(seen):
            assert later.at - earlier.at >= case.fault.least_gap, case.alias
    for place in ("first", "second"):
        made = gateway.upstream.created[f"{case.alias}/{place}"]
        assert len(made) <= 2, case.alias  # once, and once more
        assert len({each.path for each in made}) <= 1, case.alias
    if case.operation.file:
        # Whoever is asked has the whole file.
        assert all(case.operation.is_sent_in(each.raw) for each in (*first, *second)), case.alias


async def check_charges(case: Case, came: Came, gateway: FaultGateway) -> None:
    """Hold the charges to what was used: one that is complete, and one for each cut answer."""
    whole = 1 if came.is_whole else 0
    if case.is_session:
        # It is charged once it has ended, which is behind its answer.
        await until_charged(gateway, came.request_id, whole)
    charges = gateway.charges(came.request_id)
    complete = 0 if case.is_timed else whole
    assert len([charge for charge in charges if charge.is_complete]) == complete, case.alias
    assert len({charge.id for charge in charges}) == len(charges)
    first, second = gateway.seen(case)
    assert len(charges) <= len(first) + len(second), case.alias
    check_paid(case, charges)


def check_paid(case: Case, charges: Sequence[Charge]) -> None:
    """Hold each charge of who has a budget to being paid from it, all that it costs."""
    if case.is_budgeted:
        assert all(each.lease_id and each.cost_nano_usd for each in charges), case.alias


async def until_charged(gateway: FaultGateway, request_id: str, count: int = 1) -> list[Charge]:
    """Wait for so many charges of a call; return all that there are."""

    async def is_so() -> bool:
        if len(gateway.charges(request_id)) < count:
            gateway.read_charges()
        return len(gateway.charges(request_id)) >= count

    await eventually(is_so)
    return gateway.charges(request_id)


async def nothing_is_left(gateway: FaultGateway, *cases: Case) -> None:
    """Wait until neither calls, requests nor files of these cases are left, on either side.

    Nobody looks for garbage meanwhile, and connections are kept. What is there then is looked at no
    more.
    """
    aliases = {case.alias for case in cases}

    async def is_so() -> bool:
        objects = gc.get_objects()
        calls = [each for each in objects if type(each) is CallScope]
        bodies = [each.body for each in objects if type(each) is Exchange]
        del objects
        is_called = any(call.requirements.model in aliases for call in calls)
        is_asked = any(alias.encode() in body for alias in aliases for body in bodies)
        return not is_called and not is_asked and gateway.files() == []

    await eventually(is_so)
    gc.freeze()

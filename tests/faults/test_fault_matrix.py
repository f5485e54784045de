"""Each way in which providers fail, met by each kind of call: what callers get, and what it costs.

A chain of two instances, of which the first misbehaves; fault by operation, unary and streamed, by
policy, over HTTP and gRPC. Each case has its own instances, so that none sees another's failures.
"""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.faults.fault import WHOLE, Fault
from tests.faults.fault_case import (
    CASES,
    CHAT_CASES,
    STRAIGHT_CASES,
    Case,
    cases_of,
    chat_cases_of,
)
from tests.faults.fault_catalogue import CUTTING, ENDLESS, FAILING, FAULTS, SILENT
from tests.faults.fault_checks import (
    check_all,
    check_answer,
    check_charges,
    check_requests,
    last_gateway,
    nothing_is_left,
    until_charged,
)
from tests.faults.fault_gateway import FaultGateway
from tests.support.pauses import in_one_of_three_tries
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

LEAVING_SECONDS = 0.1
# More calls than it takes to open a circuit.
MANY = 12


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FaultGateway]:
    """Run one gateway for all faults; when it is gone, nothing may be left, or held, of it."""
    async with last_gateway(tmp_path_factory.mktemp("faults"), CASES) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chats(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FaultGateway]:
    """Run another one, for the chats that take turns at the first."""
    async with last_gateway(tmp_path_factory.mktemp("chats"), CHAT_CASES) as running:
        yield running


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.slug)
async def test_a_caller_gets_the_best_that_is_left(gateway: FaultGateway, fault: Fault) -> None:
    """A whole answer or a clear error, in bounded time, at a bounded cost to the providers."""
    await check_all(gateway, cases_of(fault))


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.slug)
async def test_chats_of_every_kind_get_the_best_that_is_left(
    chats: FaultGateway, fault: Fault
) -> None:
    """As those whose turn it is do above: however answers are framed, or kept."""
    await check_all(chats, chat_cases_of(fault))


@pytest.mark.parametrize("case", STRAIGHT_CASES, ids=lambda case: case.alias)
async def test_the_straight_way_gets_callers_the_same(gateway: FaultGateway, case: Case) -> None:
    """What is prepared for all chats, and sent on a kept connection, may fail in each way, too."""
    came = await gateway.call(case)
    assert gateway.upstream.reused[f"{case.alias}/first"]
    gateway.read_charges()
    check_answer(case, came)
    check_requests(case, gateway)
    await check_charges(case, came, gateway)
    await gateway.is_idle()
    await nothing_is_left(gateway, case)


@pytest.mark.parametrize(
    "case",
    [each for each in cases_of(CUTTING) if each.policy == "fail"],
    ids=lambda case: case.id,
)
async def test_an_instance_that_cuts_streams_is_taken_out(
    gateway: FaultGateway, case: Case
) -> None:
    """As one that refuses: a stream counts by how it ends, not by how it begins."""
    ended = [(await gateway.call(case)).reason for _ in range(MANY)]
    assert ended[0] == "STREAM_INTERRUPTED"
    assert ended[-1] == WHOLE
    first, second = gateway.seen(case)
    assert len(first) == ended.count("STREAM_INTERRUPTED")
    assert len(second) == ended.count(WHOLE)


@pytest.mark.parametrize("case", cases_of(FAILING), ids=lambda case: case.id)
async def test_an_instance_that_others_fall_back_to_is_left_alone_too(
    gateway: FaultGateway, case: Case
) -> None:
    """Once it fails as the first one does: its failures count as those of any other."""
    told = [(await gateway.call(case)).reason for _ in range(MANY)]
    assert set(told) <= {"PROVIDER_ERROR", "PROVIDER_UNHEALTHY"}
    first, second = gateway.seen(case)
    assert 0 < len(first) < MANY
    assert 0 < len(second) < MANY


@pytest.mark.parametrize(
    "case", [each for each in cases_of(ENDLESS) if each.has_total], ids=lambda case: case.id
)
async def test_a_total_limit_ends_a_stream_that_does_not(gateway: FaultGateway, case: Case) -> None:
    """With the deadline's error, and what was used is charged once."""
    came = await gateway.call(case, seconds=0.5)
    assert came.reason == case.out_of_time
    assert not came.is_whole
    assert came.seconds < 3
    charges = await until_charged(gateway, came.request_id)
    assert [charge.is_complete for charge in charges] == [False]
    await gateway.is_idle()


@pytest.mark.parametrize(
    "case", [each for each in cases_of(ENDLESS) if each.is_unheld], ids=lambda case: case.id
)
@in_one_of_three_tries
async def test_a_caller_who_leaves_ends_the_providers_work(
    gateway: FaultGateway, case: Case
) -> None:
    """At once, so that nobody pays for tokens that nobody reads; what was read is charged once."""
    came = gateway.new()
    call = asyncio.create_task(gateway.call(case, came=came))

    async def has_begun() -> bool:
        return came.has_begun

    await eventually(has_begun)
    await leave(gateway, case, call)
    [charge] = await until_charged(gateway, came.request_id)
    assert charge.is_complete in case.may_be_counted


@pytest.mark.parametrize("case", cases_of(SILENT), ids=lambda case: case.id)
@in_one_of_three_tries
async def test_a_caller_who_leaves_before_the_first_byte_ends_the_providers_work(
    gateway: FaultGateway, case: Case
) -> None:
    """However the answer was to come."""
    seen = gateway.seen(case)[0]
    before = len(seen)
    call = asyncio.create_task(gateway.call(case))

    async def is_asked() -> bool:
        return len(seen) > before

    await eventually(is_asked)
    await leave(gateway, case, call)
    del call
    assert gateway.seen(case)[1] == []
    await nothing_is_left(gateway, case)


async def leave(gateway: FaultGateway, case: Case, call: "asyncio.Task[object]") -> None:
    """Give a call up, and hold the provider's seeing it to its time."""
    place, left = f"{case.alias}/first", time.monotonic()
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)

    async def has_left() -> bool:
        return gateway.upstream.left.get(place, 0) >= left

    await eventually(has_left)
    assert gateway.upstream.left[place] - left < LEAVING_SECONDS


@pytest.mark.parametrize(
    "case", [each for each in cases_of(SILENT) if each.caller == "http"], ids=lambda case: case.id
)
async def test_callers_who_leave_at_once_leave_nothing_in_memory(
    gateway: FaultGateway, case: Case
) -> None:
    """Neither their calls nor their requests, which hold bodies, whatever was just under way."""
    for after in range(20):
        call = asyncio.create_task(gateway.call(case))
        await asyncio.sleep(after / 1000)
        call.cancel()
        await asyncio.wait([call])
    del call
    await gateway.is_idle()
    await nothing_is_left(gateway, case)

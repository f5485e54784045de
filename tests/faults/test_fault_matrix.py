"""Each way in which providers fail, met by each kind of call: what callers get, and what it costs.

A chain of two instances, of which the first misbehaves; fault by operation, unary and streamed, by
policy, over HTTP and gRPC. Each case has its own instances, so that none sees another's failures.
"""

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
import pytest_asyncio
from tests.faults.fault_catalogue import (
    CUTTING,
    ENDLESS,
    FAULTS,
    POLICIES,
    SILENT,
    WHOLE,
    Fault,
)
from tests.faults.fault_gateway import (
    CALLERS,
    Came,
    Case,
    FaultGateway,
    cases_of,
    faulty_gateway,
    json_of,
    typed,
)
from tests.faults.misbehaving_upstream import TEXT
from tests.support.snapshots import VIRTUAL_KEY
from tests.support.waiting import eventually

from conduit.v1 import router_requests_pb2 as pb
from conduit_kernel.http import Exchange
from conduit_router.calls.call_scope import CallScope

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Over HTTP and gRPC alike; a busy machine gets some more.
LEAVING_SECONDS = 0.1
BUSY_SECONDS = 0.3
# More calls than it takes to open a circuit.
MANY = 12


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FaultGateway]:
    """Run one gateway for all faults; when it is gone, nothing may be left of it."""
    before = asyncio.all_tasks()
    # What calls leave in circles would be found by whoever looks for garbage, later.
    gc.disable()
    try:
        async with faulty_gateway(tmp_path_factory.mktemp("faults")) as running:
            yield running
            await running.is_idle()
    finally:
        gc.enable()

    async def is_as_before() -> bool:
        return asyncio.all_tasks() <= before | {asyncio.current_task()}

    await eventually(is_as_before)


def said(case: Case) -> str:
    """Return what a whole answer says."""
    return "1" if case.operation == "embed" else case.fault.second_text


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.slug)
async def test_a_caller_gets_the_best_that_is_left(gateway: FaultGateway, fault: Fault) -> None:
    """A whole answer or a clear error, in bounded time, at a bounded cost to the providers."""
    cases = cases_of(fault)
    for case, came in zip(cases, await asyncio.gather(*map(gateway.call, cases)), strict=True):
        if not is_hidden(case, came, gateway):
            check_answer(case, came)
        check_requests(case, gateway)
        check_charges(case, came, gateway)
    await gateway.is_idle()
    await nothing_is_left(*cases)


async def nothing_is_left(*cases: Case) -> None:
    """Wait until neither calls nor requests of these cases are in memory, on either side.

    Nobody looks for garbage meanwhile, and connections are kept.
    """
    aliases = {case.alias for case in cases}

    async def is_so() -> bool:
        objects = gc.get_objects()
        calls = [each for each in objects if type(each) is CallScope]
        bodies = [each.body for each in objects if type(each) is Exchange]
        del objects
        is_called = any(call.requirements.model in aliases for call in calls)
        return not is_called and not any(
            alias.encode() in body for alias in aliases for body in bodies
        )

    await eventually(is_so)


def is_hidden(case: Case, came: Came, gateway: FaultGateway) -> bool:
    """Return whether a cut came together with the first words, so that another could answer."""
    is_cut = case.fault.expected(case.policy) == "STREAM_INTERRUPTED"
    return is_cut and came.is_whole and came.text == said(case) and bool(gateway.seen(case)[1])


def check_answer(case: Case, came: Came) -> None:
    """Hold what the caller got to the catalogue."""
    expected = case.fault.expected(case.policy)
    assert came.reason == expected, case.alias
    assert came.is_whole is (expected == WHOLE), case.alias
    if expected == WHOLE:
        assert came.text == said(case), case.alias
    elif case.policy is not None:
        # Of a stream that fails the caller has a beginning of the answer, and nothing else.
        assert TEXT.startswith(came.text), case.alias
    assert came.seconds < case.fault.seconds, case.alias


def check_requests(case: Case, gateway: FaultGateway) -> None:
    """Hold what the instances met to the catalogue: how often, when, and for which model."""
    first, second = gateway.seen(case)
    assert len(first) <= case.fault.most[0], case.alias
    assert len(second) <= case.fault.most[1], case.alias
    for seen in (first, second):
        assert len({str(each.body["model"]) for each in seen}) <= 1
        for earlier, later in pairwise(seen):
            assert later.at - earlier.at >= case.fault.least_gap, case.alias


def check_charges(case: Case, came: Came, gateway: FaultGateway) -> None:
    """Hold the charges to what was used: one that is complete, and one for each cut answer."""
    charges = gateway.charges(came.request_id)
    complete = [charge for charge in charges if charge.is_complete]
    assert len(complete) == (1 if came.is_whole else 0), case.alias
    assert len({charge.id for charge in charges}) == len(charges)
    first, second = gateway.seen(case)
    assert len(charges) <= len(first) + len(second), case.alias


@pytest.mark.parametrize("caller", CALLERS)
async def test_an_instance_that_cuts_streams_is_taken_out(
    gateway: FaultGateway, caller: str
) -> None:
    """As one that refuses: a stream counts by how it ends, not by how it begins."""
    case = Case(CUTTING, "chat", "fail", caller)
    ended = [(await gateway.call(case)).reason for _ in range(MANY)]
    assert ended[0] == "STREAM_INTERRUPTED"
    assert ended[-1] == WHOLE
    first, second = gateway.seen(case)
    assert len(first) == ended.count("STREAM_INTERRUPTED")
    assert len(second) == ended.count(WHOLE)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("policy", POLICIES)
async def test_a_total_limit_ends_a_stream_that_does_not(
    gateway: FaultGateway, policy: str, caller: str
) -> None:
    """With the deadline's error, and what was used is charged once."""
    case = Case(ENDLESS, "chat", policy, caller)
    came = await gateway.call(case, seconds=0.5)
    assert came.reason == "DEADLINE_EXCEEDED"
    assert not came.is_whole
    assert came.seconds < 3
    assert [charge.is_complete for charge in gateway.charges(came.request_id)] == [False]
    await gateway.is_idle()


async def test_a_caller_who_leaves_over_http_ends_the_providers_work(gateway: FaultGateway) -> None:
    """At once, so that nobody pays for tokens that nobody reads."""
    case = Case(ENDLESS, "chat", "fail", "http")
    headers = {"x-request-id": "req_left_http"}
    path = "/v1/chat/completions"
    async with gateway.client.stream("POST", path, json=json_of(case), headers=headers) as answer:
        async for _ in answer.aiter_bytes():
            break
        left = time.monotonic()
    await check_left(gateway, case, left, "req_left_http")


async def test_a_caller_who_leaves_over_grpc_ends_the_providers_work(gateway: FaultGateway) -> None:
    """As over HTTP."""
    case = Case(ENDLESS, "chat", "fail", "grpc")
    metadata = (("authorization", f"Bearer {VIRTUAL_KEY}"), ("x-request-id", "req_left_grpc"))
    stream = gateway.stub.StreamChat(
        pb.StreamChatRequest(chat=typed(case.alias)), metadata=metadata
    )
    await aiter(stream).__anext__()
    left = time.monotonic()
    stream.cancel()
    await check_left(gateway, case, left, "req_left_grpc")


@pytest.mark.parametrize("policy", [None, "fail", "restart"])
@pytest.mark.parametrize("caller", CALLERS)
async def test_a_caller_who_leaves_before_the_first_byte_ends_the_providers_work(
    gateway: FaultGateway, caller: str, policy: str | None
) -> None:
    """However the answer was to come."""
    case = Case(SILENT, "chat", policy, caller)
    call = asyncio.create_task(gateway.call(case))

    async def is_asked() -> bool:
        return bool(gateway.seen(case)[0])

    await eventually(is_asked)
    left = time.monotonic()
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    await check_left(gateway, case, left)
    assert gateway.seen(case)[1] == []
    await nothing_is_left(case)


@pytest.mark.parametrize("policy", [None, "fail"])
async def test_callers_who_leave_at_once_leave_nothing_in_memory(
    gateway: FaultGateway, policy: str | None
) -> None:
    """Neither their calls nor their requests, which hold bodies, whatever was just under way."""
    case = Case(SILENT, "chat", policy, "http")
    for after in range(20):
        call = asyncio.create_task(gateway.call(case))
        await asyncio.sleep(after / 1000)
        call.cancel()
        await asyncio.wait([call])
    del call
    await gateway.is_idle()
    await nothing_is_left(case)


async def check_left(gateway: FaultGateway, case: Case, left: float, request_id: str = "") -> None:
    """Hold the provider's seeing it to its time, and the charge to what was written."""
    place = f"{case.alias}/first"

    async def has_left() -> bool:
        return gateway.upstream.left.get(place, 0) >= left

    await eventually(has_left)
    assert gateway.upstream.left[place] - left < LEAVING_SECONDS + BUSY_SECONDS

    if not request_id:
        return

    async def is_charged() -> bool:
        return bool(gateway.charges(request_id))

    await eventually(is_charged)
    [charge] = gateway.charges(request_id)
    assert not charge.is_complete

"""Each way in which providers fail in sessions: what callers get, how soon, and what it costs."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple

import pytest
import pytest_asyncio
from tests.faults.fault import WHOLE, Fault
from tests.faults.fault_callers import Came
from tests.faults.fault_case import Case, cases_of
from tests.faults.fault_checks import (
    check_answer,
    check_requests,
    garbage_in_sight,
    nothing_is_left,
    until_charged,
)
from tests.faults.fault_gateway import FaultGateway, faulty_gateway
from tests.faults.session_faults import IDLE, LONGEST, SESSION_FAULTS

pytestmark = pytest.mark.asyncio(loop_scope="module")

# More at once would have a slow machine be taken for a slow provider.
AT_ONCE = 32
CASES = [case for fault in SESSION_FAULTS for case in cases_of(fault)]


class Met(NamedTuple):
    """The gateway, and what all of its calls came to."""

    gateway: FaultGateway
    came: Mapping[str, Came]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def met(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Met]:
    """Hold many sessions at once, since most of them wait for their ends."""
    folder = tmp_path_factory.mktemp("sessions")
    with garbage_in_sight():
        async with faulty_gateway(
            folder, CASES, session_idle_seconds=IDLE, session_seconds=LONGEST
        ) as gateway:
            slots = asyncio.Semaphore(AT_ONCE)

            async def meet(case: Case) -> Came:
                async with slots:
                    return await gateway.call(case)

            came = await asyncio.gather(*map(meet, CASES))
            yield Met(gateway, {case.alias: each for case, each in zip(CASES, came, strict=True)})


@pytest.mark.parametrize("fault", SESSION_FAULTS, ids=lambda fault: fault.slug)
async def test_a_caller_gets_a_session_or_its_clear_end(met: Met, fault: Fault) -> None:
    """Another provider's until one holds it, and then an end with its reason, in bounded time."""
    for case in cases_of(fault):
        check_answer(case, met.came[case.alias])
        check_requests(case, met.gateway)


@pytest.mark.parametrize("fault", SESSION_FAULTS, ids=lambda fault: fault.slug)
async def test_a_session_is_charged_once(met: Met, fault: Fault) -> None:
    """For what was said until its end: as counted where it was, else by its words."""
    for case in cases_of(fault):
        await check_charge(met.gateway, case, met.came[case.alias])


async def check_charge(gateway: FaultGateway, case: Case, came: Came) -> None:
    """Hold the charges of a session to the one."""
    [charge] = await until_charged(gateway, came.request_id)
    is_complete = case.expected == WHOLE and not case.is_timed
    assert charge.is_complete is is_complete, case.alias
    # One that ends as soon as it is open may have heard nothing.
    least = 0 if case.operation.name in case.fault.only else 1
    assert sum(line.quantity for line in charge.lines) >= least, case.alias
    assert charge.operation == "converse"


async def test_a_session_leaves_nothing(met: Met) -> None:
    """Neither a connection nor what it held in memory, however it ended."""
    await met.gateway.is_idle()
    await nothing_is_left(met.gateway, *CASES)

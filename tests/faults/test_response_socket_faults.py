"""Responses over WebSockets whose providers fail: each is a call like any other.

The faults that responses over HTTP meet, each on a connection of its own, which outlasts them.
"""

import asyncio
from collections.abc import AsyncIterator

import orjson
import pytest
import pytest_asyncio
from tests.faults.fault import Fault
from tests.faults.fault_callers import Came, bearer_of
from tests.faults.fault_case import SOCKET, Case
from tests.faults.fault_catalogue import FAULTS
from tests.faults.fault_checks import (
    AT_ONCE,
    check_answer,
    check_paid,
    check_requests,
    is_hidden,
    last_gateway,
    nothing_is_left,
)
from tests.faults.fault_gateway import FaultGateway
from tests.faults.fault_operations import OPERATIONS
from tests.support.waiting import eventually
from websockets.asyncio.client import ClientConnection, connect

pytestmark = pytest.mark.asyncio(loop_scope="module")

# As bytes to a provider that has responses, and by translation to one that has chats alone.
_KINDS = [each for each in OPERATIONS if each.rpc == "StreamCreateResponse"]


def case_of(fault: Fault, place: int) -> Case:
    """Return the response that meets a fault; the two kinds take turns."""
    kind = _KINDS[place % len(_KINDS)]
    return Case(fault, kind, "fail", SOCKET)


CASES = [
    case_of(fault, place)
    for place, fault in enumerate(FAULTS)
    if all(fault.meets(kind) for kind in _KINDS)
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FaultGateway]:
    """Run a gateway; when it is gone, nothing may be left of it, or held."""
    async with last_gateway(tmp_path_factory.mktemp("sockets"), CASES) as running:
        yield running


async def respond(socket: ClientConnection, case: Case, came: Came) -> None:
    """Ask for a response, and note what it comes to."""
    began = asyncio.get_running_loop().time()
    asked = {"type": "response.create", "model": case.alias, "input": "hi"}
    await socket.send(orjson.dumps(asked).decode())
    while not (came.is_whole or came.reason):
        came.hear(orjson.loads(await socket.recv()))
    came.seconds = asyncio.get_running_loop().time() - began


async def hold(gateway: FaultGateway, case: Case) -> Came:
    """Hold a connection for a response, and see that it outlasts it."""
    url = str(gateway.client.base_url).replace("http", "ws", 1) + "/v1/responses"
    headers, came = {"authorization": bearer_of(case)}, gateway.new()
    async with connect(url, additional_headers=headers, proxy=None) as socket:
        await respond(socket, case, came)
        await socket.send('{"type":"nothing"}')
        refused = orjson.loads(await socket.recv())
        assert (refused["type"], refused["status"]) == ("error", 400), case.alias
    return came


async def test_responses_over_websockets_get_the_best_that_is_left(gateway: FaultGateway) -> None:
    """The answer, the requests and the charges are those of responses over HTTP."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def meet(case: Case) -> Came:
        async with slots:
            return await hold(gateway, case)

    found = await asyncio.gather(*map(meet, CASES))
    for case, came in zip(CASES, found, strict=True):
        if not is_hidden(case, came, gateway):
            check_answer(case, came)
        check_requests(case, gateway)
        await check_charge(gateway, case, came)
    await gateway.is_idle()
    await nothing_is_left(gateway, *CASES)


async def check_charge(gateway: FaultGateway, case: Case, came: Came) -> None:
    """Hold a response to one complete charge where it is whole, and to none where it is not."""

    async def is_so() -> bool:
        gateway.read_charges()
        complete = [each for each in gateway.charges_of(case.alias) if each.is_complete]
        return len(complete) == came.is_whole

    await eventually(is_so)
    first, second = gateway.seen(case)
    charges = gateway.charges_of(case.alias)
    assert len(charges) <= len(first) + len(second), case.alias
    check_paid(case, charges)

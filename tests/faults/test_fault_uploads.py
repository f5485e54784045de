"""Callers whose uploads go wrong on the way: nothing of them is left."""

import asyncio
import gc
from collections.abc import AsyncIterator

import grpc
import pytest
import pytest_asyncio
from tests.faults.fault_callers import Came, metadata_of
from tests.faults.fault_case import Case, cases_of
from tests.faults.fault_catalogue import SILENT
from tests.faults.fault_checks import garbage_in_sight, nothing_is_left
from tests.faults.fault_gateway import FaultGateway, faulty_gateway
from tests.faults.operation import FILE
from tests.support.waiting import eventually

from conduit.v1.call_pb2 import CallOptions
from conduit.v1.form_pb2 import FileChunk
from conduit_kernel.rpc import error_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

CASES = [
    case for case in cases_of(SILENT) if case.caller == "grpc" and case.operation.piece is not None
]
HALF = FILE[: len(FILE) // 2]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FaultGateway]:
    """Run one gateway for all uploads."""
    with garbage_in_sight():
        async with faulty_gateway(tmp_path_factory.mktemp("uploads"), CASES) as running:
            gc.freeze()
            yield running


async def half(case: Case, *, is_sound: bool) -> AsyncIterator[object]:
    """Yield a request and half of its file, and then what makes no sense, or nothing at all."""
    piece = case.operation.piece
    assert piece is not None
    first = case.operation.request(case.alias, CallOptions())
    yield first
    yield piece(chunk=FileChunk(data=HALF))
    if is_sound:
        await asyncio.Event().wait()
    yield first


async def ask(
    gateway: FaultGateway, case: Case, came: Came, messages: AsyncIterator[object]
) -> str:
    """Make the call; return the reason of its error."""
    call = getattr(gateway.stub, case.operation.rpc)(
        messages, metadata=metadata_of(came.request_id)
    )
    try:
        if case.operation.is_stream:
            async for _ in call:
                pass
        else:
            await call
    except grpc.aio.AioRpcError as error:
        return error_of(error, "router").reason
    return ""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
async def test_an_upload_that_makes_no_sense_leaves_nothing(
    gateway: FaultGateway, case: Case
) -> None:
    """Neither in memory nor on the disk nor at the provider, which is charged for nothing."""
    came = gateway.new()
    assert await ask(gateway, case, came, half(case, is_sound=False)) == "INVALID_REQUEST"
    await gateway.is_idle()
    await nothing_is_left(gateway, case)
    gateway.read_charges()
    assert gateway.charges(came.request_id) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
async def test_a_caller_who_leaves_within_an_upload_leaves_nothing(
    gateway: FaultGateway, case: Case
) -> None:
    """As above; the provider sees the end of it."""
    came = gateway.new()
    call = asyncio.create_task(ask(gateway, case, came, half(case, is_sound=True)))

    async def is_on_its_way() -> bool:
        return gateway.upstream.busy > 0

    await eventually(is_on_its_way)
    call.cancel()
    await asyncio.wait([call])
    del call
    await gateway.is_idle()
    await nothing_is_left(gateway, case)
    gateway.read_charges()
    assert not any(charge.is_complete for charge in gateway.charges(came.request_id))

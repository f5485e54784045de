"""Delivery: nothing is discarded before Billing has it, and nobody waits for Billing at the end."""

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest
from structlog.testing import capture_logs
from tests.support.scripted_service import serve_rpcs

from conduit.internal.v1.ledger_service_pb2 import (
    DESCRIPTOR,
    RecordChargesRequest,
    RecordChargesResponse,
)
from conduit.v1.charge_pb2 import Charge
from conduit_kernel.ids import IdSource
from conduit_router.accounting.charging import ChargeRecorder
from conduit_router.accounting.prices import PriceList
from conduit_router.accounting.segment import CHARGE, read_segment
from conduit_router.accounting.spool import Spool
from conduit_router.control_plane.charge_delivery import BATCH, ChargeDelivery

SERVICE = DESCRIPTOR.services_by_name["LedgerService"]


class Ledger:
    """A Billing service that refuses, hangs or notes what it gets."""

    def __init__(
        self,
        code: grpc.StatusCode | None = None,
        *,
        odd: frozenset[str] | None = None,
        hangs: bool = False,
    ) -> None:
        """Take a code to end deliveries with: those that hold one of `odd`, without it all."""
        self.code = code
        self.odd = odd
        self.hangs = hangs
        self.batches: list[list[str]] = []

    async def record(
        self,
        request: RecordChargesRequest,
        context: grpc.aio.ServicerContext,  # type: ignore[type-arg] # generic for type checkers only
    ) -> RecordChargesResponse:
        """Serve one delivery."""
        self.batches.append([charge.id for charge in request.charges])
        if self.hangs:
            await asyncio.Event().wait()
        if self.code is not None and (
            self.odd is None or not self.odd.isdisjoint(self.batches[-1])
        ):
            await context.abort(self.code, "as asked for by the test")
        return RecordChargesResponse()


def filled(folder: Path, count: int) -> tuple[Spool, ChargeRecorder]:
    """Return a spool with so many charges."""
    spool = Spool(folder)
    for number in range(count):
        spool.append(CHARGE, Charge(id=f"{number}").SerializeToString())
    return spool, ChargeRecorder(spool, PriceList(), IdSource(lambda: 0.0), lambda: 0.0)


async def test_large_spools_go_in_batches_that_billing_takes(tmp_path: Path) -> None:
    """In order, each record in one of them."""
    spool, recorder = filled(tmp_path, BATCH + 1)
    ledger = Ledger()
    async with serve_rpcs(SERVICE, RecordCharges=ledger.record) as channel:
        await ChargeDelivery(channel, spool, recorder, ()).deliver()
    assert [len(batch) for batch in ledger.batches] == [BATCH, 1]
    assert spool.closed_segments() == []
    await spool.aclose()


async def test_a_failure_of_billing_discards_nothing(tmp_path: Path) -> None:
    """The same charges come again, by the same ids, by which Billing counts them once."""
    spool, recorder = filled(tmp_path, 2)
    ledger = Ledger(grpc.StatusCode.INTERNAL)
    async with serve_rpcs(SERVICE, RecordCharges=ledger.record) as channel:
        delivery = ChargeDelivery(channel, spool, recorder, ())
        with pytest.raises(grpc.RpcError):
            await delivery.deliver()
        ledger.code = None
        await delivery.deliver()
    assert ledger.batches == [["0", "1"], ["0", "1"]]
    assert spool.closed_segments() == []
    await spool.aclose()


async def test_what_billing_never_takes_is_set_aside(tmp_path: Path) -> None:
    """And kept: it holds up nothing, and is said once."""
    spool, recorder = filled(tmp_path, 2)
    ledger = Ledger(grpc.StatusCode.INVALID_ARGUMENT)
    async with serve_rpcs(SERVICE, RecordCharges=ledger.record) as channel:
        with capture_logs() as logs:
            await ChargeDelivery(channel, spool, recorder, ()).deliver()
    assert ledger.batches == [["0", "1"], ["0"], ["1"]]
    assert [entry["event"] for entry in logs] == ["records_refused"]
    assert (tmp_path / "refused").exists()
    assert spool.closed_segments() == []
    await spool.aclose()


async def test_one_odd_record_among_a_thousand_costs_few_calls(tmp_path: Path) -> None:
    """All others reach Billing by the calls that find it."""
    spool, recorder = filled(tmp_path, BATCH)
    ledger = Ledger(grpc.StatusCode.INVALID_ARGUMENT, odd=frozenset({"617"}))
    async with serve_rpcs(SERVICE, RecordCharges=ledger.record) as channel:
        await ChargeDelivery(channel, spool, recorder, ()).deliver()
    assert len(ledger.batches) < 25
    taken = [name for batch in ledger.batches if "617" not in batch for name in batch]
    assert taken == [f"{number}" for number in range(BATCH) if number != 617]
    [(_, message)] = read_segment(tmp_path / "refused").records
    assert Charge.FromString(message).id == "617"
    await spool.aclose()


async def test_a_record_is_set_aside_once_though_its_segment_comes_again(tmp_path: Path) -> None:
    """Billing refused it, and went away before it had the rest."""
    spool, recorder = filled(tmp_path, BATCH + 1)
    ledger = Ledger(grpc.StatusCode.INVALID_ARGUMENT, odd=frozenset({"0"}))
    async with serve_rpcs(SERVICE, RecordCharges=ledger.record) as channel:
        delivery = ChargeDelivery(channel, spool, recorder, ())
        record = ledger.record

        async def away(request: RecordChargesRequest, context: Any) -> RecordChargesResponse:  # noqa: ANN401 # gRPC's own
            if request.charges[-1].id == f"{BATCH}":
                await context.abort(grpc.StatusCode.INTERNAL, "as asked for by the test")
            return await record(request, context)

        async with serve_rpcs(SERVICE, RecordCharges=away) as broken:
            for _ in range(2):
                with pytest.raises(grpc.RpcError):
                    await ChargeDelivery(broken, spool, recorder, ()).deliver()
        await delivery.deliver()
    assert len(read_segment(tmp_path / "refused").records) == 1
    await spool.aclose()


async def test_no_delivery_is_larger_than_billing_takes(tmp_path: Path) -> None:
    """However long the names are that callers have a hand in."""
    spool, recorder = filled(tmp_path, 0)
    for number in range(6):
        charge = Charge(id=f"{number}", request_id="x" * 400_000)
        spool.append(CHARGE, charge.SerializeToString())
    ledger = Ledger()
    async with serve_rpcs(SERVICE, RecordCharges=ledger.record) as channel:
        await ChargeDelivery(channel, spool, recorder, ()).deliver()
    assert ledger.batches == [["0", "1"], ["2", "3"], ["4", "5"]]
    await spool.aclose()


async def test_a_billing_that_hangs_holds_no_stopping_process(tmp_path: Path) -> None:
    """What was not delivered waits in the spool."""
    spool, recorder = filled(tmp_path, 1)
    ledger = Ledger(hangs=True)
    async with serve_rpcs(SERVICE, RecordCharges=ledger.record) as channel:
        async with asyncio.timeout(5):
            await ChargeDelivery(channel, spool, recorder, ()).finish(0.1)
    assert len(spool.closed_segments()) == 1
    await spool.aclose()


async def test_looking_for_others_spools_begins_a_delivery(tmp_path: Path) -> None:
    """What a crashed process left is nobody's own to be told of."""
    spool, recorder = filled(tmp_path, 0)
    async with grpc.aio.insecure_channel("127.0.0.1:1") as channel:
        spool.waiting.clear()
        await ChargeDelivery(channel, spool, recorder, ()).look()
    assert spool.waiting.is_set()
    await spool.aclose()

"""What the spool holds reaches Billing, and the disk keeps no call waiting meanwhile."""

import errno
import io
import os
import threading
from pathlib import Path

import grpc
import pytest
from structlog.testing import capture_logs
from tests.support.disk import refuse, synced_paths
from tests.support.spools import closed_segment

from conduit.internal.v1.ledger_service_pb2 import RecordChargesRequest, RecordChargesResponse
from conduit.v1.charge_pb2 import Charge
from conduit_kernel.ids import IdSource
from conduit_kernel.rpc import RpcServer, service_metadata
from conduit_router.accounting.charging import ChargeRecorder
from conduit_router.accounting.prices import PriceList
from conduit_router.accounting.segment import CHARGE, read_segment
from conduit_router.accounting.spool import Spool
from conduit_router.control_plane.charge_delivery import LEDGER, ChargeDelivery


class Ledger:
    """A Billing service that notes which charges it was sent."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    async def record(self, request: RecordChargesRequest, _: object) -> RecordChargesResponse:
        """Note them."""
        self.ids += [charge.id for charge in request.charges]
        return RecordChargesResponse()

    def handler(self) -> grpc.GenericRpcHandler:
        """Return what a server needs."""
        method = grpc.unary_unary_rpc_method_handler(
            self.record,
            request_deserializer=RecordChargesRequest.FromString,
            response_serializer=RecordChargesResponse.SerializeToString,
        )
        return grpc.method_handlers_generic_handler(LEDGER, {"RecordCharges": method})


def waits_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the calls of the system that wait for the disk and were made by the event loop."""
    found: list[str] = []

    def watch(name: str) -> None:
        real = getattr(os, name)

        def call(*args: object, **options: object) -> object:
            if threading.current_thread() is threading.main_thread():
                found.append(name)
            return real(*args, **options)

        monkeypatch.setattr(os, name, call)

    for name in ("fsync", "unlink", "rename", "rmdir"):
        watch(name)
    return found


async def test_charges_around_damage_are_delivered_and_the_rest_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said once, and the event loop waits for no disk."""
    ledger = Ledger()
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((ledger.handler(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    crashed = Spool(tmp_path)
    for name in ("one", "two", "three"):
        crashed.append(CHARGE, Charge(id=name).SerializeToString())
    crashed.close()
    path = next(tmp_path.glob("*/*.spool"))
    path.write_bytes(path.read_bytes().replace(b"two", b"twx"))
    spool = Spool(tmp_path)
    accounts = ChargeRecorder(spool, PriceList(), IdSource(lambda: 0.0), lambda: 0.0)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        delivery = ChargeDelivery(channel, spool, accounts, ())
        spool.append(CHARGE, Charge(id="own").SerializeToString())
        with monkeypatch.context() as patch, capture_logs() as logs:
            waits = waits_for_the_disk(patch)
            for _ in range(3):
                await delivery.deliver()
                await spool.sync()
        assert waits == []
    await server.stop(None)
    assert ledger.ids == ["one", "three", "own"]
    [kept] = tmp_path.glob("*.damaged")
    assert [(entry["event"], entry["kept"]) for entry in logs] == [("segment_damaged", kept.name)]
    spool.close()


async def test_a_record_that_is_no_message_holds_up_no_other(tmp_path: Path) -> None:
    """Billing says that the request is wrong, not that it failed, so the record is set aside."""
    ledger = Ledger()
    server = RpcServer(name="billing", master_key="master", service_tokens=["token"])
    server.grpc.add_generic_rpc_handlers((ledger.handler(),))
    await server.start("127.0.0.1", 0)
    spool = Spool(tmp_path)
    recorder = ChargeRecorder(spool, PriceList(), IdSource(lambda: 0.0), lambda: 0.0)
    nonsense = b"\xff\xff\xff"
    for message in (
        Charge(id="one").SerializeToString(),
        nonsense,
        Charge(id="two").SerializeToString(),
    ):
        spool.append(CHARGE, message)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        delivery = ChargeDelivery(channel, spool, recorder, service_metadata("token"))
        with capture_logs() as logs:
            await delivery.deliver()
    await server.drain(0)
    assert ledger.ids == ["one", "two"]
    events = [entry["event"] for entry in logs if entry["event"] != "grpc_request"]
    assert events == ["records_refused"]
    assert [message for _, message in read_segment(tmp_path / "refused").records] == [nonsense]
    await spool.aclose()


async def test_what_came_while_billing_was_away_is_delivered_when_it_is_back(
    tmp_path: Path,
) -> None:
    """At once and all of it, also what was written after the last attempt."""
    ledger = Ledger()
    spool = Spool(tmp_path)
    recorder = ChargeRecorder(spool, PriceList(), IdSource(lambda: 0.0), lambda: 0.0)
    server = RpcServer(name="billing", master_key="master", service_tokens=["token"])
    server.grpc.add_generic_rpc_handlers((ledger.handler(),))
    async with grpc.aio.insecure_channel("127.0.0.1:1") as nobody:
        delivery = ChargeDelivery(nobody, spool, recorder, ())
        for number in range(3):
            spool.append(CHARGE, Charge(id=f"{number}").SerializeToString())
            with pytest.raises(grpc.RpcError):
                await delivery.deliver()
        # One segment is filled meanwhile, not one for each attempt.
        assert len(list(tmp_path.glob("*/*.spool"))) == 2
    await server.start("127.0.0.1", 0)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        delivery = ChargeDelivery(channel, spool, recorder, service_metadata("token"))
        await delivery.deliver()
    await server.drain(0)
    assert ledger.ids == ["0", "1", "2"]
    await spool.aclose()


@pytest.mark.parametrize(
    ("call", "code"), [("open", errno.EIO), ("unlink", errno.EROFS), ("unlink", errno.EIO)]
)
async def test_a_segment_that_the_disk_holds_fast_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    """It is delivered once it can be read, and not again while it cannot be removed."""
    ledger = Ledger()
    server = RpcServer(name="billing", master_key="master", service_tokens=["token"])
    server.grpc.add_generic_rpc_handlers((ledger.handler(),))
    await server.start("127.0.0.1", 0)
    stuck = closed_segment(tmp_path, Charge(id="stuck").SerializeToString())
    spool = Spool(tmp_path)
    recorder = ChargeRecorder(spool, PriceList(), IdSource(lambda: 0.0), lambda: 0.0)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        delivery = ChargeDelivery(channel, spool, recorder, service_metadata("token"))
        with monkeypatch.context() as patch:
            module = io if call == "open" else os
            refuse(patch, call, code, when=lambda path, *_: path == stuck, module=module)
            for number in range(3):
                spool.append(CHARGE, Charge(id=f"{number}").SerializeToString())
                with pytest.raises(OSError, match=r"\[Errno"):
                    await delivery.deliver()
            assert {"0", "1", "2"} <= set(ledger.ids)
        await delivery.deliver()
    await server.drain(0)
    assert sorted(ledger.ids) == ["0", "1", "2", "stuck"]
    assert not stuck.exists()
    await spool.aclose()


async def test_the_folder_of_a_segment_that_is_gone_is_brought_to_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a power cut has it delivered again, and again looked into."""
    ledger = Ledger()
    server = RpcServer(name="billing", master_key="master", service_tokens=["token"])
    server.grpc.add_generic_rpc_handlers((ledger.handler(),))
    await server.start("127.0.0.1", 0)
    spool = Spool(tmp_path)
    recorder = ChargeRecorder(spool, PriceList(), IdSource(lambda: 0.0), lambda: 0.0)
    spool.append(CHARGE, Charge(id="one").SerializeToString())
    spool.rotate()
    await spool.sync()
    assert not spool.unsynced.is_set()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        await ChargeDelivery(channel, spool, recorder, service_metadata("token")).deliver()
    await server.drain(0)
    assert spool.unsynced.is_set()
    synced = synced_paths(monkeypatch)
    await spool.sync()
    folder = next(path for path in tmp_path.iterdir() if path.is_dir())
    assert synced == {tmp_path, folder}
    await spool.aclose()

"""A process that spools charges and delivers them, to be killed: `... FOLDER TARGET NAME`.

It says on standard output which charges a caller would have been answered for.
"""

import asyncio
import itertools
import os
import sys
from pathlib import Path

import grpc

from conduit.v1.charge_pb2 import Charge
from conduit_kernel.background import Background
from conduit_kernel.ids import IdSource
from conduit_router.accounting.charging import ChargeRecorder
from conduit_router.accounting.prices import PriceList
from conduit_router.accounting.segment import CHARGE
from conduit_router.accounting.spool import Spool
from conduit_router.control_plane.charge_delivery import ChargeDelivery

SEGMENT_BYTES = 2000


async def _spool(folder: Path, target: str, name: str) -> None:
    spool = Spool(folder, segment_bytes=SEGMENT_BYTES)
    recorder = ChargeRecorder(spool, PriceList(), IdSource(lambda: 0.0), lambda: 0.0)
    background = Background()
    async with grpc.aio.insecure_channel(target) as channel:
        delivery = ChargeDelivery(channel, spool, recorder, ())
        background.run("spool_sync", spool.sync, every=0.01, when=spool.unsynced)
        background.run("charge_delivery", delivery.deliver, every=0.01, when=spool.waiting)
        for number in itertools.count():
            charge = Charge(id=f"{name}-{number}")
            recorder.store(CHARGE, charge.SerializeToString())
            # Into the pipe at once: what is said is said before the kill.
            os.write(1, f"{charge.id}\n".encode())
            await asyncio.sleep(0)


if __name__ == "__main__":
    asyncio.run(_spool(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))

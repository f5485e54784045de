"""Builds a running simulator."""

import asyncio
import random
import time

from conduit_kernel.http import HttpServer
from conduit_kernel.ids import IdSource
from conduit_simulator.service import Simulator

DRAIN_SECONDS = 1.0


class SimulatorProcess:
    """A simulator that listens."""

    def __init__(self, server: HttpServer) -> None:
        self._server = server

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.port

    async def drain(self, grace_seconds: float = DRAIN_SECONDS) -> None:
        """Finish what is under way within the time given, then cut the rest."""
        await self._server.drain(grace_seconds)


async def start(
    host: str = "127.0.0.1", port: int = 0, *, seed: int | None = None
) -> SimulatorProcess:
    """Listen; port 0 takes a free one. With a seed, chance is the same each time.

    OSError if the port is taken.
    """
    simulator = Simulator(
        wall_clock=time.time,
        clock=time.monotonic,
        sleep=asyncio.sleep,
        chance=random.Random(seed),  # noqa: S311 # failing by chance is no cryptography
        new_id=IdSource().next,
    )
    server = HttpServer(simulator.handle)
    await server.start(host, port)
    return SimulatorProcess(server)

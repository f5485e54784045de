"""Run a simulator alone: `python -m conduit_simulator`."""

import argparse
import sys

import uvloop

from conduit_kernel.process import stop_event
from conduit_simulator.bootstrap import start

DEFAULT_PORT = 50055


async def _run(host: str, port: int) -> None:
    stop = stop_event()
    process = await start(host, port)
    sys.stderr.write(f"simulator: http://{host}:{process.port}/v1\n")
    await stop.wait()
    await process.drain()


def main() -> None:
    """Serve until asked to stop. Exits with 1 and one line if the port is taken."""
    parser = argparse.ArgumentParser(prog="conduit simulator")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    given = parser.parse_args()
    try:
        uvloop.run(_run(given.host, given.port))
    except OSError as error:
        sys.exit(f"conduit simulator: {error}")


if __name__ == "__main__":
    main()

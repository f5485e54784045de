"""Run a bridge alone: `python -m conduit_bridge`."""

from conduit_bridge.bootstrap import start
from conduit_kernel.process import run_service

if __name__ == "__main__":
    run_service("bridge", start)

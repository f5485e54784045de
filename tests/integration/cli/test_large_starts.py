"""A worker with a large configuration on its disk, started as the supervisor starts it."""

import base64
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.support.pauses import slowness
from tests.support.snapshots import (
    ENCRYPTION_KEY,
    mapping,
    provider,
    save_snapshot,
    snapshot,
    virtual_key,
)

from conduit_cli.layout import READY_VARIABLE, Layout

pytestmark = pytest.mark.slow

MAPPINGS, PROVIDERS, CALLERS = 10_000, 1_000, 10_000
# From the start of the process, on a machine that does nothing else.
READY_SECONDS = 1.5
# The best of these counts; the first one may also have to compile Python's sources.
STARTS = 3
# Nobody listens there: the worker serves though the control plane is away.
NOWHERE = "127.0.0.1:1"


def test_worker_is_soon_ready_with_a_large_configuration(tmp_path: Path) -> None:
    """From its snapshot file, while there is no control plane."""
    source = snapshot(
        [provider(i) for i in range(1, PROVIDERS + 1)],
        mappings=[
            mapping(i, i % PROVIDERS + 1, model_alias=f"alias-{i}") for i in range(1, MAPPINGS + 1)
        ],
        virtual_keys=[virtual_key(f"condt_{i}", i) for i in range(1, CALLERS + 1)],
    )
    save_snapshot(tmp_path / "router" / "snapshot.binpb", source)
    best = min(_seconds_until_ready(tmp_path) for _ in range(STARTS))
    assert best < READY_SECONDS


def _seconds_until_ready(data_dir: Path) -> float:
    """Start a worker and kill it once it is ready; return how long that took.

    Without the time that it waited for a processor, and as if it had one to itself: a machine that
    has other work to do tells the same as one that has none.
    """
    layout = Layout(data_dir, "127.0.0.1", http_port=0, grpc_port=0, workers=1, sockets=data_dir)
    keys = {
        "master_key": "master-key-of-tests",
        "encryption_key": base64.b64encode(ENCRYPTION_KEY).decode(),
    }
    away = {f"CONDUIT_{name}_TARGET": NOWHERE for name in ("REGISTRY", "HEALTH", "BILLING")}
    env = layout.environment({**os.environ, **away}, keys)
    # An installed gateway has its bytecode.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    slow = slowness()
    ready, told = os.pipe()
    began = time.perf_counter()
    worker = subprocess.Popen(  # noqa: S603 # our own command
        layout.processes()["worker"],
        env={**env, READY_VARIABLE: str(told)},
        stdin=subprocess.PIPE,
        pass_fds=(told,),
    )
    os.close(told)
    with os.fdopen(ready, "rb") as pipe, worker:
        said = pipe.readline()
        took = time.perf_counter() - began
        waited = _seconds_without_processor(worker.pid)
        worker.kill()
    assert said == b"ready"
    slow = max(slow, slowness())
    sys.stdout.write(f"ready after {took:.2f} s, of which {waited:.2f} s waiting for a processor, ")
    sys.stdout.write(f"on a machine {slow:.2f} times slower than it can be\n")
    return (took - waited) / slow


def _seconds_without_processor(pid: int) -> float:
    """Return for how long a process could run and had to wait; 0 where no system tells."""
    path = Path(f"/proc/{pid}/schedstat")
    return int(path.read_text("ascii").split()[1]) / 1e9 if path.exists() else 0.0

"""A worker with a large configuration on its disk, started as the supervisor starts it."""

import base64
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support.snapshots import ENCRYPTION_KEY, mapping, provider, snapshot, virtual_key

from conduit_cli.layout import READY_VARIABLE
from conduit_router.control_plane.snapshot_file import save_snapshot

MAPPINGS, PROVIDERS, CALLERS = 10_000, 1_000, 10_000
# On a machine that does nothing else it is ready after 1.5 s, of which most is Python's own start.
MOST_CPU_SECONDS = 5.0


@contextmanager
def listening() -> Iterator[str]:
    """Listen where a service would, and never answer; return the address."""
    with socket.socket() as control:
        control.bind(("127.0.0.1", 0))
        control.listen()
        yield f"127.0.0.1:{control.getsockname()[1]}"


def test_worker_is_soon_ready_with_a_large_configuration(tmp_path: Path) -> None:
    """From its snapshot file, while the control plane says nothing."""
    source = snapshot(
        [provider(i) for i in range(1, PROVIDERS + 1)],
        mappings=[
            mapping(i, i % PROVIDERS + 1, model_alias=f"alias-{i}") for i in range(1, MAPPINGS + 1)
        ],
        virtual_keys=[virtual_key(f"condt_{i}", i) for i in range(1, CALLERS + 1)],
    )
    save_snapshot(tmp_path / "router" / "snapshot.binpb", source)
    with ExitStack() as stack:
        services = {
            f"CONDUIT_{name}_TARGET": stack.enter_context(listening())
            for name in ("REGISTRY", "HEALTH", "BILLING")
        }
        ready, told = os.pipe()
        env = {
            **os.environ,
            **services,
            "CONDUIT_DATA_DIR": str(tmp_path),
            "CONDUIT_MASTER_KEY": "master",
            "CONDUIT_ENCRYPTION_KEY": base64.b64encode(ENCRYPTION_KEY).decode(),
            "CONDUIT_HTTP_PORT": "0",
            "CONDUIT_GRPC_PORT": "0",
            READY_VARIABLE: str(told),
        }
        began = time.perf_counter()
        command = [sys.executable, "-m", "conduit_cli.worker"]
        worker = subprocess.Popen(  # noqa: S603 # our own command
            command, env=env, stdin=subprocess.PIPE, pass_fds=(told,)
        )
        os.close(told)
        with os.fdopen(ready, "rb") as pipe:
            said = pipe.readline()
        took = time.perf_counter() - began
        worker.send_signal(signal.SIGTERM)
        _, _, usage = os.wait4(worker.pid, 0)
        worker.returncode = 0
        assert worker.stdin is not None
        worker.stdin.close()
    cpu = usage.ru_utime + usage.ru_stime
    sys.stdout.write(f"ready after {took:.2f} s, of which {cpu:.2f} s on the processor\n")
    assert said == b"ready\n"
    assert cpu < MOST_CPU_SECONDS

"""The gateway under measurement: `conduit serve`, started and set up as a user would."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

MASTER_KEY = "bench-master-key"
ENCRYPTION_KEY = "YmVuY2gtYmVuY2gtYmVuY2gtYmVuY2gtYmVuY2gtMDE="
READY = re.compile(rb"ready at http://127\.0\.0\.1:(\d+)")
PATIENCE_SECONDS = 30.0
_TICKS = os.sysconf("SC_CLK_TCK")


class Gateway:
    """One `conduit serve` on free ports."""

    def __init__(self, data_dir: Path) -> None:
        """Take a folder that is empty, or one that an earlier run has left."""
        self._data_dir = data_dir
        self._process: subprocess.Popen[bytes]
        self.port = 0
        # From the command to the line that says it is ready.
        self.start_seconds = 0.0

    def __enter__(self) -> Self:
        """Start it and wait until it says that it is ready."""
        began = time.monotonic()
        self._process = subprocess.Popen(  # noqa: S603 # our own command
            [
                Path(sys.executable).parent / "conduit",
                *("serve", "--data-dir", self._data_dir, "--workers", "1"),
                *("--http-port", "0", "--grpc-port", "0"),
            ],
            env={
                **os.environ,
                "CONDUIT_MASTER_KEY": MASTER_KEY,
                "CONDUIT_ENCRYPTION_KEY": ENCRYPTION_KEY,
                "CONDUIT_LOG_LEVEL": "warning",
            },
            stdout=subprocess.PIPE,
            # Its own group, so that it is the only one to be told to stop.
            process_group=0,
        )
        output = self._process.stdout
        for line in output or ():
            if found := READY.search(line):
                self.start_seconds = time.monotonic() - began
                self.port = int(found[1])
                return self
        raise SystemExit(f"conduit serve ended with {self._process.wait()}")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(PATIENCE_SECONDS)
        finally:
            self._process.kill()

    def set_up(self, upstream_port: int, provider_type: str = "OpenAICompatible") -> str:
        """Point the alias `bench` at the upstream, at a known price; return a virtual key."""
        provider = self._admin(
            "/api/providers",
            name="Bench",
            providerType=provider_type,
            baseUrl=f"http://127.0.0.1:{upstream_port}/v1",
        )
        self._admin(f"/api/providers/{provider['id']}/keys", apiKey="sk-bench")
        self._admin(
            "/api/model-provider-mappings",
            modelAlias="bench",
            providerId=provider["id"],
            actualModelName="bench-model",
        )
        self._admin(
            "/api/model-costs",
            providerId=provider["id"],
            modelPattern="bench-*",
            inputCostPer1kTokens=0.03,
            outputCostPer1kTokens=0.06,
            costCalculationType="TokenBased",
        )
        return str(self._admin("/api/virtual-keys", name="Bench")["key"])

    def limited_key(self) -> str:
        """Return a virtual key with a hard budget and limits that nobody reaches."""
        made = self._admin(
            "/api/virtual-keys",
            name="Limited",
            budgets=[{"limitUsd": 1e6, "period": "Month"}],
            limits={
                "requestsPerMinute": 10**9,
                "tokensPerMinute": 10**12,
                "concurrentRequests": 10**6,
            },
        )
        return str(made["key"])

    def wait_until_known(self, key: str) -> None:
        """Return once the workers know the alias."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while b'"bench"' not in self._get("/v1/models", key):
            if time.monotonic() > deadline:
                raise SystemExit("the alias does not show")
            time.sleep(0.05)

    def worker_pid(self) -> int:
        """Return the process that answers."""
        for pid in _children(self._process.pid):
            if b"conduit_cli.worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
        raise SystemExit("no worker found")

    def _admin(self, path: str, **body: object) -> dict[str, Any]:
        with _connection(self.port) as connection:
            headers = {"x-master-key": MASTER_KEY, "content-type": "application/json"}
            connection.request("POST", path, json.dumps(body), headers)
            response = connection.getresponse()
            answer: dict[str, Any] = json.loads(response.read())
        if response.status >= http.HTTPStatus.BAD_REQUEST:
            raise SystemExit(f"{path}: {answer}")
        return answer

    def _get(self, path: str, key: str) -> bytes:
        with _connection(self.port) as connection:
            connection.request("GET", path, headers={"authorization": f"Bearer {key}"})
            return connection.getresponse().read()


def cpu_seconds(pid: int) -> float:
    """Return the processor time a process has used so far, in user and system mode."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def pin(pid: int, cpus: set[int]) -> None:
    """Keep all threads of a process on some processors."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), cpus)


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii")
    return [int(child) for child in text.split()]


@contextmanager
def _connection(port: int) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    try:
        yield connection
    finally:
        connection.close()

"""Gateways as their users start them: `conduit serve` in a process of its own."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from conduit_cli.gateway import Gateway
from conduit_cli.keys import MASTER, VIRTUAL, KeyFile

CONDUIT = str(Path(sys.executable).parent / "conduit")
START_SECONDS = 30.0
LAST_LINE = "Ctrl-C stops it."


def environment(**more: str) -> dict[str, str]:
    """Return this environment without what would tell a gateway about another one."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CONDUIT_")}
    # Tests look at descriptors and environments, whoever they run as.
    return {**kept, "CONDUIT_TRACEABLE": "1", **more}


class Served:
    """A running `conduit serve`."""

    def __init__(
        self, data_dir: Path, *arguments: str, command: Sequence[str] = (CONDUIT,), **env: str
    ) -> None:
        self.data_dir = data_dir
        self.process = subprocess.Popen(  # noqa: S603 # our own command
            [
                *command,
                *("serve", "--data-dir", str(data_dir), "--http-port", "0", "--grpc-port", "0"),
                *arguments,
            ],
            env=environment(**env),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log: list[str] = []
        self._reader = threading.Thread(target=self._read_log)
        self._reader.start()
        self.output = self._read_greeting()

    @property
    def url(self) -> str:
        """Where it is."""
        return (self.data_dir / "address").read_text("utf-8").strip()

    def admin(self) -> Gateway:
        """Return the way to its admin API."""
        key = KeyFile(self.data_dir).read()[MASTER]
        return Gateway(self.url, {"x-master-key": str(key)}, 10)

    def caller(self) -> Gateway:
        """Return the way to its models."""
        key = KeyFile(self.data_dir).read()[VIRTUAL]
        return Gateway(self.url, {"authorization": f"Bearer {key}"}, 10)

    def aliases(self) -> set[str]:
        """Return the models that a caller sees."""
        return {model["id"] for model in self.caller().call("GET", "/v1/models")["data"]}

    def children(self) -> dict[str, int]:
        """Return the ids of its processes by module; there is /proc to ask on Linux only."""
        pid = self.process.pid
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii")
        found = {}
        for child in listed.split():
            arguments = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
            # `python -m conduit_cli.launch <module>`; one that has just ended has none.
            if len(arguments) > len(("python", "-m", "launch")):
                found[arguments[3].decode()] = int(child)
        return found

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop it and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(10)
        finally:
            self.process.kill()
            self._reader.join()
            for pipe in (self.process.stdout, self.process.stderr):
                if pipe:
                    pipe.close()

    def __enter__(self) -> Self:
        """Use it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.stop()

    def _read_log(self) -> None:
        self.log.extend(self.process.stderr or ())

    def _read_greeting(self) -> str:
        # A gateway that says nothing is ended, which ends its output too.
        guard = threading.Timer(START_SECONDS, self.process.kill)
        guard.start()
        lines: list[str] = []
        for line in self.process.stdout or ():
            lines.append(line)
            if line.strip().endswith(LAST_LINE):
                break
        guard.cancel()
        guard.join()
        if not lines or not lines[-1].strip().endswith(LAST_LINE):
            self.stop()
            raise AssertionError("".join([*lines, *self.log]))
        return "".join(lines)


def wait_for(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    """Return once a condition holds. AssertionError if that takes too long."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)

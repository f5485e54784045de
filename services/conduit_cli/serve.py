"""The command `conduit serve`: a whole gateway on one machine."""

import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from importlib.metadata import version
from pathlib import Path

from conduit_cli import first_steps
from conduit_cli.gateway import Gateway, GatewayError
from conduit_cli.greeting import greeting
from conduit_cli.keys import ENCRYPTION, MASTER, SET_UP, VIRTUAL, KeyFile, KeysUnusable
from conduit_cli.layout import Layout, PortTaken, with_free_ports
from conduit_cli.supervisor import Child, StartFailed, StopWanted, Supervisor

START_SECONDS = 30.0
CALL_SECONDS = 5.0
ADDRESS_FILE = "address"


class AlreadyServed(Exception):
    """Another gateway uses the data directory."""


def serve(
    *, data_dir: Path, host: str, http_port: int, grpc_port: int, workers: int, command: str
) -> int:
    """Serve until told to stop; return the exit code. Says in one line why it cannot start."""
    began = time.monotonic()
    try:
        with _only_one(data_dir):
            ports = with_free_ports(host, http_port, grpc_port)
            layout = Layout(data_dir, host, *ports, workers)
            _serve(layout, KeyFile(data_dir), os.environ, command, began)
    except (AlreadyServed, KeysUnusable, PortTaken, StartFailed, OSError) as error:
        print(f"conduit: {error}", file=sys.stderr)  # noqa: T201 # a command speaks to its user
        return 1
    except StopWanted:
        pass
    return 0


def _serve(
    layout: Layout, key_file: KeyFile, env: Mapping[str, str], command: str, began: float
) -> None:
    given = {
        name: env[f"CONDUIT_{name.upper()}"]
        for name in (MASTER, ENCRYPTION)
        if env.get(f"CONDUIT_{name.upper()}")
    }
    if key_file.make_private():
        log("key_file_made_private", path=str(key_file.path))
    keys, made = key_file.make_missing(given)
    surroundings = layout.environment(env, keys)
    children = [Child(n, args, surroundings) for n, args in layout.processes().items()]
    with Supervisor(children, log) as supervisor:
        supervisor.wait_until_ready(START_SECONDS)
        _wait_until_it_answers(layout, began + START_SECONDS)
        seconds = time.monotonic() - began
        (layout.data_dir / ADDRESS_FILE).write_text(layout.url + "\n", "utf-8")
        new_virtual_key = _first_steps(layout, key_file, keys[MASTER])
        text = greeting(
            layout,
            version=version("conduit-suite"),
            seconds=seconds,
            made_keys={name: key for name, key in keys.items() if name in made},
            new_virtual_key=new_virtual_key,
            key_file=key_file.path,
            has_virtual_key=VIRTUAL in key_file.read(),
            command=command,
        )
        print(text, flush=True)  # noqa: T201 # a command speaks to its user
        supervisor.watch()


def log(event: str, **data: object) -> None:
    """Write a line as the services do."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = {"service": "supervisor", "event": event, **data, "timestamp": now}
    print(json.dumps(line), file=sys.stderr, flush=True)  # noqa: T201 # the log


def _first_steps(layout: Layout, key_file: KeyFile, master_key: str) -> str:
    """Fill a new gateway; return the virtual key that was made, empty when there was none."""
    if key_file.read().get(SET_UP) is True:
        return ""
    admin = Gateway(layout.url, {"x-master-key": master_key}, CALL_SECONDS)
    try:
        virtual_key = first_steps.take(admin)
    except (GatewayError, OSError) as error:
        # The gateway serves without them; the next start tries again.
        log("first_steps_failed", error=str(error))
        return ""
    key_file.store({VIRTUAL: virtual_key, SET_UP: True})
    caller = Gateway(layout.url, {"authorization": f"Bearer {virtual_key}"}, CALL_SECONDS)
    if not first_steps.wait_until_visible(caller):
        log("first_steps_invisible")
    return virtual_key


def _wait_until_it_answers(layout: Layout, deadline: float) -> None:
    gateway = Gateway(layout.url, {}, CALL_SECONDS)
    while True:
        try:
            gateway.call("GET", "/health/ready")
        except (GatewayError, OSError, HTTPException, ValueError) as error:
            if time.monotonic() > deadline:
                raise StartFailed(f"{layout.url}/health/ready does not answer: {error}") from error
            time.sleep(0.01)
        else:
            return


@contextmanager
def _only_one(data_dir: Path) -> Iterator[None]:
    """Hold the data directory. AlreadyServed if another gateway does."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data_dir / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise AlreadyServed(
                f"{data_dir} is in use by another conduit serve (process {lock.read().strip()}). "
                "Stop it, or choose another folder: conduit serve --data-dir DIR"
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield

"""The command `conduit serve`: a whole gateway on one machine."""

import errno
import fcntl
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from conduit_cli.key_services.reference import with_keys
from conduit_cli.key_services.service import KeyReferenceWrong, KeyServiceFailed
from conduit_cli.keys import ENCRYPTION, MASTER, KeyFile, KeysUnusable
from conduit_cli.layout import Layout, PortTaken, with_free_ports
from conduit_cli.sockets import socket_folder
from conduit_cli.supervisor import (
    DRAIN_SECONDS,
    Child,
    StartFailed,
    StopWanted,
    Supervisor,
    log,
)
from conduit_kernel.file_errors import in_words

START_SECONDS = 30.0
# What a new gateway takes, and as much again.
FIRST_BYTES, FIRST_FILES = 2_000_000, 32
_STANDARD_OUTPUT = 1


class AlreadyServed(Exception):
    """Another gateway uses the data directory."""


def serve(
    *,
    data_dir: Path,
    host: str,
    http_port: int,
    grpc_host: str,
    grpc_port: int,
    workers: int,
    command: str,
    shows_keys: bool,
) -> int:
    """Serve until asked to stop; return the exit code. Says in one line why it cannot start.

    `command` is how to call this program again. Keys that are made are shown on a terminal, and
    elsewhere, where what is printed may be kept, only if `shows_keys` says so.
    """
    began = time.monotonic()
    try:
        # Once, for all processes: they go on, and begin anew, while the key service is away.
        env = with_keys(os.environ)
        with _only_one(data_dir):
            _require_room(data_dir, env)
            ports = with_free_ports(host, http_port, grpc_port, grpc_host=grpc_host)
            shown = env.get("CONDUIT_TLS_CERT")
            with socket_folder(data_dir, env) as sockets:
                layout = Layout(
                    data_dir,
                    host,
                    *ports,
                    workers,
                    sockets,
                    grpc_host=grpc_host,
                    certificate=Path(shown) if shown else None,
                )
                shows_keys = shows_keys or os.isatty(_STANDARD_OUTPUT)
                _serve(layout, KeyFile(data_dir), env, command, began, shows_keys=shows_keys)
    except (
        *(AlreadyServed, KeysUnusable, PortTaken, StartFailed),
        *(KeyServiceFailed, KeyReferenceWrong),
    ) as error:
        print(f"conduit: {error}", file=sys.stderr)  # noqa: T201 # a command speaks to its user
        return 1
    except OSError as error:
        print(f"conduit: {in_words(error)}", file=sys.stderr)  # noqa: T201 # as above
        return 1
    except StopWanted:
        pass
    return 0


def _serve(
    layout: Layout,
    key_file: KeyFile,
    env: Mapping[str, str],
    command: str,
    began: float,
    *,
    shows_keys: bool,
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
    if ENCRYPTION not in given:
        # It may change while they run.
        surroundings["CONDUIT_KEY_FILE"] = str(key_file.path)
    if sys.stderr.isatty():
        # Who sits before it wants to read what follows; who collects logs redirects them.
        surroundings.setdefault("CONDUIT_LOG_LEVEL", "warning")
    children = [Child(n, args, surroundings) for n, args in layout.processes().items()]
    with Supervisor(children, log, drain_seconds=_drain_seconds(env)) as supervisor:
        # Only now, while the others start: it brings HTTP, which takes its time to import.
        from conduit_cli.welcome import Welcome  # noqa: PLC0415 # see above

        supervisor.wait_until_ready(began + START_SECONDS)
        welcome = Welcome(layout, key_file, keys[MASTER])
        welcome.wait_until_it_answers(began + START_SECONDS)
        seconds = time.monotonic() - began
        made_keys = {name: key for name, key in keys.items() if name in made}
        text = welcome.text(made_keys, seconds=seconds, command=command, shows_keys=shows_keys)
        print(text, flush=True)  # noqa: T201 # a command speaks to its user
        supervisor.watch()


def _drain_seconds(env: Mapping[str, str]) -> float:
    """Return how long workers take to stop: until they drain, and while they do."""
    # A value that makes no sense is told by the processes themselves.
    texts = [env.get(name, "") for name in ("CONDUIT_DRAIN_DELAY_SECONDS", "CONDUIT_DRAIN_SECONDS")]
    delay, drain = (float(text) if text.isdecimal() else None for text in texts)
    return (delay or 0.0) + (DRAIN_SECONDS if drain is None else drain)


@contextmanager
def _only_one(data_dir: Path) -> Iterator[None]:
    """Hold the data directory. AlreadyServed if another gateway does."""
    # What is made from here on is this user's alone.
    os.umask(0o077)
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
        # A full disk has no room for a number that others are only told.
        with suppress(OSError):
            os.truncate(lock.fileno(), 0)
            os.write(lock.fileno(), f"{os.getpid()}\n".encode())
        yield


def _require_room(data_dir: Path, env: Mapping[str, str]) -> None:
    """Look before the first start for the room that it takes. OSError if there is less.

    Later ones get by with less: what the disk refuses then waits.
    """
    if env.get("CONDUIT_DATABASE_URL") or any(data_dir.glob("*.db")):
        return
    disk = os.statvfs(data_dir)
    # Some file systems count no files.
    lacks_names = disk.f_files > 0 and disk.f_favail < FIRST_FILES
    if disk.f_bavail * disk.f_frsize < FIRST_BYTES or lacks_names:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(data_dir))

"""Processes that are started, started again and stopped; with real ones, that end at once."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from conduit_cli.layout import READY_VARIABLE
from conduit_cli.supervisor import (
    FIRST_BACKOFF_SECONDS,
    HEALTHY_SECONDS,
    MAX_BACKOFF_SECONDS,
    Child,
    StartFailed,
    StopWanted,
    Supervisor,
)

SAYS = f"import os; os.write(int(os.environ['{READY_VARIABLE}']), {{said!r}})"
READY = SAYS.format(said=b"ready")
# Until its standard input ends, which its parent holds.
RUNS = f"{READY}; os.read(0, 1)"
# So does a process that is deaf to the wish to stop, and says that it is ready once it is.
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {RUNS}"
Log = list[tuple[str, dict[str, object]]]


def child(name: str, code: str) -> Child:
    """Return a process that runs some Python."""
    return Child(name, [sys.executable, "-S", "-c", code], {})


@pytest.fixture
def log() -> Log:
    """Return what a supervisor logs."""
    return []


@pytest.fixture
def supervisor_of(log: Log) -> Iterator[Callable[..., Supervisor]]:
    """Return a maker of supervisors; the signals are as they were afterwards."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
    before = {number: signal.getsignal(number) for number in numbers}
    made: list[Supervisor] = []

    def make(*children: Child) -> Supervisor:
        supervisor = Supervisor(
            list(children), lambda event, **data: log.append((event, data)), drain_seconds=0.4
        )
        made.append(supervisor)
        return supervisor

    yield make
    signal.set_wakeup_fd(-1)
    for number, handler in before.items():
        signal.signal(number, handler)
    for supervisor in made:
        for each in supervisor._children:  # noqa: SLF001 # as below
            each.let_go()
            each.close_pipe()
        supervisor._selector.close()  # noqa: SLF001 # in a process of its own it ends with that
        supervisor._signals.close()  # noqa: SLF001 # as above
        supervisor._signals_in.close()  # noqa: SLF001 # as above


def test_each_death_in_a_row_is_waited_for_longer() -> None:
    """Up to a bound; after a long life it is a new story."""
    dying = child("worker", "")
    waits = [dying.plan_restart(0.0) for _ in range(12)]
    assert waits[:3] == [FIRST_BACKOFF_SECONDS * 2**n for n in range(3)]
    assert waits[-1] == waits[-2] == MAX_BACKOFF_SECONDS
    assert dying.due_at == MAX_BACKOFF_SECONDS
    assert dying.plan_restart(HEALTHY_SECONDS + 1) == FIRST_BACKOFF_SECONDS


def test_a_start_ends_once_all_have_said_that_they_are_ready(
    supervisor_of: Callable[..., Supervisor],
) -> None:
    """And all stop with it, without being killed."""
    children = child("worker", RUNS), child("control", RUNS)
    with supervisor_of(*children) as supervisor:
        supervisor.wait_until_ready(supervisor._clock() + 20.0)  # noqa: SLF001 # its own time
        assert [each.ended() for each in children] == [None, None]
    assert [each.ended() for each in children] == [-signal.SIGTERM] * 2


def test_a_process_that_ends_before_it_is_ready_fails_the_start(
    supervisor_of: Callable[..., Supervisor],
) -> None:
    """By its name, and the others are stopped."""
    running, failing = child("worker", RUNS), child("control", "")
    with (
        pytest.raises(StartFailed, match="The control could not start"),
        supervisor_of(running, failing) as supervisor,
    ):
        supervisor.wait_until_ready(supervisor._clock() + 20.0)  # noqa: SLF001 # as above
    assert running.ended() is not None


def test_a_process_that_says_why_it_ends_is_quoted(
    supervisor_of: Callable[..., Supervisor], log: Log
) -> None:
    """At a start, which it fails; later, in the line about its death."""
    why = SAYS.format(said=b"/data: No space left on device")
    with (
        pytest.raises(StartFailed, match=r"^/data: No space left on device$"),
        supervisor_of(child("control", why)) as supervisor,
    ):
        supervisor.wait_until_ready(supervisor._clock() + 20.0)  # noqa: SLF001 # as above
    with supervisor_of(child("worker", why)) as supervisor:
        while not log:
            supervisor._restart_the_dead()  # noqa: SLF001 # one round of the watch
    assert log[0][1]["reason"] == "/data: No space left on device"


def test_a_process_that_says_nothing_fails_the_start_in_time(
    supervisor_of: Callable[..., Supervisor],
) -> None:
    """All that were waited for are named."""
    silent = child("worker", "import os; os.read(0, 1)")
    with (
        pytest.raises(StartFailed, match=r"took too long to start: worker\."),
        supervisor_of(silent) as supervisor,
    ):
        supervisor.wait_until_ready(supervisor._clock() + 0.05)  # noqa: SLF001 # as above
    assert silent.ended() is not None


def test_what_dies_is_started_again_until_somebody_asks_to_stop(
    supervisor_of: Callable[..., Supervisor], log: Log
) -> None:
    """A stop while nothing is waited for ends the watch; while starting it ends that."""
    dying = child("worker", READY)
    with supervisor_of(dying) as supervisor:
        supervisor.wait_until_ready(supervisor._clock() + 20.0)  # noqa: SLF001 # as above
        while [event for event, _ in log].count("restarted") < 2:
            supervisor._restart_the_dead()  # noqa: SLF001 # one round of the watch
        signal.raise_signal(signal.SIGCHLD)
        with pytest.raises(StopWanted):
            signal.raise_signal(signal.SIGTERM)
        supervisor.watch()
    deaths = [data for event, data in log if event == "died"]
    assert [data["wait"] for data in deaths[:2]] == [0.1, 0.2]
    assert {data["code"] for data in deaths} == {0}


def test_who_is_deaf_is_killed_and_told(supervisor_of: Callable[..., Supervisor], log: Log) -> None:
    """Once the time to drain is over."""
    deaf = child("worker", DEAF)
    with supervisor_of(deaf) as supervisor:
        supervisor.wait_until_ready(supervisor._clock() + 20.0)  # noqa: SLF001 # as above
    assert deaf.ended() == -signal.SIGKILL
    assert log == [("killed", {"process": "worker"})]


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_line_of_the_log_is_one_write(unbuffered: str) -> None:
    """Other processes write to the same log, whose lines would be mixed else."""
    code = "from conduit_cli.supervisor import log; log('died', code=1); log('died', code=2)"
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(10)
    with ours, theirs:
        env = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
        subprocess.run([sys.executable, "-c", code], env=env, stderr=theirs.fileno(), check=True)  # noqa: S603 # our own
        # A message of such a socket is one write.
        written = [ours.recv(1000) for _ in range(2)]
    assert all(each.endswith(b"}\n") for each in written)
    assert [json.loads(each)["code"] for each in written] == [1, 2]

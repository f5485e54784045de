"""Starts processes, starts them again when they die, and stops them in order.

It imports little, so that they start at once, and does without an event loop for the same reason.
"""

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import FrameType
from typing import Self

from conduit_cli.layout import MOST_SAID, READY, READY_VARIABLE

# What workers have from the wish to stop on, unless told otherwise.
DRAIN_SECONDS = 4.0
# When, after that, the next in order are told, and when what is left is killed.
NEXT_SECONDS = -0.1
KILL_SECONDS = 0.6
FIRST_BACKOFF_SECONDS = 0.1
MAX_BACKOFF_SECONDS = 10.0
# After so long a life, a death is a new story.
HEALTHY_SECONDS = 30.0
_STOPS = (signal.SIGTERM, signal.SIGINT)

Log = Callable[..., None]


def log(event: str, **data: object) -> None:
    """Write a line as the services do."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = {"service": "supervisor", "event": event, **data, "timestamp": now}
    # In one write: with PYTHONUNBUFFERED `print` makes two, and others write to the log, too.
    sys.stderr.write(f"{json.dumps(line)}\n")
    sys.stderr.flush()


class StartFailed(Exception):
    """A process ended, or reported nothing for too long, before everything was ready."""


class StopWanted(BaseException):
    """Somebody asks everything to stop, now; like KeyboardInterrupt, for all such signals."""


class Child:
    """A process that should always run."""

    def __init__(self, name: str, command: list[str], env: Mapping[str, str]) -> None:
        self.name = name
        self._command = command
        self._env = env
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._deaths = 0
        # The end of a pipe on which the process says that it is ready, or why not; -1 once closed.
        self.ready_pipe = -1
        # When to start it again; None while it runs.
        self.due_at: float | None = None

    def start(self, now: float) -> None:
        """Start the process. Its standard input ends when this process does, however it ends."""
        self.let_go()
        self.ready_pipe, ready_write = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603 # the command is our own
                self._command,
                env={**self._env, READY_VARIABLE: str(ready_write)},
                stdin=subprocess.PIPE,
                pass_fds=[ready_write],
                # A Ctrl-C at the terminal is for the supervisor, which stops all in order.
                process_group=0,
            )
        finally:
            os.close(ready_write)
        self._started_at, self.due_at = now, None

    def said(self) -> str:
        """Read the pipe once it has something: READY, why it ended, or nothing."""
        received = os.read(self.ready_pipe, MOST_SAID) if self.ready_pipe >= 0 else b""
        self.close_pipe()
        return received.decode(errors="replace")

    def close_pipe(self) -> None:
        """Listen no longer for readiness."""
        if self.ready_pipe >= 0:
            os.close(self.ready_pipe)
            self.ready_pipe = -1

    def let_go(self) -> None:
        """End the standard input of the process, if it was started."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    def ended(self) -> int | None:
        """Return the exit code if the process has ended, negative for a signal."""
        return self._process.poll() if self._process else 0

    def plan_restart(self, now: float) -> float:
        """Choose when to start again, later after each death in a row; return the wait."""
        self._deaths = 1 if now - self._started_at > HEALTHY_SECONDS else self._deaths + 1
        wait = min(MAX_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0 ** (self._deaths - 1))
        self.due_at = now + wait
        return wait

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless the process has ended."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(number)


class Supervisor:
    """Runs children until it is asked to stop. One per process, as it takes the signals."""

    def __init__(
        self,
        children: list[Child],
        log: Log,
        clock: Callable[[], float] = time.monotonic,
        *,
        drain_seconds: float = DRAIN_SECONDS,
    ) -> None:
        """Take the children in the order in which they stop; the first group is the workers.

        `drain_seconds` is what the workers have to finish what is under way.
        """
        self._children = children
        self._log = log
        self._clock = clock
        self._drain_seconds = drain_seconds
        self._stop_wanted = False
        self._may_interrupt = True
        # Signals arrive here as bytes, so that waiting for them can have a limit.
        self._signals, self._signals_in = socket.socketpair()
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> Self:
        """Take the signals and start everything."""
        for end in (self._signals, self._signals_in):
            end.settimeout(0)
        signal.set_wakeup_fd(self._signals_in.fileno(), warn_on_full_buffer=False)
        for number in _STOPS:
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        self._selector.register(self._signals, selectors.EVENT_READ)
        # Those that stop last are those that the others wait for.
        for child in reversed(self._children):
            child.start(self._clock())
        return self

    def __exit__(self, *_: object) -> None:
        """Stop everything, within the time to drain and a moment."""
        self._may_interrupt = False
        began = self._clock()
        first = [child for child in self._children if child.name.startswith("worker")]
        rest = [child for child in self._children if child not in first]
        for group, until in ((first, NEXT_SECONDS), (rest, KILL_SECONDS)):
            for child in group:
                child.send(signal.SIGTERM)
            self._wait_for_end(group, began + self._drain_seconds + until)
        for child in self._children:
            if child.ended() is None:
                self._log("killed", process=child.name)
                child.send(signal.SIGKILL)
        self._wait_for_end(self._children, self._clock() + 1.0)

    def wait_until_ready(self, deadline: float) -> None:
        """Return when every process has reported that it is ready. StartFailed if one does not."""
        waiting = {child.ready_pipe: child for child in self._children}
        for pipe in waiting:
            self._selector.register(pipe, selectors.EVENT_READ)
        while waiting:
            for key, _ in self._selector.select(max(0.0, deadline - self._clock())):
                if child := waiting.pop(key.fd, None):
                    self._selector.unregister(key.fd)
                    if (said := child.said()) != READY:
                        raise StartFailed(said or f"The {child.name} could not start.")
            if self._clock() >= deadline and waiting:
                names = ", ".join(child.name for child in waiting.values())
                raise StartFailed(f"This took too long to start: {names}.")

    def watch(self) -> None:
        """Start again what dies, until somebody asks everything to stop."""
        self._may_interrupt = False
        while not self._stop_wanted:
            self._restart_the_dead()
            due = [child.due_at for child in self._children if child.due_at is not None]
            self._wait_for_signal(min(due) - self._clock() if due else None)

    def _restart_the_dead(self) -> None:
        for child in self._children:
            now = self._clock()
            if child.due_at is not None:
                if child.due_at <= now:
                    child.start(now)
                    self._log("restarted", process=child.name)
            elif (code := child.ended()) is not None:
                said = child.said()
                reason = {"reason": said} if said not in {"", READY} else {}
                wait = child.plan_restart(now)
                self._log("died", process=child.name, code=code, wait=wait, **reason)

    def _wait_for_end(self, children: list[Child], deadline: float) -> None:
        while any(child.ended() is None for child in children):
            left = deadline - self._clock()
            if left <= 0:
                return
            self._wait_for_signal(left)

    def _wait_for_signal(self, seconds: float | None) -> None:
        self._selector.select(None if seconds is None else max(0.0, seconds))
        with suppress(BlockingIOError):
            self._signals.recv(4096)

    def _on_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stop_wanted = True
        if self._may_interrupt:
            self._may_interrupt = False
            raise StopWanted

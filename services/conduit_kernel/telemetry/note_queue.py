"""Notes of what went on, from which spans and metrics are made behind the calls."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

import structlog

# How long notes gather before they are written down.
DELAY_SECONDS = 0.1
# More of them are not kept; at this delay, that is 160,000 a second.
MAX_NOTES = 16_384
T = TypeVar("T")
_Note = tuple[Callable[[Any], object], Any]


class NoteQueue:
    """Takes notes on the way of calls; a thread of its own has them written. `close` it."""

    def __init__(self, *, delay: float = DELAY_SECONDS, limit: int = MAX_NOTES) -> None:
        """Start the thread, which sleeps while there are no notes."""
        self._notes = deque[_Note]()
        self._delay, self._limit = delay, limit
        self._lost = 0
        self._is_awake = False
        self._come, self._closing = threading.Event(), threading.Event()
        self._writing = threading.Lock()
        self._log = structlog.get_logger("telemetry")
        self._thread = threading.Thread(target=self._run, name="telemetry_notes", daemon=True)
        self._thread.start()

    def add(self, write: Callable[[T], object], note: T) -> None:
        """Have a note written soon. One for which there is no room is lost, which the log says."""
        if len(self._notes) >= self._limit:
            self._lost += 1
            return
        self._notes.append((write, note))
        if not self._is_awake:
            self._is_awake = True
            self._come.set()

    def flush(self) -> None:
        """Write what was noted so far."""
        with self._writing:
            for _ in range(len(self._notes)):
                write, note = self._notes.popleft()
                try:
                    write(note)
                except Exception:  # noqa: BLE001 # one note's fault is not the next one's
                    self._log.exception("telemetry_note_failed")
            lost, self._lost = self._lost, 0
        if lost:
            self._log.warning("telemetry_notes_lost", count=lost)

    def close(self) -> None:
        """Write what is left, and end the thread."""
        self._closing.set()
        self._come.set()
        self._thread.join()
        self.flush()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._come.wait()
            self._closing.wait(self._delay)
            # In this order: a note that comes meanwhile is written now, or wakes this again.
            self._come.clear()
            self._is_awake = False
            self.flush()

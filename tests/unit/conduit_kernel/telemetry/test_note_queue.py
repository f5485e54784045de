"""Notes on their way to whatever is made of them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from structlog.testing import capture_logs

from conduit_kernel.telemetry.note_queue import NoteQueue


@contextmanager
def queue(**more: float) -> Iterator[NoteQueue]:
    """Have a queue, whose notes are written at once unless more is said."""
    found = NoteQueue(delay=more.get("delay", 0.0), limit=int(more.get("limit", 10)))
    try:
        yield found
    finally:
        found.close()


def test_notes_are_written_in_order_by_another_thread() -> None:
    """Without anybody asking, again and again."""
    written, threads = list[int](), set[int]()
    with queue() as notes:
        for number in range(3):
            done = threading.Event()

            def write(note: int, done: threading.Event = done) -> None:
                written.append(note)
                threads.add(threading.get_ident())
                done.set()

            notes.add(write, number)
            assert done.wait(10)
    assert written == [0, 1, 2]
    assert threading.get_ident() not in threads


def test_a_note_for_which_there_is_no_room_is_lost_and_counted() -> None:
    """Whoever notes it waits for nothing."""
    written = list[int]()
    with capture_logs() as lines, queue(delay=60.0, limit=3) as notes:
        for number in range(5):
            notes.add(written.append, number)
        notes.flush()
        notes.add(written.append, 9)
    assert written == [0, 1, 2, 9]
    [lost] = [line for line in lines if line["event"] == "telemetry_notes_lost"]
    assert lost["count"] == 2


def test_a_note_that_cannot_be_written_is_not_the_next_ones_fault() -> None:
    """The log has it."""
    written = list[int]()

    def fail(_: int) -> None:
        raise RuntimeError("fails")

    with capture_logs() as lines, queue(delay=60.0) as notes:
        notes.add(fail, 1)
        notes.add(written.append, 2)
        notes.flush()
    assert written == [2]
    assert [line["event"] for line in lines] == ["telemetry_note_failed"]


def test_what_is_left_is_written_at_the_end() -> None:
    """Without waiting for the delay."""
    written = list[int]()
    with queue(delay=60.0) as notes:
        notes.add(written.append, 1)
    assert written == [1]

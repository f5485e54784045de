"""Warnings that repeat are written at a bounded rate, and counted."""

import structlog
from structlog.testing import CapturingLogger

from conduit_kernel.log_limit import MAX_KINDS, OF_EVENT, SAME, LogLimit, limited_logger


class Clock:
    """A clock that is set."""

    now = 1000.0

    def __call__(self) -> float:
        """Return its time."""
        return self.now


def limited() -> tuple[structlog.typing.FilteringBoundLogger, CapturingLogger, Clock]:
    """Return a logger, what it writes, and its clock."""
    clock, written = Clock(), CapturingLogger()
    base = structlog.make_filtering_bound_logger(0)
    logger = limited_logger(base, LogLimit(clock))(written, [lambda _1, _2, line: line], {})
    return logger, written, clock


def test_a_line_that_each_request_repeats_is_written_a_few_times_and_then_once_a_minute() -> None:
    """The next one that is written has the number of those that were not."""
    log, written, clock = limited()
    for number in range(1000):
        log.warning("database_failed", service="billing", request_id=f"req_{number}")
    assert len(written.calls) == SAME.burst
    clock.now += SAME.seconds
    for number in range(1000):
        log.warning("database_failed", service="billing", request_id=f"req_{number}")
    assert len(written.calls) == SAME.burst + 1
    assert written.calls[-1].kwargs["suppressed"] == 1000 - SAME.burst
    assert "suppressed" not in written.calls[0].kwargs


def test_lines_that_say_something_else_are_written() -> None:
    """Another reason, service or event; information is never limited."""
    log, written, _ = limited()
    for _ in range(100):
        log.error("disk_refused", at="spool")
    log.error("disk_refused", at="snapshot")
    log.error("not_ready")
    for _ in range(100):
        log.info("http_request")
    assert len(written.calls) == SAME.burst + 1 + 1 + 100


def test_an_event_is_bounded_whatever_its_lines_say() -> None:
    """A caller who has a say in them fills no disk either, and later lines are written."""
    log, written, clock = limited()
    for number in range(10 * MAX_KINDS):
        log.warning("malformed", said=number)
    assert len(written.calls) == OF_EVENT.burst
    for number in range(10 * MAX_KINDS):
        clock.now += OF_EVENT.seconds
        log.warning("malformed", said=number)
    assert len(written.calls) == OF_EVENT.burst + 10 * MAX_KINDS


def test_crashes_are_told_apart_by_their_errors_type() -> None:
    """Whether it is given, or being handled."""
    log, written, _ = limited()
    for error in (ValueError("a"), KeyError("b")) * 20:
        log.error("rpc_failed", exc_info=error)
        try:
            raise error
        except (ValueError, KeyError):
            log.exception("listener_failed")
    assert len(written.calls) == 4 * SAME.burst

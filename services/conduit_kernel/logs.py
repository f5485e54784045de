"""Logs: one JSON object a line on standard error, constant event names, data in keys.

A warning or an error that repeats is written at a bounded rate, see `log_limit`.
"""

import datetime as dt
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence

import orjson
import structlog
from structlog.typing import Processor

from conduit_kernel.log_limit import LogLimit, limited_logger


def configure_logs(level: str, service: str, *, correlated: Sequence[Processor] = ()) -> None:
    """Set the process's logs up, once, before any is written. ValueError for an unknown level.

    `correlated` add to lines what they belong to.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"CONDUIT_LOG_LEVEL must be debug, info, warning or error, not {level!r}")
    limit = LogLimit()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            *correlated,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_json_of),
        ],
        wrapper_class=limited_logger(structlog.make_filtering_bound_logger(number), limit),
        logger_factory=structlog.BytesLoggerFactory(file=sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    # gRPC's core writes lines in a form of its own, of what its callers hear as errors.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    # What libraries have to say goes the same way, from warnings up.
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_LibraryFormatter(service))
    handler.addFilter(_LibraryFilter(limit))
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler])


# Where the system refuses gRPC something, the words of its error may end in bytes that are none.
# It says so beside that error, which callers get; the trace is that of its own reading.
_UNTOLD = frozenset({("grpc._cython.cygrpc", "Invalid encoding on %s")})


class _LibraryFilter(logging.Filter):
    """Limits a library's records as our own lines are; what one says is its unfilled text."""

    def __init__(self, limit: LogLimit) -> None:
        super().__init__()
        self._limit = limit

    def filter(self, record: logging.LogRecord) -> bool:
        if (record.name, record.msg) in _UNTOLD:
            return False
        suppressed = self._limit.take(record.name, (record.name, record.levelno, str(record.msg)))
        if suppressed:
            record.suppressed = suppressed
        return suppressed is not None


class _LibraryFormatter(logging.Formatter):
    """Writes a library's record as our own lines are; its logger's name is the event."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        at = dt.datetime.fromtimestamp(record.created, dt.UTC).replace(tzinfo=None)
        line: dict[str, object] = {
            "detail": record.getMessage(),
            "event": record.name,
            "service": self._service,
            "level": record.levelname.lower(),
            "timestamp": f"{at.isoformat()}Z",
        }
        if suppressed := getattr(record, "suppressed", 0):
            line["suppressed"] = suppressed
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _json_of(line).decode()


def _json_of(line: object, default: Callable[[object], object] = repr) -> bytes:
    """Write a line whatever is in it: a log that raises would fail the call that it tells of."""
    try:
        return orjson.dumps(line, default)
    except TypeError:
        # Of numbers over 64 bits, halves of surrogate pairs, and keys that are no strings.
        text = json.dumps(line, default=default, skipkeys=True, ensure_ascii=False)
        return text.encode(errors="replace")

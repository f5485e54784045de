"""Logs: one JSON object a line on standard error, constant event names, data in keys."""

import datetime as dt
import json
import logging
import sys
from collections.abc import Callable

import orjson
import structlog


def configure_logs(level: str, service: str) -> None:
    """Set the process's logs up, once, before any is written. ValueError for an unknown level."""
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"CONDUIT_LOG_LEVEL must be debug, info, warning or error, not {level!r}")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_json_of),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.BytesLoggerFactory(file=sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    # What libraries have to say goes the same way, from warnings up.
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_LibraryFormatter(service))
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler])


class _LibraryFormatter(logging.Formatter):
    """Writes a library's record as our own lines are; its logger's name is the event."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        at = dt.datetime.fromtimestamp(record.created, dt.UTC).replace(tzinfo=None)
        line = {
            "detail": record.getMessage(),
            "event": record.name,
            "service": self._service,
            "level": record.levelname.lower(),
            "timestamp": f"{at.isoformat()}Z",
        }
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

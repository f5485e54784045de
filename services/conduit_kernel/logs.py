"""Logs: one JSON object a line on standard error, constant event names, data in keys."""

import logging
import sys

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
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.BytesLoggerFactory(file=sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    # What libraries have to say goes the same way, from warnings up.
    logging.basicConfig(
        level=max(number, logging.WARNING), format='{"event":"%(name)s","detail":"%(message)s"}'
    )

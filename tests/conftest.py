"""What all tests have in common."""

import os
import tempfile
from pathlib import Path

import pytest
import structlog
from tests.support.http_tls import Certificate


def pytest_configure(config: pytest.Config) -> None:
    """Spare tests what takes them long and tells them nothing."""
    _trust_one_certificate(config)
    _log_plainly()


def _trust_one_certificate(config: pytest.Config) -> None:
    """Load no system's certificates: that takes 60 ms a client, and no test meets who has one."""
    folder = tempfile.TemporaryDirectory()
    config.add_cleanup(folder.cleanup)
    os.environ["SSL_CERT_FILE"] = str(Certificate(Path(folder.name)).ca_file)


def _log_plainly() -> None:
    """Log tracebacks as they are: with the values of all variables one takes seconds to write."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=True),
            structlog.dev.ConsoleRenderer(
                colors=False, exception_formatter=structlog.dev.plain_traceback
            ),
        ]
    )

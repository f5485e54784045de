"""Moto, an emulator of AWS, as a process of its own."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.gateways import wait_for

MOTO = Path(os.environ.get("CONDUIT_MOTO") or Path(__file__).parents[2] / "build" / "moto")
REGION = "us-east-1"


@contextmanager
def serve_moto(monkeypatch: pytest.MonkeyPatch, service: str) -> Iterator[str]:
    """Run it for a service, such as `s3`; yield a region of it. Skips where it is not installed."""
    server = MOTO / "bin" / "moto_server"
    if not (MOTO / "installed").exists():
        pytest.skip("`make kms` installs it")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service.upper()}", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    process = subprocess.Popen(  # noqa: S603 # of the test's own
        [server, "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def is_there() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return True
        except OSError:
            return False

    try:
        wait_for(is_there, 60)
        yield REGION
    finally:
        process.terminate()
        process.wait(20)

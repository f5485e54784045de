"""A gateway downloads nothing: it starts and answers where there is no network."""

import subprocess
import sys
from pathlib import Path

import pytest

ALONE = ("unshare", "--map-root-user", "--net")


def can_be_alone() -> bool:
    """Return whether this machine gives processes a network of their own."""
    try:
        return subprocess.run((*ALONE, "true"), check=False, capture_output=True).returncode == 0  # noqa: S603 # of the system
    except OSError:
        return False


@pytest.mark.slow  # a whole gateway
@pytest.mark.skipif(not can_be_alone(), reason="no namespaces of networks here")
def test_a_gateway_starts_and_answers_without_a_network(tmp_path: Path) -> None:
    """A first start, which has prices, tokens' vocabularies and providers from its own files."""
    command = [*ALONE, sys.executable, "-m", "tests.integration.cli.offline_gateway", str(tmp_path)]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)  # noqa: S603 # our own
    assert ended.returncode == 0, ended.stderr
    assert "nobody else" in ended.stdout

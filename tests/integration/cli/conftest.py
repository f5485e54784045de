"""A gateway for all tests of a module."""

from collections.abc import Iterator

import pytest
from tests.support.gateways import Served


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Start a gateway in an empty folder."""
    with Served(tmp_path_factory.mktemp("gateway") / "data") as gateway:
        yield gateway

"""The option that rewrites the expected side of the wire cases."""

from collections.abc import Iterator

import pytest
from tests.support.replays import replays
from tests.wire.expected_side import ExpectedSide


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--update-wire`; it is known when this folder is named on the command line."""
    parser.addoption(
        "--update-wire",
        action="store_true",
        help="write what is sent and what the caller gets anew, for review",
    )


@pytest.fixture(scope="session")
def expected_side(pytestconfig: pytest.Config) -> Iterator[ExpectedSide]:
    """Compare with the expected side; if it is to be written anew, write it in the end."""
    is_updating = bool(pytestconfig.getoption("--update-wire", default=False))
    side = ExpectedSide(is_updating=is_updating)
    yield side
    if is_updating:
        side.write(replays())

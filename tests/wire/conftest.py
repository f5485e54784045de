"""The option that rewrites the expected side of the wire cases."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--update-wire`; it is known when this folder is named on the command line."""
    parser.addoption(
        "--update-wire",
        action="store_true",
        help="write sent.http and result.json anew, for review",
    )


@pytest.fixture(scope="session")
def is_updating(pytestconfig: pytest.Config) -> bool:
    """Whether the expected side is to be written anew."""
    return bool(pytestconfig.getoption("--update-wire", default=False))

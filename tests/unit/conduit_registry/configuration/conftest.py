"""Each import is tried in both kinds of transactions, which differ in speed alone."""

import pytest

from conduit_registry.store import BulkTransaction, WriteTransaction


@pytest.fixture(params=[WriteTransaction, BulkTransaction])
def transaction(request: pytest.FixtureRequest) -> type[WriteTransaction]:
    """Return the kind of transactions that edit the configuration."""
    kind: type[WriteTransaction] = request.param
    return kind

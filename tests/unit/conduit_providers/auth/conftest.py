"""How signers ask issuers in these tests."""

from collections.abc import AsyncIterator

import pytest
from tests.support.sending import open_sender

from conduit_providers.sending import Send


@pytest.fixture
async def send() -> AsyncIterator[Send]:
    """Return a sender that may go anywhere."""
    async with open_sender() as sender:
        yield sender

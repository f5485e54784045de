"""What calls and attempts come to."""

import asyncio

import pytest

from conduit_kernel.errors import UpstreamRateLimited
from conduit_kernel.http import CallerGone
from conduit_router.accounting.call_counts import outcome_of


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, ""),
        (UpstreamRateLimited("slow down"), "PROVIDER_RATE_LIMITED"),
        (CallerGone("left"), "CALLER_GONE"),
        (GeneratorExit(), "CALLER_GONE"),
        (asyncio.CancelledError(), "CALLER_GONE"),
        (ValueError("ours"), "INTERNAL"),
    ],
)
def test_an_outcome_is_the_reason(error: BaseException | None, outcome: str) -> None:
    """Of the contract, or that the caller left, or a fault of ours: there are no others."""
    assert outcome_of(error) == outcome

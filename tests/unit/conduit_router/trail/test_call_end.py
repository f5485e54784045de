"""What is remembered of errors: reasons and statuses, none of anybody's words."""

import asyncio

import pytest

from conduit_kernel.errors import (
    ConduitError,
    DeadlineExceeded,
    UpstreamError,
    UpstreamRefused,
    UpstreamUnreachable,
)
from conduit_kernel.http import CallerGone
from conduit_router.accounting.call_counts import GONE
from conduit_router.trail.call_end import Failure, failure_of

WORDS = "the caller wrote: my secret plan"


@pytest.mark.parametrize("error", [CallerGone("gone"), asyncio.CancelledError(), GeneratorExit()])
def test_a_caller_who_leaves_is_told_from_a_failure(error: BaseException) -> None:
    """However that shows."""
    assert failure_of(error) == Failure(GONE, 499)


def test_a_fault_of_ours_is_remembered_as_such() -> None:
    """Without its words."""
    assert failure_of(RuntimeError(WORDS)) == Failure("INTERNAL", 500)


def test_the_reason_and_the_statuses_of_an_error_are_remembered() -> None:
    """What a provider answered, and how a connection failed."""
    error = UpstreamError(WORDS, status="503", upstream_code="server_overloaded")
    assert failure_of(error) == Failure("PROVIDER_ERROR", 502, 503, "server_overloaded")
    failed = failure_of(UpstreamUnreachable(WORDS, kind="dns"))
    assert (failed.code, failed.kind) == ("PROVIDER_UNREACHABLE", "dns")
    assert failure_of(DeadlineExceeded(WORDS)) == Failure("DEADLINE_EXCEEDED", 504)


@pytest.mark.parametrize("words", [WORDS, "x" * 65, "", "naïve", "two\nlines"])
def test_a_code_that_is_more_than_a_word_is_left_out(words: str) -> None:
    """A provider may quote its caller anywhere."""
    error = UpstreamRefused(WORDS, status="400", upstream_code=words, kind=words)
    assert failure_of(error) == Failure("PROVIDER_REFUSED", 400, 400)


@pytest.mark.parametrize("status", ["", "x", "-1", "99999", "²"])
def test_a_status_that_is_none_is_left_out(status: str) -> None:
    """Whoever wrote it."""
    assert failure_of(ConduitError(WORDS, status=status)).upstream_status == 0

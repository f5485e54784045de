"""The ends of Gemini's answers."""

import pytest

from conduit.v1.chat_pb2 import (
    FINISH_REASON_CONTENT_FILTER,
    FINISH_REASON_LENGTH,
    FINISH_REASON_STOP,
    FINISH_REASON_TOOL_CALLS,
)
from conduit_kernel.errors import UpstreamError, UpstreamRefused
from conduit_providers.codecs.gemini.answer import Candidate
from conduit_providers.codecs.gemini.finish import check_finish, finish_of


@pytest.mark.parametrize(
    ("word", "has_calls", "reason", "native"),
    [
        ("STOP", False, FINISH_REASON_STOP, None),
        ("STOP", True, FINISH_REASON_TOOL_CALLS, None),
        ("MAX_TOKENS", True, FINISH_REASON_LENGTH, None),
        ("SAFETY", False, FINISH_REASON_CONTENT_FILTER, "SAFETY"),
        ("OF_A_LATER_VERSION", False, FINISH_REASON_STOP, "OF_A_LATER_VERSION"),
    ],
)
def test_a_reason_is_told_and_kept_where_it_says_more(
    word: str, *, has_calls: bool, reason: int, native: str | None
) -> None:
    """Google says STOP also when the model calls."""
    assert finish_of(word, has_calls=has_calls) == (reason, native)


def test_a_model_that_tripped_gave_no_answer() -> None:
    """A signature that is missing is the request's matter."""
    for word in ("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL"):
        with pytest.raises(UpstreamError, match=f"failed to answer .{word}"):
            check_finish(Candidate(finish_reason=word), "P")
    with pytest.raises(UpstreamRefused, match="signature"):
        check_finish(Candidate(finish_reason="MISSING_THOUGHT_SIGNATURE"), "P")
    check_finish(Candidate(finish_reason="STOP"), "P")
    check_finish(Candidate(), "P")

"""Answers that came with a good status and are none."""

import pytest

from conduit_router.caching.failures import is_failure


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([b'{"id":"r","status":"completed"}'], False),
        ([b'{"id":"r","status":"incomplete"}'], False),
        ([b'{"id":"r","status":"failed"}'], True),
        ([b'{"id":"r","status":"in_progress"}'], True),
        ([b'{"id":"r"}'], True),
        ([b"{"], True),
        ([b'event: a\ndata: {"type":"response.completed"}\n\n'], False),
        ([b'event: a\ndata: {"type":"a"}\n\n', b'data: {"type":"response.failed"}\n\n'], True),
        ([], False),
    ],
)
def test_a_response_that_failed_is_no_answer(texts: list[bytes], *, expected: bool) -> None:
    """Nor is one that has not ended; one that was cut by its own limit is."""
    assert is_failure("response", texts) is expected


def test_other_dialects_have_errors_for_that() -> None:
    """A member by that name is the model's word."""
    assert not is_failure("chat", [b'{"status":"failed"}'])

"""Errors as `/v1` tells them."""

import pytest

from conduit_kernel.errors import (
    ConduitError,
    ContextTooLong,
    InvalidApiKey,
    StorageFull,
    UpstreamError,
)
from conduit_kernel.openai_errors import code_of, task_error_of


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ContextTooLong("too long"), "context_length_exceeded"),
        (InvalidApiKey("no"), "provider_key_rejected"),
        (ConduitError("oops"), "server_error"),
        (UpstreamError("oops"), "provider_error"),
        (StorageFull("full", limit_bytes="1"), "storage_full"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_code_is_openais_or_the_reason(error: ConduitError, code: str) -> None:
    """Where OpenAI has none, it is the reason in lower case."""
    assert code_of(error) == code


def test_a_task_has_the_error_that_its_call_would_have_had() -> None:
    """Message, type and code; no metadata, which may name what is the operator's."""
    told = task_error_of(StorageFull("It is full", limit_bytes="1"))
    assert (told.message, told.type, told.code) == (
        "It is full",
        "insufficient_quota",
        "storage_full",
    )

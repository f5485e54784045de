"""Signatures of Google's parts that hold what others want back."""

from base64 import b64decode, b64encode

import pytest

from conduit_providers.inbound.content_signatures import SIGNED, sealed_in, signature_of
from conduit_providers.inbound.sealed_thoughts import opened


@pytest.mark.parametrize("members", [{"details": [1]}, {"said": {"a": "é"}}, {"calls": {}}])
def test_what_is_sealed_is_opened(members: dict[str, object]) -> None:
    """It is bytes in base64, as clients take them, and begins as each does."""
    signature = signature_of(members)
    assert b64decode(signature, validate=True)
    assert signature.startswith(SIGNED)
    assert opened(sealed_in(signature)) == members


def test_nothing_needs_no_signature() -> None:
    """Clients would hand it back."""
    assert not signature_of({})


@pytest.mark.parametrize(
    "signature", ["", None, 1, "AAAA", SIGNED, f"{SIGNED}!", b64encode(b"conduit").decode()]
)
def test_others_signatures_are_none_of_ours(signature: object) -> None:
    """They go back as they came; what was changed says nothing."""
    assert opened(sealed_in(signature)) is None

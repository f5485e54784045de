"""How calls of gRPC end."""

from conduit_kernel.errors import UpstreamRefused
from conduit_router.upstream.grpc_endings import CallFailed, fields_of


def test_a_call_that_failed_is_no_clean_end() -> None:
    """And it keeps why."""
    failure = UpstreamRefused("no", provider="acme")
    end = CallFailed(failure)
    assert not end.is_clean
    assert end.failure is failure


def test_metadata_are_fields_of_bytes() -> None:
    """Whatever they are."""
    assert fields_of((("a", "b"), ("c-bin", b"d"))) == [(b"a", b"b"), (b"c-bin", b"d")]
    assert fields_of(None) == []

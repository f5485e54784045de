"""What errors of connections mean."""

import weakref
from typing import get_args

import pytest
from tests.support.garbage import no_collector
from tests.support.snapshots import compiled, provider, snapshot

from conduit_kernel.errors import (
    ConduitError,
    InvalidRequest,
    ServiceUnavailable,
    StreamInterrupted,
    UpstreamError,
    UpstreamTimeout,
)
from conduit_kernel.http import (
    BodyCut,
    BodyTooLarge,
    ConnectFailed,
    HeaderTimeout,
    HttpError,
    IdleTimeout,
    LocalExhausted,
    PoolExhausted,
    PoolTimeout,
    SpillFull,
    TotalTimeout,
    UploadFailed,
)
from conduit_kernel.http.errors import ConnectFailure
from conduit_router.routing.table import UpstreamTarget
from conduit_router.upstream.transport_errors import (
    ConnectionsInUse,
    raise_interrupted,
    raise_unreachable,
    raise_upload,
)


def upstream() -> UpstreamTarget:
    """Return a provider with a key."""
    instance = compiled(snapshot([provider(1, "http://127.0.0.1:1")])).instances[1]
    return instance.keys[0].endpoint("chat")


def caused(cause: Exception) -> UploadFailed:
    """Return the failure of an upload."""
    error = UploadFailed("it broke")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("error", [PoolExhausted("full"), PoolTimeout("full")])
def test_a_lack_of_connections_blames_no_provider(error: HttpError) -> None:
    """Our own calls have them all, so the next candidate is asked, and nobody hears of it."""
    target = upstream()
    with pytest.raises(ConnectionsInUse) as found:
        raise_unreachable(error, target)
    assert not found.value.is_conclusive
    assert not found.value.is_providers_fault


@pytest.mark.parametrize(
    "error",
    [PoolExhausted("full"), BodyTooLarge("large"), HeaderTimeout("late"), BodyCut("cut")],
    ids=lambda error: type(error).__name__,
)
def test_what_is_raised_is_in_no_circle(error: HttpError) -> None:
    """It refers to the frames that it was raised through, and they must not refer to it."""
    target = upstream()
    with no_collector():
        try:
            raise_unreachable(error, target)
        except UpstreamError as raised:
            found = weakref.ref(raised)
        assert found() is None


@pytest.mark.parametrize("kind", get_args(ConnectFailure))
def test_callers_learn_no_addresses_of_ours(kind: ConnectFailure) -> None:
    """Neither those of providers in our networks, nor those of proxies."""
    error = ConnectFailed(kind, "10.1.2.3:8000, or vllm.internal, refused the connection")
    with pytest.raises(UpstreamError, match="provider-1 ") as raised:
        raise_unreachable(error, upstream())
    told = f"{raised.value.message} {raised.value.metadata}"
    assert "10.1.2.3" not in told
    assert "internal" not in told


def test_our_own_exhaustion_blames_no_provider() -> None:
    """Another candidate would fare no better."""
    target = upstream()
    with pytest.raises(ServiceUnavailable) as raised:
        raise_unreachable(LocalExhausted("no descriptors"), target)
    assert not isinstance(raised.value, UpstreamError)


@pytest.mark.parametrize(("error", "what"), [(IdleTimeout("x"), "stalled"), (BodyCut("x"), "cut")])
def test_an_interruption_says_how(error: HttpError, what: str) -> None:
    """Silence and a cut are told apart."""
    target = upstream()
    with pytest.raises(StreamInterrupted, match=what) as raised:
        raise_interrupted(error, target)
    assert isinstance(raised.value, ConduitError)


@pytest.mark.parametrize(
    ("error", "limit"),
    [
        (HeaderTimeout("x"), "first_token"),
        (IdleTimeout("x"), "idle"),
        (TotalTimeout("x"), "total"),
    ],
)
def test_a_timeout_names_the_limit_that_passed(error: HttpError, limit: str) -> None:
    """As the contract names it."""
    with pytest.raises(UpstreamTimeout) as raised:
        raise_unreachable(error, upstream())
    assert raised.value.metadata["limit"] == limit


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        (SpillFull("full"), ServiceUnavailable),
        (OSError("gone"), InvalidRequest),
        (InvalidRequest("no such form"), InvalidRequest),
    ],
)
def test_an_upload_that_fails_blames_no_provider(
    cause: Exception, kind: type[ConduitError]
) -> None:
    """What the caller sends ended, or found no room; what was known of it is raised anew."""
    with pytest.raises(kind) as raised:
        raise_unreachable(caused(cause), upstream())
    assert not isinstance(raised.value, UpstreamError)
    with pytest.raises(kind) as again:
        raise_upload(caused(cause))
    assert again.value is not cause

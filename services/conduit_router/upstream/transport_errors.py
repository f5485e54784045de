"""What errors of connections mean to a call: who is to blame, and which limit passed."""

from copy import copy
from typing import NoReturn

from conduit_kernel.errors import (
    ConduitError,
    EgressProxyFailed,
    InvalidRequest,
    ServiceUnavailable,
    StreamInterrupted,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from conduit_kernel.http import (
    BodyTooLarge,
    ConnectFailed,
    HeaderTimeout,
    HttpError,
    IdleTimeout,
    LocalExhausted,
    PoolExhausted,
    SpillFull,
    TotalTimeout,
    UploadFailed,
)
from conduit_router.routing.table import UpstreamTarget
from conduit_router.upstream.grpc_endings import CallFailed

# Callers are not told the addresses of our providers and proxies; a provider's test tells them.
_UNREACHABLE = {
    "dns": "its name cannot be resolved",
    "forbidden": "its address may not be connected to",
    "proxy": "the proxy on the way to it failed",
    "refused": "it refused the connection",
    "tls": "no TLS could be agreed on with it",
}


class ConnectionsInUse(UpstreamTimeout):
    """Our own calls have all connections to a provider, which was not asked."""

    is_providers_fault = False


def raise_unreachable(error: HttpError, upstream: UpstreamTarget) -> NoReturn:
    """Raise what a transport error before the first piece of an answer means."""
    name = upstream.provider_name
    if isinstance(error.__cause__, CallFailed):
        raise copy(error.__cause__.failure) from error
    if isinstance(error, UploadFailed):
        raise_upload(error)
    if isinstance(error, LocalExhausted):
        # No provider's fault: nobody is blamed, and another candidate would fare no better.
        message = "Conduit has no means left for another connection to a provider"
        raise ServiceUnavailable(message, service="router") from error
    if isinstance(error, PoolExhausted):
        message = f"All connections to {name} are in use"
        raise _inconclusive(ConnectionsInUse(message, provider=name)) from error
    if isinstance(error, HeaderTimeout | IdleTimeout | TotalTimeout):
        message = f"{name} did not answer in time"
        raise UpstreamTimeout(message, provider=name, limit=_limit_of(error)) from error
    if isinstance(error, ConnectFailed):
        if error.kind == "timeout":
            message, known = f"{name} did not take the connection in time", {"kind": error.kind}
            raise UpstreamTimeout(message, provider=name, limit="connect", **known) from error
        cls = EgressProxyFailed if error.kind == "proxy" else UpstreamUnreachable
        why = _UNREACHABLE.get(error.kind, "no connection could be made")
        raise cls(f"{name} cannot be reached: {why}", provider=name, kind=error.kind) from error
    if isinstance(error, BodyTooLarge):
        message = f"{name} sent an answer that is too large"
        # It would be so again, and be paid for again.
        raise _lasting(UpstreamError(message, provider=name)) from error
    raise UpstreamUnreachable(
        f"{name} broke the answer off", provider=name, kind="reset"
    ) from error


# Whoever raises an error must not keep it in a variable: the error refers to that frame, and so to
# all of the call.
def _inconclusive(error: UpstreamError) -> UpstreamError:
    """Return an error as one that is no evidence."""
    error.is_conclusive = False
    return error


def _lasting(error: UpstreamError) -> UpstreamError:
    """Return an error as one that another request would meet as well."""
    error.is_transient = False
    return error


def raise_upload(error: UploadFailed) -> NoReturn:
    """Raise why what the caller sends could not be sent on; no provider is to blame."""
    cause = error.__cause__
    if isinstance(cause, ConduitError):
        # What was raised would refer to this frame, which refers to it, and so to all of the call.
        raise copy(cause) from error
    if isinstance(cause, SpillFull):
        message = "There is no room for an upload of this size just now"
        raise ServiceUnavailable(message, service="router") from error
    raise InvalidRequest(f"The upload broke off: {error}", field="file") from error


def raise_interrupted(error: HttpError, upstream: UpstreamTarget) -> NoReturn:
    """Raise what a transport error after the first piece of a stream means."""
    name, known = upstream.provider_name, {}
    what = "was cut"
    if isinstance(error, IdleTimeout | TotalTimeout):
        what = "stalled" if isinstance(error, IdleTimeout) else "took longer than it may"
        known = {"limit": _limit_of(error)}
    raise StreamInterrupted(f"The stream from {name} {what}", provider=name, **known) from error


def _limit_of(error: HttpError) -> str:
    """Return which limit passed, as the contract names it."""
    if isinstance(error, HeaderTimeout):
        return "first_token"
    if isinstance(error, IdleTimeout):
        return "idle"
    return "total"

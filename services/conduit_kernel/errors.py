"""Every way a Conduit call can fail.

* ConduitError                     INTERNAL
  * InvalidRequest                 INVALID_REQUEST
    * MalformedJson, RequestTooLarge, ProviderTypeUnknown, AddressNotAllowed,
      UnsupportedCapability, UnsupportedParameter
  * VirtualKeyMissing, VirtualKeyInvalid, VirtualKeyDisabled, ModelNotAllowed
  * those of administrators and services, see `conduit_kernel.auth_errors`
  * those of idempotency keys, see `conduit_kernel.idempotency_errors`
  * those of guardrails, see `conduit_kernel.guardrail_errors`
  * NotFound, see `conduit_kernel.not_found_errors`
  * AlreadyExists, EtagMismatch, StillInUse, ServiceUnavailable, UnderMaintenance,
    SecretUnreadable, StorageFull
  * NoProviderAvailable, AccountUnavailable, ProviderUnhealthy, DeadlineExceeded, BudgetExceeded,
    CostUnknown, RateLimited, TooManyCalls, TaskInterrupted, MethodNotAllowed, NotImplementedYet
  * UpstreamError                  PROVIDER_ERROR; one class per thing it can do, see `Scope`

The gRPC code, the HTTP status, OpenAI's error type and the hint belong to the reason and stand
beside it in `protos/conduit/v1/error_reason.proto`.
"""

import enum
from typing import ClassVar

from conduit.v1.failures import FAILURES, Failure


class ConduitError(Exception):
    """Base of all errors that callers may see.

    `message` is for people. `metadata` travels in the ErrorInfo: strings only, never a secret.
    """

    reason: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str, /, **metadata: str) -> None:
        super().__init__(message)
        self.message = message
        self.metadata = metadata

    @property
    def failure(self) -> Failure:
        """Return the codes, type and hint of the reason."""
        return FAILURES[self.reason]


class InvalidRequest(ConduitError):
    """A field has a value that is never right. Metadata: `field`."""

    reason = "INVALID_REQUEST"


class MalformedJson(InvalidRequest):
    """The body is not JSON."""

    reason = "MALFORMED_JSON"


class RequestTooLarge(InvalidRequest):
    """The body is larger than this server takes."""

    reason = "REQUEST_TOO_LARGE"


class ProviderTypeUnknown(InvalidRequest):
    """The catalog has no such provider type."""

    reason = "PROVIDER_TYPE_UNKNOWN"


class AddressNotAllowed(InvalidRequest):
    """A URL points into a private network."""

    reason = "ADDRESS_NOT_ALLOWED"


class UnsupportedCapability(InvalidRequest):
    """No candidate can do what the request asks."""

    reason = "UNSUPPORTED_CAPABILITY"


class UnsupportedParameter(InvalidRequest):
    """The provider does not take a parameter, and strictness was asked for."""

    reason = "UNSUPPORTED_PARAMETER"


class MethodNotAllowed(ConduitError):
    """The path is known, the method is not."""

    reason = "METHOD_NOT_ALLOWED"


class NotImplementedYet(ConduitError):
    """The contract declares it; this version does not do it."""

    reason = "NOT_IMPLEMENTED"


class VirtualKeyMissing(ConduitError):
    """A call carries no virtual key."""

    reason = "VIRTUAL_KEY_MISSING"


class VirtualKeyInvalid(ConduitError):
    """A call carries an unknown virtual key."""

    reason = "VIRTUAL_KEY_INVALID"


class VirtualKeyDisabled(ConduitError):
    """The virtual key is disabled or past its date."""

    reason = "VIRTUAL_KEY_DISABLED"


class ModelNotAllowed(ConduitError):
    """The virtual key may not use this model."""

    reason = "MODEL_NOT_ALLOWED"


class AlreadyExists(ConduitError):
    """Something with these values exists already."""

    reason = "ALREADY_EXISTS"


class EtagMismatch(ConduitError):
    """Somebody else changed it since it was read. Metadata: `etag`, the current one."""

    reason = "ETAG_MISMATCH"


class NoProviderAvailable(ConduitError):
    """Candidates exist, but none could be tried."""

    reason = "NO_PROVIDER_AVAILABLE"


class AccountUnavailable(ConduitError):
    """No key of the account that the caller named can serve the call."""

    reason = "ACCOUNT_UNAVAILABLE"


class ProviderUnhealthy(ConduitError):
    """The only candidate's circuit is open."""

    reason = "PROVIDER_UNHEALTHY"


class DeadlineExceeded(ConduitError):
    """The request's deadline passed."""

    reason = "DEADLINE_EXCEEDED"


class BudgetExceeded(ConduitError):
    """The budget has no room for this request. Metadata: `subject`, whose budget it is."""

    reason = "BUDGET_EXCEEDED"


class CostUnknown(ConduitError):
    """Nobody knows the most that a call costs, which a budget must cover. Metadata: `model`."""

    reason = "COST_UNKNOWN"


class RateLimited(ConduitError):
    """A limit on use has no room for this. Metadata: `subject`, `metric`, `retry_after_ms`."""

    reason = "RATE_LIMITED"


class TooManyCalls(ConduitError):
    """The virtual key has too many calls under way. Metadata: `limit`, `retry_after_ms`."""

    reason = "TOO_MANY_CALLS"


class ServiceUnavailable(ConduitError):
    """A service of ours is starting, stopping or out of reach."""

    reason = "SERVICE_UNAVAILABLE"


class UnderMaintenance(ConduitError):
    """An operator has maintenance under way. Metadata: `retry_after_ms`."""

    reason = "UNDER_MAINTENANCE"


class SecretUnreadable(ConduitError):
    """A stored secret cannot be opened with the encryption key of this process."""

    reason = "SECRET_UNREADABLE"


class StillInUse(ConduitError):
    """Something else still needs this."""

    reason = "STILL_IN_USE"


class TaskInterrupted(ConduitError):
    """A task was given up by us. Metadata: `task_id`."""

    reason = "TASK_INTERRUPTED"


class StorageFull(ConduitError):
    """There is no room for what a call leaves behind. Metadata: `limit_bytes`."""

    reason = "STORAGE_FULL"


class Scope(enum.Enum):
    """The part of a provider that a failure is about, and so what to do next."""

    KEY = "key"  # The next key of the instance, now; this key rests.
    INSTANCE = "instance"  # Another instance; this one's breaker counts it.
    REQUEST = "request"  # Nothing else would fare better: no retry, no failover.


class UpstreamError(ConduitError):
    """A provider failed the call: a 5xx, or an answer that makes no sense.

    Metadata: `provider`, and where known `status`, `upstream_request_id`, `upstream_code`.
    """

    reason = "PROVIDER_ERROR"
    scope: Scope = Scope.INSTANCE  # Of the class, as the next; whoever raises may know it better.
    is_transient: bool = True  # The same instance may do better in a moment.
    is_providers_fault: ClassVar[bool] = True  # The instance's breaker counts it.
    is_conclusive: bool = True  # Evidence against a key: words, which may be quoted, are none.


class InvalidApiKey(UpstreamError):
    """The provider does not accept the key."""

    reason = "INVALID_API_KEY"
    scope = Scope.KEY
    is_transient = False


class InsufficientFunds(UpstreamError):
    """The provider's account has no funds."""

    reason = "INSUFFICIENT_FUNDS"
    scope = Scope.KEY
    is_transient = False


class UpstreamRateLimited(UpstreamError):
    """The provider asked us to slow down. Metadata: `retry_after_ms` where it is known."""

    reason = "PROVIDER_RATE_LIMITED"
    scope = Scope.KEY


class UpstreamUnreachable(UpstreamError):
    """The provider cannot be reached, or hung up before the first byte. Metadata: `kind`."""

    reason = "PROVIDER_UNREACHABLE"


class EgressProxyFailed(UpstreamUnreachable):
    """The proxy by which providers are reached failed; nothing is known of the provider."""

    is_transient = False
    is_providers_fault = False


class UpstreamTimeout(UpstreamError):
    """The provider did not answer in time. A silent one is not waited for twice."""

    reason = "PROVIDER_TIMEOUT"
    is_transient = False


class LoopDetected(UpstreamError):
    """The request has passed too many gateways, here or behind the provider. Metadata: `hops`."""

    reason = "LOOP_DETECTED"
    is_transient = False


class UpstreamRefused(UpstreamError):
    """The provider refused the request as it stands; the message is the provider's."""

    reason = "PROVIDER_REFUSED"
    scope = Scope.REQUEST
    is_transient = False


class UpstreamModelNotFound(UpstreamError):
    """The provider does not know the model; another instance may."""

    reason = "PROVIDER_MODEL_NOT_FOUND"
    is_transient = False


class ContentPolicy(UpstreamRefused):
    """The provider's content policy refused the request."""

    reason = "CONTENT_POLICY"


class ContextTooLong(UpstreamRefused):
    """The request is more than the model takes: its context, or a text or a file too large."""

    reason = "CONTEXT_TOO_LONG"


class StreamInterrupted(UpstreamError):
    """The stream broke after it had begun."""

    reason = "STREAM_INTERRUPTED"
    scope = Scope.REQUEST
    is_transient = False

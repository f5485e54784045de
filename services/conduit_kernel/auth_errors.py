"""Why a call of an administrator, or of a service of ours, is refused at the edge.

* ConduitError
  * MasterKeyMissing, MasterKeyInvalid, AdministratorTokenInvalid, RoleRequired, LoginThrottled
  * CallerNotAllowed
  * ServiceTokenInvalid
"""

from conduit_kernel.errors import ConduitError


class MasterKeyMissing(ConduitError):
    """An admin call carries no master key."""

    reason = "MASTER_KEY_MISSING"


class MasterKeyInvalid(ConduitError):
    """An admin call carries a wrong master key."""

    reason = "MASTER_KEY_INVALID"


class AdministratorTokenInvalid(ConduitError):
    """A call carries a token that no administrator has, or has no more."""

    reason = "ADMINISTRATOR_TOKEN_INVALID"


class RoleRequired(ConduitError):
    """The administrator's role does not include the one that the call needs. Metadata: `role`."""

    reason = "ROLE_REQUIRED"


class LoginThrottled(ConduitError):
    """Too many wrong credentials came from this address. Metadata: `retry_after_ms`."""

    reason = "LOGIN_THROTTLED"


class CallerNotAllowed(ConduitError):
    """A credential is used from elsewhere than it may be. Metadata: `address`, `certificate`."""

    reason = "CALLER_NOT_ALLOWED"


class ServiceTokenInvalid(ConduitError):
    """A call of an internal RPC does not come from a service of ours. Metadata: `header`."""

    reason = "SERVICE_TOKEN_INVALID"

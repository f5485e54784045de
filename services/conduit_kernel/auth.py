"""Who calls, and whether they may: decided at the edge where a call comes in.

The edges are two: the interceptor of every gRPC server, and the HTTP bridge. What lies behind them
is given the principal, and looks at no credential.
"""

import enum
import hmac
import time
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from typing import Any

import msgspec

from conduit.v1.administrator_pb2 import Administrator
from conduit.v1.methods import Method
from conduit.v1.options_pb2 import ACCESS_PUBLIC, ACCESS_SERVICE, ACCESS_VIRTUAL_KEY
from conduit.v1.role_pb2 import ROLE_OWNER, ROLE_UNSPECIFIED, Role
from conduit_kernel.access_rules import AccessRules, access_rules
from conduit_kernel.administrators import TOKEN_START, token_of
from conduit_kernel.auth_errors import (
    AdministratorTokenInvalid,
    CallerNotAllowed,
    LoginThrottled,
    MasterKeyInvalid,
    MasterKeyMissing,
    RoleRequired,
    ServiceTokenInvalid,
)
from conduit_kernel.errors import ConduitError, VirtualKeyInvalid
from conduit_kernel.login_throttle import LoginThrottle
from conduit_kernel.roles import may_act_as, name_of

SERVICE_HEADER = "x-conduit-service-token"
# Among the credentials of a caller: the name of the client certificate that was shown, as the
# connection has it. What callers themselves write under this name is never looked at.
CERTIFICATE_HEADER = "x-conduit-client-certificate"
MASTER_KEY_HEADER = "x-master-key"
# What every gRPC server has beside the contract, for everybody.
PUBLIC_SERVICES = (
    "/grpc.health.v1.Health/",
    "/grpc.reflection.v1.ServerReflection/",
    "/grpc.reflection.v1alpha.ServerReflection/",
)


class PrincipalKind(enum.Enum):
    """As whom somebody calls."""

    ADMINISTRATOR = "administrator"
    VIRTUAL_KEY = "virtual-key"
    SERVICE = "service"
    ANONYMOUS = "anonymous"


class Principal(msgspec.Struct, frozen=True):
    """The authenticated caller."""

    kind: PrincipalKind
    # What the audit log says of them.
    name: str
    # Empty where it is not known.
    address: str = ""
    # Of a virtual key, what its resolver knows of it.
    virtual_key: Any = None
    # Of an administrator.
    role: Role.ValueType = ROLE_UNSPECIFIED
    # The name of the client certificate that was shown; empty if none.
    certificate: str = ""
    # Of an administrator; None for none.
    rules: AccessRules | None = None


# The RPC that the holder of a client secret may call, and no other.
SESSION_METHOD = "/conduit.v1.RouterService/Converse"
# Returns what is known of the holder of an `authorization`; raises one of the VIRTUAL_KEY errors.
VirtualKeyResolver = Callable[[str], Any]

# Returns whose token it is; raises AdministratorTokenInvalid.
AdministratorResolver = Callable[[str], Administrator]

# Returns who calls, by their credentials and their address; raises as `Authorizer.authorize` does.
Authorize = Callable[[Mapping[str, str], str], Principal]

# Of credentials that may have been guessed.
_WRONG = (MasterKeyInvalid, AdministratorTokenInvalid)
# Looked up for each call of a model otherwise.
_VIRTUAL_KEY = PrincipalKind.VIRTUAL_KEY
_principal: ContextVar[Principal] = ContextVar("principal")


def current_principal() -> Principal:
    """Return who makes the RPC that is being served. LookupError outside of one."""
    return _principal.get()


def set_principal(principal: Principal) -> None:
    """Note who makes the RPC that this task serves."""
    _principal.set(principal)


def _identifying(resolve: VirtualKeyResolver | None) -> Authorize:
    """Return what knows callers by their virtual keys, or refuses them where there is no way to."""

    def authorize(credentials: Mapping[str, str], address: str) -> Principal:
        if resolve is None:
            raise VirtualKeyInvalid("No virtual key is known here", header="Authorization")
        found = resolve(credentials.get("authorization", ""))
        if CERTIFICATE_HEADER not in credentials:
            return Principal(_VIRTUAL_KEY, "virtual-key", address, found)
        shown = credentials[CERTIFICATE_HEADER]
        return Principal(_VIRTUAL_KEY, "virtual-key", address, found, certificate=shown)

    return authorize


class Authorizer:
    """Identifies callers, and refuses those who may not make a call."""

    def __init__(
        self,
        methods: Mapping[str, Method],
        *,
        master_key: str,
        service_tokens: Iterable[str] = (),
        renew_service_tokens: Callable[[], Iterable[str]] | None = None,
        virtual_keys: VirtualKeyResolver | None = None,
        session_holders: VirtualKeyResolver | None = None,
        administrators: AdministratorResolver | None = None,
        timer: Callable[[], float] = time.monotonic,
        on_refused_login: Callable[[str, str], None] | None = None,
    ) -> None:
        """Take what the contract says of each RPC, by its path.

        Without service tokens no service is admitted, without a resolver no virtual key, and no
        administrator but the holder of the master key.
        `renew_service_tokens` returns those that are taken by now, where one is unknown.
        `session_holders` knows client secrets as well, and is asked for sessions alone.
        By `timer`, a clock of seconds since any moment, whoever guesses is slowed down.
        `on_refused_login` is told the address of each refused login, and the reason.
        """
        self._throttle = LoginThrottle(timer, on_refused_login)
        self._methods = methods
        self._master_key = master_key.encode()
        self._service_tokens = tuple(token.encode() for token in service_tokens)
        self._renew_service_tokens = renew_service_tokens
        self._administrators = administrators or _nobody
        self._virtual_key = _identifying(virtual_keys)
        self._session_holder = _identifying(session_holders or virtual_keys)

    def authorize(
        self, method: str, credentials: Mapping[str, str], address: str = ""
    ) -> Principal:
        """Return who calls a method such as `/conduit.v1.RouterService/Chat`.

        `credentials` are metadata or fields by their names in small letters. The error of the
        credential that is missing or wrong if they may not, RoleRequired if their role does not
        include the one that the contract names. What it does not know is for owners.
        """
        return self.bind(method)(credentials, address)

    def bind(self, method: str) -> Authorize:
        """Return `authorize` for one method, looked up once."""
        found = self._methods.get(method)
        access = found.access if found is not None else None
        if access == ACCESS_VIRTUAL_KEY:
            return self._session_holder if method == SESSION_METHOD else self._virtual_key
        if access == ACCESS_SERVICE:
            return self._service
        if access == ACCESS_PUBLIC or method.startswith(PUBLIC_SERVICES):
            return _anonymous
        return self._administrator_as(found.role if found is not None else ROLE_OWNER)

    def is_administrator(self, credentials: Mapping[str, str], address: str) -> bool:
        """Return whether these credentials are an administrator's."""
        try:
            self._administrator(credentials, address)
        except (MasterKeyMissing, *_WRONG, LoginThrottled):
            return False
        return True

    def check_rules(self, principal: Principal) -> None:
        """Raise CallerNotAllowed if an administrator's token may not be used as it is.

        For whoever learns the address, or the certificate, after it has authorized a call. The
        Router itself holds virtual keys to theirs.
        """
        if principal.rules is None:
            return
        try:
            principal.rules.check(principal.address, principal.certificate)
        except CallerNotAllowed:
            self._throttle.note_token(principal.address, CallerNotAllowed.reason)
            raise

    def check_address(self, credentials: Mapping[str, str], address: str) -> None:
        """Raise LoginThrottled if the master key is not taken from an address just now.

        For whoever learns the address after it has authorized a call. Tokens are taken always:
        nobody guesses them, so that nobody who has one is locked out by who guesses.
        """
        if address and MASTER_KEY_HEADER in credentials:
            self._throttle.check(address)

    def note_refusal(
        self, error: ConduitError, credentials: Mapping[str, str], address: str
    ) -> None:
        """Take note of a wrong credential. LoginThrottled if none is looked at from there."""
        if address and isinstance(error, MasterKeyInvalid):
            self._throttle.note_refusal(address, credentials.get(MASTER_KEY_HEADER, ""))
        elif address and isinstance(error, AdministratorTokenInvalid):
            self._throttle.note_token(address)

    def is_service(self, credentials: Mapping[str, str]) -> bool:
        """Return whether these credentials are a service's of ours."""
        given = credentials.get(SERVICE_HEADER)
        return given is not None and self._is_service_token(given)

    def _service(self, credentials: Mapping[str, str], address: str) -> Principal:
        if not self._is_service_token(credentials.get(SERVICE_HEADER, "")):
            message = "This call is for Conduit's own services, and wants their token"
            raise ServiceTokenInvalid(message, header=SERVICE_HEADER)
        return Principal(PrincipalKind.SERVICE, "service", address)

    def _administrator_as(self, role: Role.ValueType) -> Authorize:
        """Return what admits the administrators who have a role, or one that includes it."""

        def authorize(credentials: Mapping[str, str], address: str) -> Principal:
            principal = self._administrator(credentials, address)
            if not may_act_as(principal.role, role):
                needed = name_of(role)
                raise RoleRequired(f"This call needs the role {needed}", role=needed)
            return principal

        return authorize

    def _administrator(self, credentials: Mapping[str, str], address: str) -> Principal:
        self.check_address(credentials, address)
        try:
            found = self._administrator_of(credentials, address)
        except _WRONG as error:
            self.note_refusal(error, credentials, address)
            raise
        if address:
            self.check_rules(found)
        return found

    def _administrator_of(self, credentials: Mapping[str, str], address: str) -> Principal:
        given = credentials.get(MASTER_KEY_HEADER, "")
        if not given and (token := token_of(credentials.get("authorization", ""))):
            found = self._administrators(token)
            return Principal(
                PrincipalKind.ADMINISTRATOR,
                actor_of(found),
                address,
                role=found.role,
                certificate=credentials.get(CERTIFICATE_HEADER, ""),
                rules=access_rules(found.security),
            )
        self._check_master_key(given)
        return Principal(PrincipalKind.ADMINISTRATOR, "master-key", address, role=ROLE_OWNER)

    def _check_master_key(self, given: str) -> None:
        if not given:
            message = "This call wants the master key, or an administrator's token"
            raise MasterKeyMissing(message, header="X-Master-Key")
        if not hmac.compare_digest(given.encode(), self._master_key):
            raise MasterKeyInvalid("The master key is wrong", header="X-Master-Key")

    def _is_service_token(self, given: str) -> bool:
        if self._has_service_token(given):
            return True
        if self._renew_service_tokens is None:
            return False
        self._service_tokens = tuple(token.encode() for token in self._renew_service_tokens())
        return self._has_service_token(given)

    def _has_service_token(self, given: str) -> bool:
        # All are compared, so that the time does not tell which one it was.
        found = [hmac.compare_digest(given.encode(), token) for token in self._service_tokens]
        return any(found)


def actor_of(administrator: Administrator) -> str:
    """Return what the audit log says of an administrator: nobody else's name is like it."""
    if not administrator.id:
        # Whom the login provider named.
        return f"login/{administrator.name}"
    return f"administrator/{administrator.id} {administrator.name}"


def _nobody(_: str) -> Administrator:
    message = f"No token {TOKEN_START}... is known here"
    raise AdministratorTokenInvalid(message, header="Authorization")


def _anonymous(_: Mapping[str, str], address: str) -> Principal:
    return Principal(PrincipalKind.ANONYMOUS, "anonymous", address)

"""Who is told apart as whom, and who may make which call."""

import pytest

from conduit.internal.v1.methods import METHODS as INTERNAL
from conduit.v1.options_pb2 import ACCESS_ADMINISTRATOR, ACCESS_VIRTUAL_KEY
from conduit_kernel.auth import SESSION_METHOD, Authorizer, Principal, PrincipalKind
from conduit_kernel.auth_errors import MasterKeyInvalid, MasterKeyMissing, ServiceTokenInvalid
from conduit_kernel.errors import ConduitError, VirtualKeyInvalid, VirtualKeyMissing
from conduit_kernel.rpc.methods import METHODS

VIRTUAL_KEY = {"authorization": "Bearer condt_1"}
MASTER_KEY = {"x-master-key": "master"}
TOKEN = {"x-conduit-service-token": "token"}


def known(authorization: str) -> str:
    """Know one virtual key."""
    if not authorization:
        raise VirtualKeyMissing("none")
    if authorization != VIRTUAL_KEY["authorization"]:
        raise VirtualKeyInvalid("unknown")
    return "caller 1"


AUTHORIZER = Authorizer(
    METHODS, master_key="master", service_tokens=["token", "former"], virtual_keys=known
)
EXPECTED = {
    ACCESS_ADMINISTRATOR: (MASTER_KEY, PrincipalKind.ADMINISTRATOR),
    ACCESS_VIRTUAL_KEY: (VIRTUAL_KEY, PrincipalKind.VIRTUAL_KEY),
}


@pytest.mark.parametrize("method", sorted(METHODS.keys() - INTERNAL.keys()))
def test_each_call_of_the_contract_takes_its_own_credential_alone(method: str) -> None:
    """However many others come with it."""
    right, kind = EXPECTED[METHODS[method].access]
    principal = AUTHORIZER.authorize(method, MASTER_KEY | VIRTUAL_KEY | TOKEN, "10.0.0.1")
    assert (principal.kind, principal.address) == (kind, "10.0.0.1")
    for wrong in (MASTER_KEY, VIRTUAL_KEY, TOKEN, {}):
        if wrong is not right:
            with pytest.raises(ConduitError):
                AUTHORIZER.authorize(method, wrong)


@pytest.mark.parametrize("method", INTERNAL)
def test_internal_calls_are_for_services(method: str) -> None:
    """With the current token or a former one."""
    for token in ("token", "former"):
        given = {"x-conduit-service-token": token}
        assert AUTHORIZER.authorize(method, given).kind is PrincipalKind.SERVICE
    with pytest.raises(ServiceTokenInvalid):
        AUTHORIZER.authorize(method, MASTER_KEY | VIRTUAL_KEY)


def test_a_virtual_key_brings_what_its_resolver_knows() -> None:
    """So that nobody has to look it up again."""
    principal = AUTHORIZER.authorize("/conduit.v1.RouterService/Chat", VIRTUAL_KEY)
    assert principal == Principal(PrincipalKind.VIRTUAL_KEY, "virtual-key", virtual_key="caller 1")


@pytest.mark.parametrize(
    "method", ["/conduit.v1.RouterService/ReadMinds", "/other.Service/Call", "", "/", "Chat"]
)
def test_what_the_contract_does_not_know_is_denied(method: str) -> None:
    """To all but administrators, who may be told that it does not exist."""
    for given in ({}, VIRTUAL_KEY, TOKEN):
        with pytest.raises(MasterKeyMissing):
            AUTHORIZER.authorize(method, given)
    assert AUTHORIZER.authorize(method, MASTER_KEY).kind is PrincipalKind.ADMINISTRATOR


@pytest.mark.parametrize(
    "method",
    [
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    ],
)
def test_health_and_reflection_are_for_everybody(method: str) -> None:
    """Ordinary probes have no credentials."""
    assert AUTHORIZER.authorize(method, {}).kind is PrincipalKind.ANONYMOUS


def test_without_a_resolver_no_virtual_key_is_known() -> None:
    """Not even none."""
    authorizer = Authorizer(METHODS, master_key="master")
    for given in ({}, VIRTUAL_KEY):
        with pytest.raises(VirtualKeyInvalid):
            authorizer.authorize("/conduit.v1.RouterService/Chat", given)


@pytest.mark.parametrize("given", ["Master", "master ", "maste", "ключ"])
def test_only_the_master_key_itself_will_do(given: str) -> None:
    """Whatever is given instead, the same error comes, and never another."""
    with pytest.raises(MasterKeyInvalid):
        AUTHORIZER.authorize("/conduit.v1.RegistryService/GetProvider", {"x-master-key": given})


@pytest.mark.parametrize("method", sorted(METHODS))
def test_who_holds_sessions_is_asked_for_them_alone(method: str) -> None:
    """Whatever else there is knows no client secret."""
    secret = {"authorization": "Bearer ek_1"}
    authorizer = Authorizer(
        METHODS, master_key="master", virtual_keys=known, session_holders=lambda given: given
    )
    if method == SESSION_METHOD:
        assert authorizer.authorize(method, secret).virtual_key == "Bearer ek_1"
    elif METHODS[method].access == ACCESS_VIRTUAL_KEY:
        with pytest.raises(VirtualKeyInvalid):
            authorizer.authorize(method, secret)
    else:
        try:
            found = authorizer.authorize(method, secret)
        except (MasterKeyMissing, ServiceTokenInvalid):
            return
        assert found.kind is PrincipalKind.ANONYMOUS


def test_a_token_that_is_unknown_is_looked_for_once_more() -> None:
    """A process that began with a new encryption key shows one that was not there before."""
    tokens = ["token"]
    authorizer = Authorizer(
        METHODS,
        master_key="master",
        service_tokens=tokens,
        renew_service_tokens=lambda: tuple(tokens),
    )
    later = {"x-conduit-service-token": "later"}
    method = next(iter(INTERNAL))
    with pytest.raises(ServiceTokenInvalid):
        authorizer.authorize(method, later)
    tokens.append("later")
    assert authorizer.authorize(method, later).kind is PrincipalKind.SERVICE
    assert authorizer.is_service(later)
    with pytest.raises(ServiceTokenInvalid):
        authorizer.authorize(method, {"x-conduit-service-token": ""})

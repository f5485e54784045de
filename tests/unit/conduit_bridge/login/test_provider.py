"""What a provider of logins says, and whether it is believed."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from tests.support.oidc_issuer import OidcIssuer
from tests.unit.conduit_bridge.login.conftest import Timer

from conduit_bridge.login.provider import (
    KEEP_SECONDS,
    RENEW_SECONDS,
    LoginFailed,
    OidcProvider,
)
from conduit_kernel.errors import ServiceUnavailable

NONCE, VERIFIER = "nonce-1", "verifier-of-this-login"


async def claims(
    issuer: OidcIssuer,
    provider: OidcProvider,
    *,
    verifier: str = VERIFIER,
    **said: Any,  # noqa: ANN401 # JSON
) -> Any:  # noqa: ANN401 # as above
    """Return what is said of somebody who logged in."""
    url = await provider.login_url("state-1", NONCE, VERIFIER)
    code, _ = issuer.granted(url, **said)
    return await provider.claims(code, verifier, NONCE)


async def test_somebody_is_who_the_provider_says(
    issuer: OidcIssuer, provider: OidcProvider
) -> None:
    """It describes itself once for many logins."""
    for name in "ab":
        assert (await claims(issuer, provider, sub=name))["sub"] == name
    assert issuer.asked.count("/.well-known/openid-configuration") == 1
    assert issuer.asked.count("/jwks") == 1


async def test_a_code_is_of_who_began(issuer: OidcIssuer, provider: OidcProvider) -> None:
    """Whoever has it alone cannot prove that they asked for it: PKCE."""
    with pytest.raises(LoginFailed, match="not confirmed"):
        await claims(issuer, provider, verifier="another")


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://another.example"},
        {"authorization_endpoint": "http://10.0.0.1/authorize"},
        {"authorization_endpoint": 7},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"padding": "x" * 1_100_000},
    ],
)
async def test_a_provider_has_to_be_who_it_is(
    issuer: OidcIssuer, provider: OidcProvider, metadata: dict[str, Any]
) -> None:
    """One that says that it is another, or sends codes in clear elsewhere, is not used."""
    issuer.metadata = metadata
    with pytest.raises(ServiceUnavailable, match="login provider"):
        await provider.login_url("s", "n", "v")


async def test_a_provider_that_is_away_is_told(
    issuer: OidcIssuer, provider: OidcProvider, timer: Timer
) -> None:
    """Also one that answers with something else."""
    for path in ("/nowhere", ""):
        issuer.metadata = {"token_endpoint": f"{issuer.url}{path or '/jwks'}"}
        timer.now += KEEP_SECONDS
        with pytest.raises((ServiceUnavailable, LoginFailed)):
            await claims(issuer, provider)


async def test_new_keys_are_found_and_unknown_ones_not_looked_for_without_end(
    issuer: OidcIssuer, provider: OidcProvider, timer: Timer
) -> None:
    """Keys change; for one that stays unknown the provider is asked once in a while."""
    await claims(issuer, provider)
    issuer.keys["second"] = ec.generate_private_key(ec.SECP256R1())
    issuer.signs_by = "second"
    for _ in range(3):
        with pytest.raises(LoginFailed):
            await claims(issuer, provider)
    assert issuer.asked.count("/jwks") == 1
    timer.now += RENEW_SECONDS
    assert (await claims(issuer, provider))["sub"] == "user-1"
    assert issuer.asked.count("/jwks") == 2
    timer.now += KEEP_SECONDS
    await claims(issuer, provider)
    assert issuer.asked.count("/jwks") == 3
    assert issuer.asked.count("/.well-known/openid-configuration") == 2


async def test_groups_are_asked_for_where_the_provider_knows_them(
    issuer: OidcIssuer, provider: OidcProvider, timer: Timer
) -> None:
    """Some refuse a scope that they do not know."""
    assert "scope=openid+profile+email+groups" in await provider.login_url("s", "n", "v")
    issuer.metadata = {"scopes_supported": ["openid", "email"]}
    timer.now += KEEP_SECONDS
    assert "scope=openid+profile+email&" in await provider.login_url("s", "n", "v")

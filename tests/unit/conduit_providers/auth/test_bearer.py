"""Keys as bearer tokens."""

import pytest

from conduit_kernel.errors import InvalidApiKey
from conduit_providers.auth.bearer import signer
from conduit_providers.auth.options import BearerOptions
from conduit_providers.spec import Auth
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest

OPTIONS = BearerOptions(organization_header="x-org", project_header="x-project")
AUTH = Auth("bearer", "", options=OPTIONS)
OPTIONAL = Auth("bearer", "", is_optional=True, options=OPTIONS)


def target(organization: str = "", project: str = "") -> Target:
    """Return an instance with a key of these."""
    return Target("P", "Acme", "https://a.example", organization=organization, project=project)


def headers(auth: Auth, secret: str, where: Target) -> dict[str, str]:
    """Return the headers that are added."""
    return dict(signer(auth, secret, where).sign(HttpRequest("GET", "/")).headers)


def test_the_key_is_a_token_and_names_whose_it_is() -> None:
    """Only what the key has."""
    assert headers(AUTH, "sk-1", target()) == {"authorization": "Bearer sk-1"}
    assert headers(AUTH, "sk-1", target("o", "p")) == {
        "authorization": "Bearer sk-1",
        "x-org": "o",
        "x-project": "p",
    }


def test_the_word_before_the_key_may_be_another_one() -> None:
    """As some providers have it."""
    auth = Auth("bearer", "", options=BearerOptions(scheme="Token"))
    assert headers(auth, "sk-1", target()) == {"authorization": "Token sk-1"}


def test_without_a_key_the_organization_is_still_told() -> None:
    """Where none is needed."""
    assert headers(OPTIONAL, "", target("o")) == {"x-org": "o"}
    with pytest.raises(InvalidApiKey, match="Invalid API key for provider P"):
        signer(AUTH, "", target("o"))


@pytest.mark.parametrize("odd", ["a\r\nx: y", "ü", "a\x7f"])
def test_nothing_that_no_header_can_hold_is_sent(odd: str) -> None:
    """Neither as a key nor as an organization."""
    with pytest.raises(InvalidApiKey):
        signer(AUTH, odd, target())
    with pytest.raises(InvalidApiKey):
        signer(AUTH, "sk-1", target(odd))


def test_headers_that_a_request_has_stay() -> None:
    """The proof comes behind them."""
    request = HttpRequest("GET", "/", (("a", "b"),))
    signed = signer(AUTH, "sk-1", target()).sign(request)
    assert signed.headers == (("a", "b"), ("authorization", "Bearer sk-1"))
    assert request.headers == (("a", "b"),)

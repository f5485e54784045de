"""Keys in headers of a provider's own."""

import pytest

from conduit_kernel.errors import InvalidApiKey
from conduit_providers.auth.header import signer
from conduit_providers.auth.options import HeaderOptions
from conduit_providers.spec import Auth
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest

OPTIONS = HeaderOptions(name="x-api-key", organization_header="x-org")
TARGET = Target("P", "Acme", "https://a.example", organization="o")
REQUEST = HttpRequest("GET", "/")


def test_the_key_is_in_the_header_that_the_catalog_names() -> None:
    """Beside the organization's."""
    signed = signer(Auth("header", "", options=OPTIONS), "sk-1", TARGET).sign(REQUEST)
    assert signed.headers == (("x-api-key", "sk-1"), ("x-org", "o"))


def test_a_key_that_is_missing_matters_where_one_is_needed() -> None:
    """Else nothing is sent in its place."""
    optional = Auth("header", "", is_optional=True, options=OPTIONS)
    assert signer(optional, "", TARGET).sign(REQUEST).headers == (("x-org", "o"),)
    with pytest.raises(InvalidApiKey, match="Invalid API key for provider P"):
        signer(Auth("header", "", options=OPTIONS), "", TARGET)


@pytest.mark.parametrize("key", ["a\nb", "ключ", "a\0"])
def test_a_key_that_no_header_can_hold_is_invalid(key: str) -> None:
    """The error does not quote it."""
    with pytest.raises(InvalidApiKey) as refused:
        signer(Auth("header", "", options=OPTIONS), key, TARGET)
    assert key not in str(refused.value)

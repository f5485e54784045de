"""Azure's keys, told apart by their form."""

import orjson
import pytest

from conduit_kernel.errors import InvalidApiKey
from conduit_providers.auth.azure import IDENTITY, signer
from conduit_providers.auth.options import AzureOptions
from conduit_providers.spec import Auth
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest

AUTH = Auth("azure", "", options=AzureOptions())
TARGET = Target("P", "AzureOpenAI", "https://contoso.openai.azure.com")
CLIENT = {"tenantId": "1-2-3", "clientId": "c", "clientSecret": "canary"}


def test_plain_text_is_a_key_of_the_resource() -> None:
    """In the header of the catalog's choice."""
    found = signer(AUTH, "0123abc", TARGET)
    assert found.is_static
    assert found.sign(HttpRequest("GET", "/")).headers == (("api-key", "0123abc"),)
    other = Auth("azure", "", options=AzureOptions(name="ocp-key"))
    assert signer(other, "k", TARGET).sign(HttpRequest("GET", "/")).headers == (("ocp-key", "k"),)


@pytest.mark.parametrize("secret", [IDENTITY, orjson.dumps(CLIENT).decode()])
def test_the_machine_and_clients_of_entra_have_tokens(secret: str) -> None:
    """Which expire; until there is one, nothing is signed."""
    found = signer(AUTH, secret, TARGET)
    assert not found.is_static
    assert "canary" not in repr(found)
    with pytest.raises(InvalidApiKey):
        found.sign(HttpRequest("GET", "/"))


@pytest.mark.parametrize("secret", ["", "a\nb", "ü", "{", '{"tenantId":7}', "{}"])
def test_what_is_no_key_is_refused_at_once(secret: str) -> None:
    """Half a client, too."""
    with pytest.raises(InvalidApiKey):
        signer(AUTH, secret, TARGET)

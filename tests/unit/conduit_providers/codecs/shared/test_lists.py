"""What the lists of all dialects have in common."""

import pytest
from tests.support.replays import CATALOG

from conduit.v1.provider_pb2 import Provider
from conduit_kernel.errors import UpstreamError
from conduit_providers.codecs import codec_named
from conduit_providers.spec import ProviderSpec
from conduit_providers.wire import HttpResponse

LISTS = [spec for spec in CATALOG.specs if "models" in spec.endpoints]
# Where models are read off something else.
READ_OFF = {"AWS": "list of voices", "GoogleCloud": "list of voices", "StabilityAI": "balance"}
SETTINGS = {"region": "us-east-1", "project": "p", "location": "global", "resource": "r"}


@pytest.mark.parametrize("spec", LISTS, ids=lambda spec: spec.name)
@pytest.mark.parametrize("body", [b"<html>", b"7", b'{"error": 1}', b"[" * 9000, b'{"x":"\xff"}'])
def test_what_is_no_list_is_an_error_of_the_provider(spec: ProviderSpec, body: bytes) -> None:
    """It names what was asked for, and says nothing of what came."""
    what = READ_OFF.get(spec.name, "list of models")
    endpoint = spec.endpoints["models"]
    with pytest.raises(UpstreamError, match=f"it is no {what}$") as raised:
        codec_named(endpoint.codec).from_upstream(HttpResponse(200, {}, body), endpoint)
    assert "html" not in raised.value.message


@pytest.mark.parametrize("spec", LISTS, ids=lambda spec: spec.name)
def test_a_list_is_asked_for_without_a_body(spec: ProviderSpec) -> None:
    """At the path and with the headers that the catalog has."""
    endpoint = spec.endpoints["models"]
    provider = Provider(name="P", provider_type=spec.name)
    if not CATALOG.base_url(spec):
        provider.base_url = "https://llm.example.com/v1"
    known = {setting.name for setting in spec.settings}
    provider.settings.update({k: v for k, v in SETTINGS.items() if k in known})
    request = codec_named(endpoint.codec).to_upstream(endpoint, CATALOG.target(provider))
    assert (request.method, request.body) == ("GET", b"")
    assert dict(endpoint.headers).items() <= dict(request.headers).items()

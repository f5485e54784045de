"""What all ways of taking batches have in common: names are of ours, and nonsense is no result."""

import msgspec
import pytest

from conduit_kernel.errors import UpstreamError
from conduit_providers.batch_apis import batch_api_named, has_batch_api
from conduit_providers.batch_apis.api import BegunBatch, at, is_told, with_query
from conduit_providers.catalog import load_catalog
from conduit_providers.spec import Batches, ProviderSpec
from conduit_providers.target import Target
from conduit_providers.wire import HttpResponse

TYPES = ["OpenAI", "AzureOpenAI", "Groq", "Mistral", "Anthropic", "Gemini"]
every_type = pytest.mark.parametrize("name", TYPES)
NONSENSE = [
    *(b"", b"{", b"null", b"[]", b'"text"', b"7", b"{}", b'{"id": 1}', b'{"id": null}'),
    *(b'{"name": []}', b"\xff", b'{"custom_id": "a", "response": 1}'),
    b"[" * 100_000,
]


def spec_of(name: str) -> tuple[ProviderSpec, Batches, Target]:
    """Return a type of the catalog, with its batches, and where an instance of it is."""
    spec = load_catalog().find(name)
    assert spec.batches is not None
    settings = {"apiVersion": "v1", "resource": "acme"}
    return spec, spec.batches, Target("provider", name, "https://provider.example", settings)


@every_type
@pytest.mark.parametrize("body", NONSENSE)
def test_an_answer_that_makes_no_sense_is_the_providers_failure(name: str, body: bytes) -> None:
    """Neither a state, nor a search, nor a result is made of it."""
    _, batches, target = spec_of(name)
    api, response = batch_api_named(batches.api), HttpResponse(200, {}, body)
    with pytest.raises(UpstreamError):
        api.state(response, batches, target)
    assert api.found(response, "ours") is None
    assert api.result(body) is None


@every_type
def test_what_a_provider_calls_a_batch_leads_to_no_other_path(name: str) -> None:
    """It is one part of a path, whatever it has in it."""
    _, batches, target = spec_of(name)
    api, begun = batch_api_named(batches.api), BegunBatch("../keys?x=1", "../../f")
    for request in (api.look(begun, batches, target), api.cancel(begun, batches, target)):
        assert ".." not in request.path.replace("..%2F", "")
        assert "?x" not in request.path


@every_type
def test_requests_of_other_kinds_are_not_taken(name: str) -> None:
    """A path that batches are not for is none of theirs."""
    _, batches, target = spec_of(name)
    request = msgspec.structs.replace(
        batch_api_named(batches.api).look(BegunBatch("b"), batches, target), path="/v1/audio/speech"
    )
    assert not batch_api_named(batches.api).takes(request, batches, target)


def test_modules_are_found_by_their_names() -> None:
    """The shape itself is no way of taking batches, and neither is what is not there."""
    assert has_batch_api("openai")
    assert not any(has_batch_api(name) for name in ("api", "acme", "os.path", ""))


def test_paths_may_have_a_query() -> None:
    """What is within a path goes before it."""
    assert at("/files?api-version=1", "a/b", "/content") == "/files/a%2Fb/content?api-version=1"
    assert with_query("/a", "n=1") == "/a?n=1"
    assert with_query("/a?b=2", "n=1") == "/a?b=2&n=1"


@pytest.mark.parametrize(("text", "is_there"), [(b"", False), (b"null", False), (b"{}", True)])
def test_a_member_that_is_null_is_not_there(text: bytes, is_there: bool) -> None:  # noqa: FBT001 # a case
    """Providers write it where others leave it out."""
    assert is_told(msgspec.Raw(text)) == is_there

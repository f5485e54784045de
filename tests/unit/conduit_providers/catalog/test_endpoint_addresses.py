"""Operations that a provider serves at another address than its others."""

from collections.abc import Sequence

import orjson
import pytest
from tests.support.signatures import is_signed

from conduit.v1.provider_pb2 import Provider
from conduit_providers.catalog import Catalog, load_catalog
from conduit_providers.probe import Probe, ProbeTarget
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest, HttpResponse

CATALOG: Catalog = load_catalog()
SECRET = "secret-of-the-pair"
KEY = orjson.dumps({"accessKeyId": "AKIAIOSFODNN7EXAMPLE", "secretAccessKey": SECRET}).decode()
MODELS = {"modelSummaries": [{"modelId": "a.b"}]}
PROFILES = {"inferenceProfileSummaries": [{"inferenceProfileId": "us.a.b"}]}


def target(base_url: str = "") -> Target:
    """Return an instance of Bedrock in Ireland."""
    provider = Provider(name="Prod", provider_type="Bedrock", base_url=base_url)
    provider.settings.update({"region": "eu-west-1"})
    return CATALOG.target(provider)


def test_operation_goes_to_its_own_address() -> None:
    """Calls go to the runtime, lists to the control plane."""
    spec = CATALOG.find("Bedrock")
    found = {
        name: CATALOG.target_of(target(), spec.endpoints[name]).base_url for name in spec.endpoints
    }
    runtime = "https://bedrock-runtime.eu-west-1.amazonaws.com"
    assert found == {
        "chat": runtime,
        "embed": runtime,
        "image": runtime,
        "image_edit": runtime,
        "rerank": "https://bedrock-agent-runtime.eu-west-1.amazonaws.com",
        "models": "https://bedrock.eu-west-1.amazonaws.com",
    }


def test_address_of_the_operator_goes_before_it() -> None:
    """An instance behind a proxy is asked there for everything."""
    spec = CATALOG.find("Bedrock")
    own = target("https://proxy.example.com")
    assert CATALOG.target_of(own, spec.endpoints["models"]) == own


@pytest.mark.parametrize(
    ("location", "host"),
    [("global", "speech.googleapis.com"), ("eu", "eu-speech.googleapis.com")],
)
def test_address_of_an_operation_is_the_settings(location: str, host: str) -> None:
    """Google Cloud hears elsewhere than it speaks, and has each in several places."""
    provider = Provider(name="Prod", provider_type="GoogleCloud")
    provider.settings.update({"location": location})
    found = CATALOG.targets(provider)
    assert found["transcribe"].base_url == f"https://{host}"
    assert found["speak"].base_url == f"https://{host.replace('speech', 'texttospeech')}"


async def test_probe_asks_and_signs_for_the_other_address() -> None:
    """The list is walked to its end at the control plane, each request signed for that host."""
    seen: list[tuple[str, HttpRequest]] = []
    answers: Sequence[object] = (MODELS, PROFILES)

    async def send(
        base_url: str, request: HttpRequest, timeout_seconds: float, *, is_guarded: bool
    ) -> HttpResponse:
        assert timeout_seconds > 0
        assert is_guarded
        seen.append((base_url, request))
        return HttpResponse(200, {}, orjson.dumps(answers[len(seen) - 1]))

    probe = Probe(CATALOG, send, clock=lambda: 0.0, timer=lambda: 0.0)
    models = await probe.list_models(ProbeTarget(target(), KEY))
    assert models.names == ["a.b", "us.a.b"]
    assert {address for address, _ in seen} == {"https://bedrock.eu-west-1.amazonaws.com"}
    assert [r.path for _, r in seen] == [
        "/foundation-models",
        "/inference-profiles?maxResults=1000",
    ]
    assert all(
        is_signed(r.method, address + r.path, dict(r.headers), r.body, SECRET)
        for address, r in seen
    )

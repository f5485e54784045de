"""How a prediction is begun and awaited, whatever it is of."""

import orjson
import pytest

from conduit.v1.provider_pb2 import Provider
from conduit_providers.catalog import load_catalog
from conduit_providers.codecs.replicate.job import ended, request_for
from conduit_providers.operations.image import ImageCall, image_request
from conduit_providers.wire import HttpResponse

CATALOG = load_catalog()
ENDPOINT = CATALOG.find("Replicate").endpoints["image"]
TARGET = CATALOG.target(Provider(name="P", provider_type="Replicate"))
VERSION = "0123456789abcdef" * 4


def call(model: str = "acme/painter", seconds: float = 0.0) -> ImageCall:
    """Return a call."""
    form = image_request(json=b'{"model":"m","prompt":"p"}')
    return ImageCall(form, alias="m", model=model, provider="P", seconds=seconds)


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.0, "10m"), (90.0, "90s"), (12.3, "13s"), (0.2, "1s"), (3600, "3600s")]
)
def test_the_deadline_is_the_callers_where_it_is_known(seconds: float, said: str) -> None:
    """In whole seconds, no sooner than the caller's."""
    request = request_for(call(seconds=seconds), ENDPOINT, TARGET, {}, waits=True)
    assert dict(request.headers)["cancel-after"] == said


@pytest.mark.parametrize(
    ("model", "path", "version"),
    [
        ("acme/painter", "/models/acme/painter/predictions", None),
        (f"acme/painter:{VERSION}", "/predictions", VERSION),
        (VERSION, "/predictions", VERSION),
        ("painter", "/models/painter/-/predictions", None),
    ],
)
def test_a_model_is_official_or_a_version(model: str, path: str, version: str | None) -> None:
    """Each has its own path."""
    request = request_for(call(model), ENDPOINT, TARGET, {"prompt": "p"}, waits=False)
    assert request.path == path
    assert orjson.loads(request.body).get("version") == version
    assert "prefer" not in dict(request.headers)


def test_a_prediction_that_is_there_at_once_is_not_looked_at() -> None:
    """Its first answer may wait for it."""
    urls = {
        name: f"https://api.replicate.com/v1/predictions/p1/{name}" for name in ("get", "cancel")
    }
    done = {"id": "p1", "status": "succeeded", "urls": urls, "output": "https://x.example/a.png"}
    job = ended(call(), ENDPOINT, TARGET, request_for(call(), ENDPOINT, TARGET, {}, waits=True))
    next(job)
    with pytest.raises(StopIteration) as end:
        job.send(HttpResponse(201, {}, orjson.dumps(done)))
    assert end.value.value.output == "https://x.example/a.png"

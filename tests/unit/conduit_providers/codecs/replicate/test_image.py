"""What Replicate's images hold beyond the wire cases."""

from typing import Any

import orjson
import pytest

from conduit.v1.provider_pb2 import Provider
from conduit_kernel.errors import UpstreamError, UpstreamRefused
from conduit_providers.catalog import load_catalog
from conduit_providers.codecs.replicate.image import CODEC
from conduit_providers.codecs.shared.whole_images import WholeImageDecoder
from conduit_providers.jobs import JobCodec
from conduit_providers.operations.image import ImageCall, image_request
from conduit_providers.wire import HttpRequest, HttpResponse

CATALOG = load_catalog()
ENDPOINT = CATALOG.find("Replicate").endpoints["image"]
TARGET = CATALOG.target(Provider(name="P", provider_type="Replicate"))
BASE = "https://api.replicate.com/v1/predictions/p1"
Json = dict[str, Any]
FLUX = "black-forest-labs/flux-schnell"


def call(*, stream: bool = False, **members: object) -> ImageCall:
    """Return a call."""
    wish = orjson.dumps({"model": "m", "prompt": "p", **members})
    form = image_request(json=wish)
    return ImageCall(form, alias="m", model=FLUX, stream=stream, provider="P", dropped=[])


def prediction(status: str, output: object = None) -> HttpResponse:
    """Return an answer of the API."""
    urls = {"get": BASE, "cancel": f"{BASE}/cancel"}
    body = {"id": "p1", "status": status, "urls": urls, "output": output}
    return HttpResponse(200, {}, orjson.dumps(body))


def test_images_are_jobs_here() -> None:
    """By this the router knows."""
    assert isinstance(CODEC, JobCodec)


def test_a_stream_is_the_last_look_at_a_prediction() -> None:
    """There are no drafts to read."""
    job = CODEC.stream(call(stream=True), ENDPOINT, TARGET)
    next(job)
    look = job.send(prediction("processing"))
    with pytest.raises(StopIteration) as end:
        job.send(prediction("succeeded", ["https://x.example/a.png"]))
    opened = end.value.value
    assert isinstance(look.request, HttpRequest)
    assert look.request.path == opened.step.request.path == "/v1/predictions/p1"
    assert isinstance(opened.decoder, WholeImageDecoder)
    with pytest.raises(StopIteration) as rest:
        next(opened.closing)
    assert rest.value.value is None


@pytest.mark.parametrize("output", ["data:image/png;base64", "data:,x", [7], {"a": "b"}, "words"])
def test_an_output_that_is_no_image_is_the_providers_fault(output: object) -> None:
    """Or that of who chose the model."""
    with pytest.raises(UpstreamError) as raised:
        CODEC.from_upstream(prediction("succeeded", output), call(), ENDPOINT)
    is_file = isinstance(output, str) and output.startswith("data:")
    assert isinstance(raised.value, UpstreamRefused) != is_file


def test_a_prediction_that_goes_on_is_no_answer() -> None:
    """Whoever asks reads what has ended."""
    with pytest.raises(UpstreamError, match="has not ended"):
        CODEC.from_upstream(prediction("processing"), call(), ENDPOINT)


@pytest.mark.parametrize(
    ("members", "given", "dropped"),
    [
        ({}, {"output_format": "png"}, []),
        ({"output_format": "jpeg"}, {"output_format": "jpg"}, []),
        ({"output_format": "gif"}, {}, ["output_format"]),
        ({"size": "auto"}, {"output_format": "png"}, []),
        ({"guidance": 3, "steps": None}, {"output_format": "png", "guidance": 3}, []),
    ],
)
def test_what_a_model_is_given(members: Json, given: dict[str, object], dropped: list[str]) -> None:
    """What it does not know is told; its own inputs pass."""
    asked = call(**members)
    request: HttpRequest = CODEC.to_upstream(asked, ENDPOINT, TARGET)
    assert orjson.loads(request.body)["input"] == {"prompt": "p", **given}
    assert asked.dropped == dropped

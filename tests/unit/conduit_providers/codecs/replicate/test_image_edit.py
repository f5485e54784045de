"""What Replicate's edits hold beyond the wire cases: files that are stored first."""

import base64
from typing import Any

import orjson
import pytest
from tests.support.masks import mask

from conduit.v1.provider_pb2 import Provider
from conduit_kernel.errors import UnsupportedCapability, UpstreamError
from conduit_providers.catalog import load_catalog
from conduit_providers.codecs.replicate.image_edit import CODEC, MAX_INLINE_BYTES
from conduit_providers.jobs import JobCodec, JobRequest
from conduit_providers.operations.image_edit import ImageEditCall, edit_form
from conduit_providers.wire import HttpRequest, HttpResponse

CATALOG = load_catalog()
ENDPOINT = CATALOG.find("Replicate").endpoints["image_edit"]
TARGET = CATALOG.target(Provider(name="P", provider_type="Replicate"))
BASE = "https://api.replicate.com/v1/predictions/p1"
KONTEXT = "black-forest-labs/flux-kontext-pro"
FILL = "black-forest-labs/flux-fill-pro"
MASK = mask([bytes([0, 255])], [0])
Json = dict[str, Any]


def url(content: bytes) -> Json:
    """Return an image that is given in a request."""
    return {"image_url": f"data:image/png;base64,{base64.b64encode(content).decode()}"}


def call(*images: bytes, model: str = KONTEXT, **members: object) -> ImageEditCall:
    """Return a call."""
    wish = {"model": "m", "prompt": "p", "images": [*map(url, images)], **members}
    form = edit_form(json=orjson.dumps(wish))
    return ImageEditCall(form, alias="m", model=model, provider="P", dropped=[])


def path(step: JobRequest) -> str:
    """Return where a step goes."""
    assert isinstance(step.request, HttpRequest)
    return step.request.path


def test_edits_are_jobs_here() -> None:
    """By this the router knows."""
    assert isinstance(CODEC, JobCodec)


@pytest.mark.parametrize(("size", "first"), [(0, "/models/"), (1, "/files")])
def test_an_image_is_stored_if_it_is_too_large_for_an_input(size: int, first: str) -> None:
    """The limit itself goes within."""
    job = CODEC.whole(call(bytes(MAX_INLINE_BYTES + size)), ENDPOINT, TARGET)
    assert path(next(job)).startswith(first)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"urls":{}}', b'{"urls":{"get":7}}'])
def test_a_file_without_an_address_makes_no_sense(body: bytes) -> None:
    """Nothing is begun with it."""
    job = CODEC.whole(call(bytes(MAX_INLINE_BYTES + 1)), ENDPOINT, TARGET)
    next(job)
    with pytest.raises(UpstreamError):
        job.send(HttpResponse(201, {}, body))


def test_a_stream_is_the_last_look_at_a_prediction() -> None:
    """There are no drafts to read."""
    job = CODEC.stream(call(b"PNG"), ENDPOINT, TARGET)
    next(job)
    body = {"id": "p1", "status": "succeeded", "urls": {"get": BASE, "cancel": f"{BASE}/cancel"}}
    with pytest.raises(StopIteration) as end:
        job.send(HttpResponse(201, {}, orjson.dumps({**body, "output": "https://x.example/a"})))
    assert path(end.value.value.step) == "/v1/predictions/p1"


@pytest.mark.parametrize(
    ("given", "capability"),
    [(call(b"a", b"b"), "several_images"), (call(b"a", mask=url(MASK)), "mask")],
)
def test_what_a_model_lacks_is_refused_before_anything_is_stored(
    given: ImageEditCall, capability: str
) -> None:
    """Another candidate may take it."""
    with pytest.raises(UnsupportedCapability) as raised:
        next(CODEC.whole(given, ENDPOINT, TARGET))
    assert raised.value.metadata["capability"] == capability
    assert path(next(CODEC.whole(call(b"a", model=FILL, mask=url(MASK)), ENDPOINT, TARGET)))

"""Predictions of Imagen's: what is asked for, and what stands in the place of a picture."""

from typing import Any

import orjson
import pytest

from conduit.v1.provider_pb2 import Provider
from conduit_kernel.errors import ContentPolicy, UnsupportedCapability, UpstreamError
from conduit_providers.catalog import load_catalog
from conduit_providers.codecs.gemini import imagen
from conduit_providers.operations.image import ImageCall, image_request
from conduit_providers.wire import HttpResponse

CATALOG = load_catalog()
Json = dict[str, Any]


def wish(*, stream: bool = False, **members: object) -> ImageCall:
    """Return a wish for images of Imagen's."""
    form = image_request(json=orjson.dumps({"model": "m", "prompt": "p", **members}))
    return ImageCall(form, alias="m", model="imagen-5", stream=stream, provider="P", dropped=[])


def parameters(call: ImageCall, kind: str = "VertexAI") -> Json:
    """Return the parameters that a service is sent."""
    provider = Provider(name="P", provider_type=kind)
    provider.settings.update({"project": "acme"} if kind == "VertexAI" else {})
    endpoint = CATALOG.find(kind).endpoints["image"]
    facts = endpoint.facts_of(call.model)
    sent = imagen.drawing_request(call, endpoint, CATALOG.target(provider), facts)
    found: Json = orjson.loads(sent.body or b"")["parameters"]
    return found


@pytest.mark.parametrize("watermark", [None, True])
def test_a_seed_is_left_out_beside_a_watermark(watermark: bool | None) -> None:  # noqa: FBT001 # one case each
    """Google refuses both together; nobody asked us to leave the watermark out."""
    call = wish(seed=7, **({} if watermark is None else {"addWatermark": watermark}))
    assert "seed" not in parameters(call)
    assert call.dropped == ["seed"]
    call = wish(seed=7, addWatermark=False)
    assert parameters(call)["seed"] == 7
    assert call.dropped == []


def test_as_many_images_as_are_asked_for_are_drawn() -> None:
    """Left to itself, the service would draw four."""
    assert parameters(wish())["sampleCount"] == 1
    assert parameters(wish(n=4))["sampleCount"] == 4
    with pytest.raises(UnsupportedCapability, match="4 images at a time"):
        parameters(wish(n=5, stream=True))


def test_the_gemini_api_takes_fewer_parameters() -> None:
    """What it does not take is told."""
    call = wish(negative_prompt="rain", addWatermark=False, enhancePrompt=True)
    assert set(parameters(call, "Gemini")) == {"sampleCount", "includeRaiReason"}
    assert sorted(call.dropped) == ["addWatermark", "enhancePrompt", "negative_prompt"]


def read(*predictions: Json) -> object:
    """Return the answer that these predictions are."""
    body = orjson.dumps({"predictions": predictions})
    return orjson.loads(imagen.read_images(HttpResponse(200, {}, body), wish(n=2)).json)["data"]


def test_pictures_that_were_filtered_are_left_out() -> None:
    """Wherever they stand, as long as there are others."""
    picture = {"bytesBase64Encoded": "UE5H", "mimeType": "image/png"}
    assert read({"raiFilteredReason": "no"}, picture) == [{"b64_json": "UE5H"}]


def test_without_a_picture_the_reason_is_told() -> None:
    """With Google's numbers for what it found, if it says them."""
    with pytest.raises(ContentPolicy) as raised:
        read({}, {"raiFilteredReason": "Filtered. Support codes: 58061214, 39322892"})
    assert raised.value.metadata["upstream_code"] == "58061214,39322892"
    with pytest.raises(ContentPolicy) as raised:
        read({"raiFilteredReason": "Filtered."})
    assert raised.value.metadata["upstream_code"] == "RAI_FILTERED"


def test_without_a_reason_there_is_no_sense_in_it() -> None:
    """Another provider may do better."""
    with pytest.raises(UpstreamError) as raised:
        read({"mimeType": "image/png"})
    assert not isinstance(raised.value, ContentPolicy)

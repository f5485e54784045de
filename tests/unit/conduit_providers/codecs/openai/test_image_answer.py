"""OpenAI's usage of images, in the leaves that are charged for."""

import pytest

from conduit_kernel.errors import UpstreamError
from conduit_providers.calls import Call
from conduit_providers.codecs.openai.image_answer import image_usage, read_images
from conduit_providers.operations.image import image_request
from conduit_providers.quantities import IMAGE_INPUT, IMAGE_OUTPUT, INPUT, OUTPUT
from conduit_providers.wire import HttpResponse

CALL = Call(image_request(json=b"{}"), alias="m", model="m", provider="P")


def test_what_is_written_is_images_unless_said_otherwise() -> None:
    """Older models do not take their output apart."""
    read = {"input_tokens": 50, "input_tokens_details": {"text_tokens": 10, "image_tokens": 40}}
    plain = image_usage({**read, "output_tokens": 100})
    assert plain is not None
    assert plain.leaves == ((INPUT, 10), (IMAGE_INPUT, 40), (IMAGE_OUTPUT, 100))
    told = {"output_tokens": 100, "output_tokens_details": {"text_tokens": 30, "image_tokens": 70}}
    apart = image_usage({**read, **told})
    assert apart is not None
    assert (apart.count(OUTPUT), apart.count(IMAGE_OUTPUT)) == (30, 70)


@pytest.mark.parametrize("usage", [None, {}, [], {"input_tokens": "many"}, {"total_tokens": 3}])
def test_no_counts_are_none(usage: object) -> None:
    """They are estimated then."""
    assert image_usage(usage) is None


@pytest.mark.parametrize(
    "body",
    [b"{}", b'{"data":[]}', b'{"data":[{}]}', b'{"data":[{"url":"x"},{"b64_json":""}]}', b"[]"],
)
def test_an_answer_that_lacks_an_image_is_none(body: bytes) -> None:
    """The next candidate is asked."""
    with pytest.raises(UpstreamError) as raised:
        read_images(HttpResponse(200, {}, body), CALL)
    assert raised.value.metadata["kind"] == "malformed"


def test_an_error_in_an_answer_is_one() -> None:
    """Some servers answer 200 all the same."""
    body = b'{"error":{"code":"content_policy_violation","message":"no"}}'
    with pytest.raises(UpstreamError) as raised:
        read_images(HttpResponse(200, {}, body), CALL)
    assert raised.value.reason == "CONTENT_POLICY"

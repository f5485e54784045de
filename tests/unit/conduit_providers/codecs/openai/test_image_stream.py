"""Streams of images: what is passed on, what they used, and how they end."""

import orjson
import pytest

from conduit_kernel.errors import StreamInterrupted, UpstreamError
from conduit_providers.calls import Call
from conduit_providers.codec import MAX_EVENT_BYTES
from conduit_providers.codecs.openai.image_stream import (
    MAX_IMAGE_EVENT_BYTES,
    OpenAIImageDecoder,
    image_decoder,
)
from conduit_providers.operations.image import image_request
from conduit_providers.quantities import IMAGE_OUTPUT


def decoder(images: int = 1) -> OpenAIImageDecoder:
    """Return the decoder of a stream of so many images."""
    call = Call(image_request(json=b"{}"), alias="m", model="m", provider="P")
    return OpenAIImageDecoder(call, images)


def event(kind: str, **members: object) -> bytes:
    """Return an event."""
    name = f"image_generation.{kind}"
    return b"event: %b\ndata: %b\n\n" % (
        name.encode(),
        orjson.dumps({"type": name, "b64_json": "QQ==", **members}),
    )


def test_the_usage_is_the_sum_of_the_images() -> None:
    """Each final event has its own; drafts have none."""
    found = decoder(2)
    assert found.usage is None
    found.feed(event("partial_image", partial_image_index=0))
    assert found.usage is None
    found.feed(event("completed", usage={"output_tokens": 272}))
    assert not found.has_finished
    found.feed(event("completed", usage={"output_tokens": 372}))
    assert found.has_finished
    assert found.usage is not None
    assert found.usage.count(IMAGE_OUTPUT) == 644
    assert found.close() is None
    assert found.done


@pytest.mark.parametrize("odd", [b'"x"', b"1.5", b"[]", b"null", b"0"])
def test_a_number_of_images_that_is_none_is_one(odd: bytes) -> None:
    """The provider took it; where it sends more, the stream's own end tells."""
    call = Call(image_request(json=b'{"n":%b}' % odd), alias="m", model="m", provider="P")
    found = image_decoder(call, "image_generation")
    found.feed(event("completed", usage={"output_tokens": 1}))
    assert found.close() is None
    assert found.done


def test_an_image_larger_than_other_events_passes() -> None:
    """One of eight megapixels does not fit into eight megabytes."""
    found = decoder()
    whole = event("completed", b64_json="A" * (2 * MAX_EVENT_BYTES))
    passed = b""
    for at in range(0, len(whole), 1 << 20):
        events = found.feed(whole[at : at + (1 << 20)])
        passed += events.sse if events else b""
    assert passed == whole


def test_an_event_without_end_is_an_error() -> None:
    """Memory is bounded."""
    found = decoder()
    found.feed(b"data: ")
    piece = b"A" * (8 << 20)
    with pytest.raises(UpstreamError):  # noqa: PT012 # pieces come until it raises
        for _ in range(MAX_IMAGE_EVENT_BYTES // len(piece) + 1):
            found.feed(piece)


def test_a_draft_is_no_end() -> None:
    """What ends behind it is a cut."""
    found = decoder()
    found.feed(event("partial_image", partial_image_index=0))
    with pytest.raises(StreamInterrupted):
        found.close()


def test_a_mark_of_the_end_before_the_image_is_a_cut() -> None:
    """As with chats."""
    found = decoder()
    found.feed(event("partial_image", partial_image_index=0) + b"data: [DONE]\n\n")
    assert not found.done
    with pytest.raises(StreamInterrupted):
        found.close()


def test_a_mark_of_the_end_behind_the_image_ends_it() -> None:
    """Some servers write one, as for chats; it is not passed on."""
    found = decoder()
    events = found.feed(event("completed") + b"data: [DONE]\n\n")
    assert events is not None
    assert events.sse == event("completed")
    assert found.done


def test_an_image_without_a_blank_line_behind_it_is_whole() -> None:
    """Some servers forget it."""
    found = decoder()
    assert found.feed(event("completed")[:-2]) is None
    events = found.close()
    assert events is not None
    assert events.sse == event("completed")


@pytest.mark.parametrize(
    "failure",
    [
        b'event: error\ndata: {"error":{"message":"no","code":"moderation_blocked"}}\n\n',
        b'data: {"type":"error","error":{"message":"no","code":"moderation_blocked"}}\n\n',
    ],
)
def test_a_failure_comes_behind_what_was_before(failure: bytes) -> None:
    """The drafts first, then the error, by its class."""
    found = decoder()
    assert found.feed(event("partial_image", partial_image_index=0) + failure) is not None
    for again in (found.close, lambda: found.feed(b"")):
        with pytest.raises(UpstreamError) as raised:
            again()
        assert raised.value.reason == "CONTENT_POLICY"


def test_a_completed_event_without_an_image_is_no_good_end() -> None:
    """It would be charged for, and shown as nothing."""
    with pytest.raises(UpstreamError):
        decoder().feed(event("completed", b64_json=""))


def test_events_of_other_kinds_are_passed_on() -> None:
    """What is new reaches callers who know it."""
    new = b'event: image_generation.queued\ndata: {"type":"image_generation.queued"}\n\n'
    events = decoder().feed(new + b'data: {"x":1}\n\n')
    assert events is not None
    assert events.sse == new + b'data: {"x":1}\n\n'

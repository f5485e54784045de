"""What images use, and how their answers become events."""

import orjson
import pytest

from conduit.v1.image_edit_pb2 import ImageEditRequest
from conduit.v1.image_generation_pb2 import ImageGenerationRequest
from conduit.v1.image_json import image_event_to_json
from conduit.v1.image_pb2 import ImageEvent
from conduit_kernel.errors import UpstreamError
from conduit_providers.images import (
    IMAGE,
    STEP,
    ImageEvents,
    completed_events,
    estimated_images,
    image_answer,
    images_of,
    usage_message,
    worst_images,
)
from conduit_providers.quantities import IMAGE_OUTPUT, INPUT, counted, plain
from conduit_providers.typed_events import events_of


def wish(**members: object) -> ImageGenerationRequest:
    """Return a wish for images."""
    return ImageGenerationRequest(model="m", prompt="p", **members)  # type: ignore[arg-type] # by name


def test_images_are_counted_with_what_their_price_depends_on() -> None:
    """Quality and size are named, where they are not the usual."""
    assert images_of(2, "1024x1536", "high").leaves == ((IMAGE, 2),)
    qualifiers = (("quality", "high"), ("size", "1024x1536"))
    assert images_of(2, "1024x1536", "high").qualifiers == qualifiers
    assert images_of(1, "auto", "standard").qualifiers == ()
    assert len(dict(images_of(1, "1" * 1000).qualifiers)["size"]) == 40


def test_an_answer_says_what_is_estimated() -> None:
    """Its images, and its own word on their size; without an answer what was asked for."""
    answer = image_answer(usage=None, json=b'{"data":[{"url":"x"}],"size":"64x64"}')
    assert estimated_images(wish(n=3, size="512x512"), answer) == images_of(1, "64x64")
    assert estimated_images(wish(n=3, size="512x512"), None) == images_of(3, "512x512")


@pytest.mark.parametrize("odd", [b"64", b"{}", b"null", b"true", b'""', b"[7]"])
def test_what_an_answer_says_oddly_is_as_was_asked_for(odd: bytes) -> None:
    """It was paid for, and is counted; nobody gains by an error."""
    told = b'{"data":[{"url":"x"},{"url":"y"}],"size":%b,"quality":%b}' % (odd, odd)
    answer = image_answer(usage=None, json=told)
    asked = wish(size="512x512", quality="high")
    assert estimated_images(asked, answer) == images_of(2, "512x512", "high")


@pytest.mark.parametrize(
    "answer",
    [
        b"\xef\xbb\xbf{}",
        b"[]",
        b"{",
        b"[" * 5000,
        b'{"data":7}',
        b'{"data":[],"size":1e999}',
    ],
)
def test_an_answer_that_cannot_be_read_counts_as_was_asked_for(answer: bytes) -> None:
    """Whatever is wrong with it, it is not worth an error behind the answer."""
    found = estimated_images(wish(n=3, size="8x8"), image_answer(usage=None, json=answer))
    assert found == images_of(3, "8x8")


@pytest.mark.parametrize(
    ("members", "tokens"),
    [
        # OpenAI's own figures, and what they may be at most by area.
        ({"quality": "low", "size": "1024x1024"}, 272),
        ({"quality": "medium", "size": "1024x1536"}, 1584),
        ({"quality": "high", "size": "1536x1024"}, 6208),
        ({"quality": "high", "size": "1024x1024", "n": 3}, 3 * 4160),
        ({"quality": "low", "size": "1024x1024", "partial_images": 3}, 272 + 300),
        ({}, 6240),
    ],
)
def test_no_image_uses_more_tokens_than_the_worst_case(
    members: dict[str, object], tokens: int
) -> None:
    """Nor is the worst case more than twice as much."""
    usage, is_bounded = worst_images(wish(**members), 10)
    assert is_bounded
    assert tokens <= usage.count(IMAGE_OUTPUT) <= 2 * tokens
    assert usage.count(IMAGE) == max(1, wish(**members).n)
    assert usage.count(INPUT) == 10


def test_qualities_that_nobody_has_counted_are_not_bounded() -> None:
    """The worst case says so, rather than too little."""
    assert not worst_images(wish(quality="max"), 10)[1]


def test_the_worst_case_is_that_of_edits_too() -> None:
    """They have the same members."""
    edit = ImageEditRequest(n=2, quality="low", size="1024x1024")
    assert worst_images(edit, 5)[0].count(IMAGE) == 2


@pytest.mark.parametrize("size", ["axb", "x", "1024x", "9" * 50 + "x1", "auto"])
def test_a_size_that_is_none_counts_as_unsaid(size: str) -> None:
    """Whoever is asked refuses it, or takes it for its own."""
    assert worst_images(wish(size=size), 0) == (
        counted(worst_images(wish(), 0)[0].leaves, images_of(1, size).qualifiers),
        True,
    )


def test_a_whole_answer_becomes_events() -> None:
    """One for each image, all with what holds for all; the last one has the counts."""
    usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    whole = {"created": 5, "size": "8x8", "data": [{"b64_json": "QQ=="}, {"b64_json": "Qg=="}]}
    answer = image_answer(usage=None, json=orjson.dumps({**whole, "usage": usage}))
    first, last = completed_events(answer, "image_edit", 9)
    told = {"type": "image_edit.completed", "size": "8x8", "created_at": 5}
    assert first == {**told, "b64_json": "QQ=="}
    assert last == {**told, "b64_json": "Qg==", "usage": usage}


def test_events_are_the_same_in_both_forms() -> None:
    """Read and written again they say the same."""
    sse = events_of([{"type": "image_generation.completed", "b64_json": "QQ==", "created_at": 5}])
    pieces = ImageEvents(sse=sse).pieces
    assert pieces[0].image_generation_completed.b64_json == b"A"
    assert ImageEvents(pieces=pieces).sse == sse
    assert ImageEvents(sse=b"").with_sse(sse).pieces == pieces
    assert ImageEvents(sse=sse).size == len(sse)


def test_an_event_that_does_not_fit_is_the_providers_fault() -> None:
    """So that the next candidate is asked."""
    events = ImageEvents(sse=b'data: {"type":"image_generation.completed","b64_json":7}\n\n')
    with pytest.raises(UpstreamError):
        events.to_form(is_typed=True)
    assert events.to_form(is_typed=False) is events


def test_a_typed_event_that_holds_no_json_is_the_providers_fault() -> None:
    """It would be written as something else."""
    with pytest.raises(UpstreamError):
        _ = ImageEvents(pieces=[ImageEvent(unknown_json=b"{")]).sse
    assert image_event_to_json(ImageEvent()) is not None


def test_counts_are_told_as_openai_does() -> None:
    """The sums of what was read and written."""
    found = usage_message(plain(3, 4))
    assert (found.input_tokens, found.output_tokens, found.total_tokens) == (3, 4, 7)


@pytest.mark.parametrize(
    ("others", "steps"),
    [
        (b'{"steps": 28}', 28),
        (b'{"num_inference_steps": 4, "steps": null}', 4),
        (b'{"steps": 0}', 0),
        (b'{"steps": "28"}', 0),
        (b'{"steps": 1e99}', 0),
        (b'{"guidance": "steps"}', 0),
        (b"", 0),
    ],
)
def test_steps_are_counted_for_each_image_where_a_wish_names_them(
    others: bytes, steps: int
) -> None:
    """By either name; nonsense is no number of steps. What may be drawn counts as what was."""
    asked = wish(n=2, unknown_json=others)
    assert estimated_images(asked, None).count(STEP) == 2 * steps
    assert worst_images(asked, 10)[0].count(STEP) == 2 * steps

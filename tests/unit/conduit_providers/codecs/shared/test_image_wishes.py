"""Wishes for images in the words of dialects that have their own."""

from typing import Any

import orjson
import pytest

from conduit_kernel.errors import InvalidRequest, UnsupportedCapability, UnsupportedParameter
from conduit_providers.codecs.shared.image_wishes import (
    bare_images,
    drop_others,
    longer_side,
    one_image,
    ratio_of,
)
from conduit_providers.operations.image import ImageCall, image_request
from conduit_providers.quantities import IMAGE_INPUT, IMAGE_OUTPUT, INPUT, counted

RATIOS = ("1:1", "16:9", "9:16", "3:2")


def call(*, stream: bool = False, is_strict: bool = False, **members: object) -> ImageCall:
    """Return a call."""
    wish = {"model": "m", "prompt": "p", **members}
    form = image_request(json=orjson.dumps(wish))
    return ImageCall(form, alias="m", model="m", stream=stream, is_strict=is_strict, dropped=[])


def test_what_a_dialect_does_not_take_is_told() -> None:
    """But for what asks for no more than happens anyway; members nobody knows as well."""
    asked = call(quality="high", style="vivid", background="auto", seed=0, x_new=1, n=2)
    drop_others(asked, "P", frozenset({"n"}))
    assert sorted(asked.dropped) == ["quality", "seed", "style", "x_new"]
    own = [f"x_{place}" for place in range(9)]
    members: dict[str, Any] = dict.fromkeys(own, 1)
    asked = call(**members)
    drop_others(asked, "P", frozenset({"x_0"}))
    assert asked.dropped == own[1:]
    plain = call(response_format="b64_json", quality="auto", n=1, fallbacks=["b"], user="")
    drop_others(plain, "P", frozenset())
    assert plain.dropped == ["user"]
    with pytest.raises(UnsupportedParameter):
        drop_others(call(style="vivid", is_strict=True), "P", frozenset())


@pytest.mark.parametrize(
    ("size", "ratio", "dropped"),
    [
        ("auto", None, []),
        ("1024x1024", "1:1", []),
        ("16:9", "16:9", []),
        ("1792x1024", "16:9", []),
        ("1024x1792", "9:16", []),
        ("1536x1024", "3:2", []),
        ("1200x1000", "1:1", ["size"]),
    ],
)
def test_a_size_is_the_nearest_ratio(size: str, ratio: str | None, dropped: list[str]) -> None:
    """One that is another is told."""
    asked = call(size=size)
    assert ratio_of(asked, "P", RATIOS) == ratio
    assert asked.dropped == dropped


@pytest.mark.parametrize("size", ["large", "1024x", "0x10", "10x0", "9999999x1", "4:3:2", "x"])
def test_a_size_that_is_none_is_refused(size: str) -> None:
    """With its field, before a provider is asked."""
    with pytest.raises(InvalidRequest) as raised:
        ratio_of(call(size=size), "P", RATIOS)
    assert raised.value.metadata["field"] == "size"


def test_the_longer_side_chooses_how_large_an_image_is() -> None:
    """Where a provider has steps."""
    assert [longer_side(size) for size in ("1024x2048", "16:9", "", "auto")] == [2048, 0, 0, 0]


def test_several_images_do_not_make_one_stream() -> None:
    """Whole they are as many requests."""
    one_image(call(n=2), "P")
    one_image(call(stream=True), "P")
    with pytest.raises(UnsupportedCapability):
        one_image(call(stream=True, n=2), "P")


def test_an_answer_has_its_counts_where_there_are_some() -> None:
    """In OpenAI's shape."""
    used = counted(((INPUT, 3), (IMAGE_INPUT, 4), (IMAGE_OUTPUT, 5)))
    whole = orjson.loads(bare_images(9, [{"b64_json": "QQ=="}], used, size="8x8").json)
    assert whole == {
        "created": 9,
        "data": [{"b64_json": "QQ=="}],
        "size": "8x8",
        "usage": {
            "input_tokens": 7,
            "output_tokens": 5,
            "total_tokens": 12,
            "input_tokens_details": {"text_tokens": 3, "image_tokens": 4},
        },
    }
    assert "usage" not in orjson.loads(bare_images(9, [], None).json)

"""What a wish for images requires, and how one that is none is refused."""

import orjson
import pytest

from conduit_kernel.errors import InvalidRequest, MalformedJson
from conduit_providers.images import IMAGE, image_answer, images_of
from conduit_providers.model_rows import ImageModel, ModelRow
from conduit_providers.operation import Requirements
from conduit_providers.operations.image import OPERATION, ImageCall, image_request
from conduit_providers.quantities import plain
from conduit_providers.spec import Endpoint

BASE: dict[str, object] = {"model": "m", "prompt": "a red bicycle"}


def requirements(**members: object) -> Requirements:
    """Read a wish."""
    return OPERATION.requirements(orjson.dumps(BASE | members), stream=False)


def test_a_plain_wish_requires_nothing_special() -> None:
    """But a model and a prompt."""
    found = requirements(size="1024x1024", n=3)
    assert (found.model, found.operation, found.choices) == ("m", "image", 3)
    assert not found.capabilities


def test_a_transparent_background_requires_a_provider_that_has_it() -> None:
    """Another picture would come without."""
    assert requirements(background="transparent").capabilities == {"transparent"}
    assert not requirements(background="auto").capabilities


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"n": 0}, "n"),
        ({"n": 11}, "n"),
        ({"n": "2"}, "n"),
        ({"size": 1024}, "size"),
        ({"partial_images": 4}, "partial_images"),
        ({"Model": "x"}, "Model"),
    ],
)
def test_what_is_no_wish_is_refused_with_its_field(members: dict[str, object], field: str) -> None:
    """No provider is asked for it."""
    with pytest.raises(InvalidRequest) as raised:
        requirements(**members)
    assert raised.value.metadata["field"] == field


def test_what_is_no_json_is_refused() -> None:
    """It is not taken for a request of some other form."""
    with pytest.raises(MalformedJson):
        OPERATION.requirements(b"{", stream=False)


def test_images_that_nobody_counted_are_charged_by_number() -> None:
    """Those of the answer, or those that were asked for."""
    form = image_request(json=orjson.dumps(BASE | {"n": 2, "quality": "hd"}))
    answer = image_answer(usage=None, json=b'{"data":[{"url":"x"}]}')
    assert OPERATION.estimate(form, answer, 0, None, None) == images_of(1, quality="hd")
    assert OPERATION.estimate(form, None, 0, None, None) == images_of(2, quality="hd")


def test_what_does_not_fit_the_contract_is_still_counted() -> None:
    """A provider may take it all the same."""
    form = image_request(json=orjson.dumps(BASE | {"n": 2, "seed": "x"}))
    assert OPERATION.estimate(form, None, 0, None, None) == images_of(1)
    worst = OPERATION.worst_case(form, requirements(n=2))
    assert (worst.usage.count(IMAGE), worst.is_bounded) == (2, False)


def test_no_estimate_is_more_than_the_worst_case() -> None:
    """Whatever is billed."""
    form = image_request(json=orjson.dumps(BASE | {"n": 4}))
    worst = OPERATION.worst_case(form, requirements(n=4))
    assert worst.is_bounded
    assert worst.usage.count(IMAGE) >= OPERATION.estimate(form, None, 0, None, None).count(IMAGE)


def image_call(**members: object) -> ImageCall:
    """Return a call."""
    form = image_request(json=orjson.dumps(BASE | members))
    return ImageCall(form, alias="m", model="m", dropped=[])


@pytest.mark.parametrize(("most", "counts"), [(1, [1] * 5), (2, [2, 2, 1]), (5, [5]), (None, [5])])
def test_more_images_than_a_model_draws_are_several_calls(
    most: int | None, counts: list[int]
) -> None:
    """Each says what the whole says, but for the number; what is dropped is told once for all."""
    rows = (ModelRow(facts=ImageModel(max_images=most)),)
    whole = image_call(n=5, quality="high")
    parts = OPERATION.split(whole, Endpoint("stability_image", "/", models=rows))
    assert [part.typed.n for part in parts] == counts
    assert {part.typed.quality for part in parts} == {"high"}
    assert all(part.dropped is whole.dropped for part in parts)
    assert OPERATION.split(whole, Endpoint("openai_image", "/")) == (whole,)


def test_the_answers_of_parts_are_one() -> None:
    """In their order, with all that they used; not known where one of them did not say."""
    answers = [
        image_answer(usage=plain(1, 2), json=b'{"created":5,"data":[{"url":"a"}]}'),
        image_answer(usage=plain(3, 4), json=b'{"created":6,"data":[{"url":"b"},{"url":"c"}]}'),
    ]
    joined = OPERATION.join(answers)
    assert [image.url for image in joined.typed.data] == ["a", "b", "c"]
    assert joined.typed.created == 5
    assert joined.usage == plain(4, 6)
    assert joined.typed.usage.total_tokens == 10
    silent = image_answer(usage=None, json=b'{"data":[{"url":"d"}]}')
    assert OPERATION.join([*answers, silent]).usage is None
    assert OPERATION.join([silent]) is silent

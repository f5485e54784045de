"""What both operations of images have in common: parts, and images that came as addresses."""

import orjson
import pytest

from conduit.v1.form_pb2 import FormFile
from conduit.v1.image_edit_pb2 import ImageEditRequest
from conduit_providers.images import ImageEvents, image_answer
from conduit_providers.model_rows import ImageModel, ModelRow
from conduit_providers.operations import image, image_edit
from conduit_providers.quantities import plain
from conduit_providers.spec import Endpoint
from conduit_providers.typed_events import events_of
from conduit_providers.uploaded_form import uploaded_form

URL = "https://files.example/a.png"
MEDIA = {URL: ("image/png", b"A")}
ONE_EACH = Endpoint("stability_image", "/", models=(ModelRow(facts=ImageModel(max_images=1)),))
WISH: dict[str, object] = {"model": "m", "prompt": "p"}


@pytest.mark.parametrize(("wanted", "urls"), [("b64_json", [URL]), ("url", []), (None, [])])
@pytest.mark.parametrize("is_typed", [False, True])
def test_images_are_fetched_only_where_they_were_asked_for_themselves(
    wanted: str | None, urls: list[str], *, is_typed: bool
) -> None:
    """Those that are there need not be fetched."""
    members = {} if wanted is None else {"response_format": wanted}
    form = image.image_request(json=orjson.dumps(WISH | members))
    if is_typed:
        form = image.image_request(typed=form.typed)
    answer = image_answer(
        usage=None, json=orjson.dumps({"data": [{"url": URL}, {"b64_json": "Qg=="}]})
    )
    assert list(image.OPERATION.linked(form, answer)) == urls


@pytest.mark.parametrize("odd", [b"1e39", b"[{}]", b"{}", b"9" * 400])
def test_a_format_that_is_no_text_is_none_of_ours(odd: bytes) -> None:
    """The provider took it, so its answer is the caller's: nothing is fetched."""
    form = image.image_request(json=b'{"model":"m","prompt":"p","response_format":%b}' % odd)
    answer = image_answer(usage=None, json=orjson.dumps({"data": [{"url": URL}]}))
    assert not image.OPERATION.linked(form, answer)


def test_what_was_fetched_stands_in_the_place_of_its_address() -> None:
    """All else that the provider said stays."""
    whole = {
        "created": 5,
        "x_new": 1,
        "data": [{"url": URL, "revised_prompt": "q"}, {"b64_json": "Qg==", "url": URL}],
    }
    found = image.OPERATION.inlined(
        image_answer(usage=plain(1, 2), json=orjson.dumps(whole)), MEDIA
    )
    assert orjson.loads(found.json) == {
        **whole,
        "data": [{"b64_json": "QQ==", "revised_prompt": "q"}, {"b64_json": "Qg==", "url": URL}],
    }
    assert found.usage == plain(1, 2)


def test_events_have_the_images_themselves() -> None:
    """Whatever was asked for; others are not taken apart."""
    kind = "image_edit.completed"
    events = ImageEvents(sse=events_of([{"type": kind, "url": URL, "created_at": 5}]))
    assert list(image_edit.OPERATION.linked_in(events)) == [URL]
    found = image_edit.OPERATION.inlined_in(events, MEDIA)
    assert found.sse == events_of([{"type": kind, "b64_json": "QQ==", "created_at": 5}])
    plain_one = ImageEvents(sse=events_of([{"type": kind, "b64_json": "QQ=="}]))
    assert list(image_edit.OPERATION.linked_in(plain_one)) == []


@pytest.mark.parametrize("seed", [0, 7, 2**63 - 1, -(2**63)])
def test_images_of_a_seed_are_different_ones(seed: int) -> None:
    """The first one is the one of that seed, so that it can be drawn again."""
    form = image.image_request(json=orjson.dumps(WISH | {"n": 4, "seed": seed}))
    call = image.ImageCall(form, alias="m", model="m", dropped=[])
    seeds = [part.typed.seed for part in image.OPERATION.split(call, ONE_EACH)]
    assert seeds[0] == seed
    assert len(set(seeds)) == 4


def test_parts_of_an_edit_have_its_images() -> None:
    """Each of them all, also where they follow the request."""
    request = ImageEditRequest(model="m", prompt="p", n=2)
    request.images.add(file=FormFile(filename="a.png"))
    form = image_edit.edit_form(typed=request, boundary="b")
    call = image_edit.ImageEditCall(form, alias="m", model="m", dropped=[])
    parts = image_edit.OPERATION.split(call, ONE_EACH)
    assert [part.typed.n for part in parts] == [1, 1]
    assert all(part.typed.images == request.images for part in parts)
    assert {uploaded_form(part).boundary for part in parts} == {"b"}

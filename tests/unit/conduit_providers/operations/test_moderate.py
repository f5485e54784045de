"""What a request for a moderation requires."""

from typing import Any

import orjson
import pytest

from conduit.v1 import moderation_requests_pb2 as pb
from conduit.v1.moderation_pb2 import ModerationInput, ModerationPart, ModerationRequest
from conduit_kernel.errors import InvalidRequest, MalformedJson
from conduit_providers.model_rows import ModerateModel
from conduit_providers.operations.moderate import OPERATION, moderate_answer
from conduit_providers.quantities import plain

Json = dict[str, Any]
TEXT = {"type": "text", "text": "a"}
PICTURE = {"type": "image_url", "image_url": {"url": "https://x/y.png"}}


def body(given: object, **members: object) -> bytes:
    """Return a request."""
    return orjson.dumps({"input": given, **members})


def test_what_routing_goes_by() -> None:
    """The model, or the one that OpenAI takes where none is named."""
    found = OPERATION.requirements(body("a", model="m", fallbacks=["n"]), stream=False)
    assert (found.model, found.operation, found.fallbacks) == ("m", "moderate", ("n",))
    for members in ({}, {"model": ""}):
        assert OPERATION.requirements(body("a", **members), stream=False).model == (
            "omni-moderation-latest"
        )


@pytest.mark.parametrize(
    ("given", "needed"),
    [
        ("image_url", set()),
        (["a", "image_url"], set()),
        ([TEXT], set()),
        ([TEXT, PICTURE], {"vision"}),
    ],
)
def test_pictures_need_eyes(given: object, needed: set[str]) -> None:
    """Words about them do not."""
    assert OPERATION.requirements(body(given), stream=False).capabilities == needed


@pytest.mark.parametrize(
    "members",
    [{"input": ""}, {"input": []}, {"input": None}, {"input": 1}, {"input": [1]}, {"model": 1}],
)
def test_wrong_requests_are_refused_before_anybody_is_asked(members: Json) -> None:
    """With the member's name."""
    with pytest.raises(InvalidRequest) as refused:
        OPERATION.requirements(orjson.dumps({"input": "a", **members}), stream=False)
    assert refused.value.metadata["field"].partition("[")[0] in members


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[]", b"{}"])
def test_bodies_that_are_no_requests_are_refused(raw: bytes) -> None:
    """As for all operations."""
    with pytest.raises((MalformedJson, InvalidRequest)):
        OPERATION.requirements(raw, stream=False)


def test_free_models_use_nothing() -> None:
    """Of others about the text is counted, and never more than its bytes."""
    form = OPERATION.plain_form(body("hello"))
    worst = OPERATION.worst_case(form, OPERATION.requirements(form.json, stream=False))
    assert worst.is_bounded
    estimated = OPERATION.estimate(form, None, 0, None, ModerateModel())
    assert 0 < estimated.input_tokens <= worst.usage.input_tokens
    assert not OPERATION.estimate(form, None, 0, None, ModerateModel(is_free=True)).leaves


def test_both_forms_are_read_and_answered_alike() -> None:
    """Typed requests get typed answers."""
    part = ModerationPart(type="text", text="a")
    typed = ModerationRequest(model="m", input=[ModerationInput(part=part)])
    form = OPERATION.form_of(pb.ModerateRequest(moderation=typed))
    assert orjson.loads(form.json) == {"model": "m", "input": [TEXT]}
    assert OPERATION.form_of(pb.ModerateRequest(json=form.json)).typed == typed
    result = {"flagged": True, "categories": {"x": True}, "category_scores": {"x": 0.5}}
    answer = moderate_answer(
        usage=plain(3), json=orjson.dumps({"id": "1", "model": "m", "results": [result]})
    )
    response = pb.ModerateResponse()
    OPERATION.write(response, answer, is_typed=True)
    assert response.moderation.results[0].flagged
    OPERATION.write(response, answer, is_typed=False)
    assert response.json == answer.json

"""What a request for generated content requires."""

from typing import Any

import orjson
import pytest

from conduit.v1 import content_requests_pb2 as pb
from conduit.v1.content_pb2 import ContentGeneration
from conduit_kernel.errors import InvalidRequest, MalformedJson
from conduit_providers.operations.content import OPERATION
from conduit_providers.quantities import plain

Json = dict[str, Any]
HI: Json = {"role": "user", "parts": [{"text": "hi"}]}
PICTURE: Json = {"parts": [{"inline_data": {"mime_type": "image/png", "data": "AA=="}}]}


def body(**members: object) -> bytes:
    """Return a request."""
    return orjson.dumps({"model": "m", "contents": [HI], **members})


def test_what_routing_goes_by() -> None:
    """The model, the limit, how many answers, and what only an account has."""
    config = {"maxOutputTokens": 9, "candidateCount": 2}
    raw = body(generationConfig=config, cachedContent="cachedContents/1", fallbacks=["n"])
    found = OPERATION.requirements(raw, stream=True)
    assert (found.model, found.operation, found.stream) == ("m", "chat", True)
    assert (found.max_output, found.choices, found.fallbacks) == (9, 2, ("n",))
    assert found.resource == "cachedContents/1"


@pytest.mark.parametrize(
    ("members", "needed"),
    [
        ({}, set()),
        ({"tools": [{"googleSearch": {}}]}, {"tools"}),
        ({"tools": []}, set()),
        ({"generationConfig": {"responseMimeType": "application/json"}}, {"json_object"}),
        (
            {"generationConfig": {"responseMimeType": "application/json", "responseSchema": {}}},
            {"json_schema"},
        ),
        ({"contents": [PICTURE]}, {"vision"}),
        ({"contents": [{"parts": [{"text": "inlineData"}]}]}, set()),
    ],
)
def test_capabilities(members: Json, needed: set[str]) -> None:
    """Words alone need nothing."""
    assert OPERATION.requirements(body(**members), stream=False).capabilities == needed


@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b"{", b"\xff", b"[]", b'{"model":"m"}', b'{"contents":[1]}'),
        b'{"model":"m","contents":[]}',
        b'{"model":"m","contents":"a","generationConfig":{"temperature":"x"}}',
    ],
)
def test_bodies_that_are_no_requests_are_refused(raw: bytes) -> None:
    """Before anybody is asked."""
    with pytest.raises((MalformedJson, InvalidRequest)):
        OPERATION.requirements(raw, stream=False)


def test_both_forms_take_the_model_beside_them() -> None:
    """Over HTTP the path has it."""
    typed = ContentGeneration(contents_json=orjson.dumps([HI]))
    form = OPERATION.form_of(pb.GenerateContentRequest(content=typed, model="m"))
    assert orjson.loads(form.json) == {"model": "m", "contents": [HI]}
    raw = orjson.dumps({"contents": [HI]})
    named = OPERATION.form_of(pb.GenerateContentRequest(json=raw, model="m"))
    assert orjson.loads(named.json) == {"model": "m", "contents": [HI]}
    message = pb.StreamGenerateContentResponse()
    OPERATION.finished(message, plain(3, 4), is_typed=True)
    assert message.finished.usage.total_tokens == 7
